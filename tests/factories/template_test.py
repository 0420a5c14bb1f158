"""`shoji run` with the factory "template", on real guests: identity, size, network, damage, death."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

# What must not be the same in two clones, one line each.
IDENTITY = ("head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo; "
            "cat /proc/sys/kernel/random/boot_id; hostname; "
            "cat /sys/class/dmi/id/product_uuid /etc/machine-id 2>/dev/null; date +%s")


class TemplateTest(harness.ShojiTest):
    options = ()

    def setUp(self):
        super().setUp()
        self.shelf = self.root + "/template"

    def command(self, *words):
        return [harness.SHOJI, "--root", self.root, "--log.level=info",
                "--sandbox.factory=template", *self.options, *words]

    def leftovers(self):
        left = super().leftovers()
        factory = self.root + "/factory"
        if os.path.isdir(factory):
            left += [f"workshop {name}" for name in os.listdir(factory)]
        if os.path.isdir(self.shelf):
            left += [f"half {name}" for name in os.listdir(self.shelf) if "." in name]
        return left

    def clone(self, script, *words):
        """Standard output and the log of a run."""
        done = self.shoji(*words, "run", "--", "sh", "-c", script)
        log = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, 0, log)
        return done.stdout.decode(), log

    def templates(self):
        return sorted(os.listdir(self.shelf)) if os.path.isdir(self.shelf) else []

    def prepared(self):
        out, log = self.clone("echo made")
        self.assertEqual(out, "made\n")
        self.assertIn("made template", log)
        (name,) = self.templates()
        return f"{self.shelf}/{name}"

    def assert_clone(self, *words):
        out, log = self.clone("echo cloned", *words)
        self.assertEqual(out, "cloned\n")
        self.assertNotIn("made template", log)
        self.assertNotIn("not cloned", log)


class Identity:
    def test_two_clones_share_nothing_but_memory(self):
        self.prepared()
        lines = []
        for _ in range(2):
            before = time.time()
            out, log = self.clone(IDENTITY)
            self.assertNotIn("made template", log)
            *own, seconds = out.split()
            self.assertLessEqual(int(before) - 1, int(seconds))
            self.assertLessEqual(int(seconds), time.time() + 1)
            lines.append(own)
        self.assertEqual(len(lines[0][0]), 64)
        self.assertGreaterEqual(len(lines[0]), 3)
        self.assertEqual(set(lines[0]) & set(lines[1]), set())


class PC(Identity, TemplateTest):
    def test_more_cpus_and_memory_than_the_template(self):
        self.prepared()
        out, log = self.clone("nproc; sed -n 's/MemTotal: *//p' /proc/meminfo",
                              "--hypervisor.qemu.max_vcpus=4")
        self.assertIn("made template", log)  # another option: another template
        done = self.shoji("run", "--cpus", "2", "--memory", "512M", "--", "sh", "-c",
                          "nproc; sed -n 's/MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo")
        log = done.stderr.decode()
        self.assertEqual(done.returncode, 0, log)
        self.assertNotIn("not cloned", log)
        cpus, kilobytes = done.stdout.split()
        self.assertEqual(int(cpus), 2)
        self.assertGreater(int(kilobytes), 400 << 10)

    def test_damaged_templates_are_made_again(self):
        made = self.prepared()
        os.truncate(made + "/memory", 1 << 20)
        self.assertIn("cannot be used", self.clone("true")[1])
        self.assert_clone()
        os.truncate(made + "/state/state", 1000)
        self.assertIn("made again", self.clone("true")[1])
        os.remove(made + "/state/manifest.json")
        self.assertIn("made again", self.clone("true")[1])
        self.assert_clone()
        subprocess.run(["rm", "-r", made], check=True)
        self.assertIn("made template", self.clone("true")[1])

    def test_no_room(self):
        os.mkdir(self.shelf, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200M,mode=700", "tpl", self.shelf], check=True)
        try:
            with open(self.shelf + "/filler", "wb") as f:
                f.write(b"x" * (130 << 20))
            self.assertIn("MiB are free in", self.clone("true")[1])
            # Enough by the numbers, and yet full before the guest is up.
            out, log = self.clone("echo whole", "--factory.template.min_free=0")
            self.assertEqual(out, "whole\n")
            os.remove(self.shelf + "/filler")
            with open(self.shelf + "/filler", "wb") as f:
                f.write(b"x" * (90 << 20))
            out, log = self.clone("echo whole", "--factory.template.min_free=0")
            self.assertEqual(out, "whole\n")
            self.assertEqual(self.templates()[-1:], ["filler"] if "not cloned" in log
                             else self.templates()[-1:])
        finally:
            subprocess.run(["umount", "-l", self.shelf], check=True)

    def test_prepared_shown_and_destroyed_by_the_operator(self):
        def state():
            return json.loads(self.run_ok("factory", "status", "--format", "json"))
        self.run_ok("factory", "init")
        self.assertEqual(state()["ready"], 1)
        self.assert_clone()
        process = self.start_ready("web")
        self.assertEqual([t["clones"] for t in state()["templates"]], [1])
        self.run_ok("factory", "destroy")
        self.assertEqual(state()["ready"], 1, "one that is used stays")
        self.finish(process)
        self.run_ok("factory", "destroy")
        self.assertFalse(os.path.exists(self.shelf))

    def test_two_make_it_at_once(self):
        first = self.start("run", "--", "echo", "one")
        second = self.start("run", "--", "echo", "two")
        logs = []
        for process, word in ((first, b"one\n"), (second, b"two\n")):
            out, err = process.communicate(timeout=harness.LIMIT)
            self.assertEqual((process.returncode, out), (0, word), err)
            logs.append(err)
        self.assertEqual(sum(b"made template" in log for log in logs), 1, logs)
        self.assertEqual(len(self.templates()), 1)

    def test_maker_killed(self):
        for cleaner in ("gc", "run"):
            process = self.start("run", "--", "true")
            self.wait_for(lambda: any(n.endswith(".new") and
                                      os.path.exists(f"{self.shelf}/{n}/memory")
                                      for n in self.templates()))
            process.kill()
            process.wait()
            self.assertTrue(harness.processes_of(self.root))
            if cleaner == "run":
                self.assertIn("made template", self.clone("true")[1])
            self.run_ok("gc")
            self.assertEqual(harness.processes_of(self.root), {})
            self.assertEqual(self.leftovers(), [])

    def test_a_clones_caller_killed(self):
        self.prepared()
        process = self.start_ready("web")
        process.kill()
        process.wait()
        self.run_ok("gc")
        self.assertEqual(self.leftovers(), [])
        self.assert_clone()

    def wait_for(self, condition):
        deadline = time.monotonic() + harness.LIMIT
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


@unittest.skipUnless(os.geteuid() == 0, "network namespaces need root")
class Network(TemplateTest):
    """Clones with a network device each, plugged after they came out of the template."""

    def setUp(self):
        super().setUp()
        self.names = [f"tpl{os.getpid()}{side}" for side in "ab"]
        for number, name in enumerate(self.names):
            for command in (f"ip netns add {name}",
                            f"ip -n {name} link add eth0 type veth peer name peer0",
                            f"ip -n {name} addr add 10.9.{number}.2/24 dev eth0",
                            f"ip -n {name} link set eth0 up", f"ip -n {name} link set peer0 up"):
                subprocess.run(command.split(), check=True)
            self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=False)

    def test_each_has_its_own(self):
        self.prepared()
        seen = []
        for number, name in enumerate(self.names):
            done = self.shoji("run", "--netns", f"/run/netns/{name}", "--", "sh", "-c",
                              "cat /sys/class/net/eth0/address; ip -4 -o addr show eth0")
            log = done.stderr.decode()
            self.assertEqual(done.returncode, 0, log)
            self.assertNotIn("not cloned", log)
            self.assertIn(f"10.9.{number}.2/24", done.stdout.decode())
            seen.append(done.stdout.split()[0])
        self.assertNotEqual(*seen)


class Microvm(Identity, TemplateTest):
    options = ("--hypervisor.qemu.machine=microvm",)

    def test_another_size_is_another_template(self):
        self.prepared()
        self.assert_clone()
        done = self.shoji("run", "--cpus", "2", "--", "nproc")
        self.assertEqual(done.stdout, b"2\n", done.stderr)
        self.assertIn(b"made template", done.stderr)
        self.assertEqual(len(self.templates()), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
