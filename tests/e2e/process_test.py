"""Hypervisor "process": the whole stack without a VM, in milliseconds."""

import os
import signal
import subprocess

import harness
import process_base
from process_base import host_mounts


class Process(process_base.ProcessTest):
    def test_runs_and_says_that_it_is_insecure(self):
        done = self.run_in("--", "sh", "-c", "printf out; printf err >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, b"out"), done.stderr)
        self.assertTrue(done.stderr.endswith(b"err"), done.stderr)
        self.assertIn(b"NO ISOLATION", done.stderr)

    def test_refuses_unless_it_is_allowed(self):
        done = subprocess.run([harness.SHOJI, "--root", self.root, "run",
                               "--sandbox.hypervisor=process", "--", "true"],
                              capture_output=True, timeout=harness.LIMIT)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"hypervisor.process.allow_insecure = true", done.stderr)
        self.assertIn(b"no isolation boundary", done.stderr)

    def test_kernel_is_the_hosts_and_all_else_is_not(self):
        script = "uname -r; hostname; echo $$; ls /proc/1/root/work 2>/dev/null; ls /sys/class/net"
        done = self.run_in("--", "sh", "-c", script)
        self.assertEqual(done.stdout.decode().split(), [os.uname().release, self.name, "1", "lo"])

    def test_stdin_and_volumes(self):
        volume = self.root + "/volume"
        os.makedirs(volume)
        with open(volume + "/hello", "w") as f:
            f.write("from the host\n")
        done = self.run_in("-i", "-v", volume + ":/in", "--", "sh", "-c",
                           "cat /in/hello; cat > /in/back", input=b"and back")
        self.assertEqual((done.returncode, done.stdout), (0, b"from the host\n"), done.stderr)
        with open(volume + "/back") as f:
            self.assertEqual(f.read(), "and back")

    def test_large_streams_arrive_whole(self):
        data = os.urandom(20 << 20)
        done = self.run_in("-i", "--", "cat", input=data)
        self.assertEqual(len(done.stdout), len(data))
        self.assertEqual(done.stdout, data)

    def test_exec_and_delete_from_other_processes(self):
        process = self.start_ready(self.name)
        done = self.shoji("exec", self.name, "--", "sh", "-c", "echo $((6*7)); exit 5")
        self.assertEqual((done.returncode, done.stdout), (5, b"42\n"), done.stderr)
        pids = harness.processes_of(self.root)
        self.assertGreaterEqual(len(pids), 2, "keeper and agent carry the mark")
        self.assertEqual(host_mounts_outside(self.root), [p for p in self.mounts])
        self.finish(process)

    def test_killed_owner_leaves_what_gc_finds(self):
        process = self.start_ready(self.name)
        process.kill()
        process.wait()
        self.assertTrue(harness.processes_of(self.root))
        self.shoji("gc")
        self.assertEqual(self.leftovers(), [])

    def test_killed_keeper_ends_the_sandbox(self):
        process = self.start_ready(self.name)
        keeper = min(pid for pid, cmd in harness.processes_of(self.root).items()
                     if "shoji-process-agent" in cmd)
        os.kill(keeper, signal.SIGKILL)
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertNotEqual(process.returncode, 0, (out, err))
        self.shoji("gc")

    def test_everything_killed_at_once(self):
        process = self.start_ready(self.name)
        pids = list(harness.processes_of(self.root))
        process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        self.shoji("gc")
        self.assertEqual(self.leftovers(), [])

    def test_many_side_by_side(self):
        runs = [self.start("run", "--name", f"{self.name}-{i}", "--", "sh", "-c",
                           f"echo {i}; exit {i}") for i in range(8)]
        for i, process in enumerate(runs):
            out, err = process.communicate(timeout=harness.LIMIT)
            self.assertEqual((process.returncode, out), (i, f"{i}\n".encode()), err)

    def test_mock_fails_as_its_script_says(self):
        def run(script):
            return subprocess.run(
                [harness.SHOJI, "--root", self.root, "run", "--sandbox.hypervisor=mock",
                 "--hypervisor.process.allow_insecure=true", "--hypervisor.mock.script=" + script,
                 "--name", self.name, "--", "echo", "hi"],
                capture_output=True, timeout=harness.LIMIT)
        self.assertEqual(run("").stdout, b"hi\n")
        for script, text in [("start:1:UNAVAILABLE:no power", b"no power"),
                             ("start:1:late-UNKNOWN:after all", b"after all"),
                             ("create:1:RESOURCE_EXHAUSTED:full", b"full"),
                             ("agent_endpoint:1:kill", b""),
                             ("save_state:1:INTERNAL:no state", b"no state"),
                             ("pids:1:late-UNKNOWN:no pids", b"no pids")]:
            done = run(script)
            self.assertNotEqual(done.returncode, 0, script)
            self.assertIn(text, done.stderr, script)
            self.assertEqual(self.leftovers(), [], script)
        self.assertEqual(run("stop:9:hang").stdout, b"hi\n")
        done = run("start:x:hang")
        self.assertIn(b"script, character 7", done.stderr)


def host_mounts_outside(root):
    return [p for p in host_mounts() if not p.startswith(root)]


if __name__ == "__main__":
    harness.main()
