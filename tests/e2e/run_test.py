"""`shoji run`: exit statuses, streams, isolation, side by side."""

import hashlib
import json
import os
import subprocess

import harness


class Run(harness.ShojiTest):
    def test_kernel_is_the_guests(self):
        with open(harness.MANIFEST) as f:
            release = json.load(f)["kernel"]["release"]
        self.assertEqual(self.run_ok("run", "--", "uname", "-r").strip(), release)
        self.assertNotEqual(release, os.uname().release)

    def test_exit_status_passes_through(self):
        self.assertEqual(self.shoji("run", "--", "sh", "-c", "exit 7").returncode, 7)

    def test_streams_stay_apart_and_keep_their_last_bytes(self):
        done = self.shoji("run", "--", "sh", "-c", "printf out; printf err >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, b"out", b"err"))

    def test_stdin_arrives_whole(self):
        data = os.urandom(50 << 20)
        done = self.shoji("run", "-i", "--", "md5sum", input=data)
        self.assertEqual(done.stdout.split()[:1], [hashlib.md5(data).hexdigest().encode()])

    def test_stdout_arrives_whole(self):
        size = 100 << 20
        done = self.shoji("run", "--", "sh", "-c", f"yes shoji | head -c {size}")
        self.assertEqual(len(done.stdout), size)
        expected = (b"shoji\n" * (size // 6 + 1))[:size]
        self.assertEqual(hashlib.md5(done.stdout).digest(), hashlib.md5(expected).digest())

    def test_without_interactive_stdin_is_at_its_end(self):
        done = self.shoji("run", "--", "cat", input=b"not for the guest")
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_reader_that_goes_away_ends_the_run(self):
        process = self.start("run", "--", "yes")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(harness.LIMIT), 141)
        process.stderr.close()

    def test_signal_reaches_the_process(self):
        # A shell looks at its traps between commands.
        script = "trap 'echo got; exit 9' INT; echo ready; while :; do sleep 0.1; done"
        process = self.start("run", "--", "sh", "-c", script)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(2)
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual((process.returncode, out), (9, b"got\n"), err)

    def test_four_side_by_side(self):
        runs = [self.start("run", "--", "sh", "-c", f"echo {i}; exit {i}") for i in range(4)]
        for i, process in enumerate(runs):
            out, err = process.communicate(timeout=harness.LIMIT)
            self.assertEqual((process.returncode, out), (i, f"{i}\n".encode()), err)

    def test_options_are_seen_inside(self):
        script = ("hostname; pwd; id -u; id -g; echo $A; nproc; "
                  "awk '/MemTotal/ {print ($2 > 300000)}' /proc/meminfo; cat /in/hello; "
                  "touch /in/x 2>/dev/null || echo read-only; echo back > /out/file")
        volume = self.root + "/volume"
        os.makedirs(volume + "/out")
        with open(volume + "/hello", "w") as f:
            f.write("from the host\n")
        os.chmod(volume + "/out", 0o777)
        out = self.run_ok("run", "--hostname", "sliding", "--workdir", "/tmp", "--user",
                          "1000:1000", "--env", "A=b c", "--cpus", "2", "--memory", "512M", "-v",
                          volume + ":/in:ro", "-v", volume + "/out:/out", "--", "sh", "-c", script)
        self.assertEqual(out.split("\n")[:-1], ["sliding", "/tmp", "1000", "1000", "b c", "2", "1",
                                                "from the host", "read-only"])
        with open(volume + "/out/file") as f:
            self.assertEqual(f.read(), "back\n")

    def test_isolation(self):
        script = """
            echo pid $$
            awk '/^CapEff/ {print "caps", $2} /^NoNewPrivs/ {print "nnp", $2}' /proc/self/status
            cat /proc/1/comm
            wc -c < /proc/kcore 2>/dev/null || echo masked
            echo x 2>/dev/null > /proc/sysrq-trigger || echo ro
            mount -t tmpfs x /mnt 2>/dev/null || echo no-mount
            ls /init 2>/dev/null || echo no-initrd
            cat /proc/self/cgroup
        """
        out = self.run_ok("run", "--", "sh", "-c", script).split("\n")
        self.assertEqual(out[:8], ["pid 1", "caps 00000000800405fb", "nnp 1", "sh", "0", "ro",
                                   "no-mount", "no-initrd"])
        self.assertEqual(out[8], "0::/")

    def test_sample_rootfs_keeps_nothing(self):
        self.run_ok("run", "--", "sh", "-c", "rm -rf /bin; echo gone > /left")
        self.assertTrue(os.path.exists(harness.ROOTFS + "/bin/sh"))
        self.assertFalse(os.path.exists(harness.ROOTFS + "/left"))

    def test_bundle(self):
        bundle = self.root + "/bundle"
        os.makedirs(bundle + "/rootfs")
        subprocess.run(["cp", "-a", harness.ROOTFS + "/.", bundle + "/rootfs"], check=True)
        spec = {
            "ociVersion": "1.0.2",
            "process": {"args": ["sh", "-c", "echo $GREETING > /made; cat /made; exit 4"],
                        "env": ["PATH=/bin", "GREETING=hello"], "cwd": "/",
                        "user": {"uid": 0, "gid": 0}},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network"}]},
        }
        with open(bundle + "/config.json", "w") as f:
            json.dump(spec, f)
        done = self.shoji("run", "--bundle", bundle)
        self.assertEqual((done.returncode, done.stdout), (4, b"hello\n"), done.stderr)
        with open(bundle + "/rootfs/made") as f:
            self.assertEqual(f.read(), "hello\n")

    def test_timings(self):
        path = self.root + "/timings.json"
        done = self.shoji("run", "--timings", "--timings-json", path, "--", "echo", "x")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path) as f:
            names = [stage["name"] for stage in json.load(f)["stages"]]
        for name in ["vm.process", "vm.qmp", "guest.boot", "container.create", "container.start",
                     "io.first_byte", "sandbox.teardown"]:
            self.assertIn(name, names)
            self.assertIn(name.encode(), done.stderr)


if __name__ == "__main__":
    harness.main()
