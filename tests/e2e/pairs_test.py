"""The main job with every sensible pair of proxy and shim, times every factory, without a VM and
with one. E2E_FACTORIES names the factories (comma-separated)."""

import os
import signal
import subprocess
import time
import unittest

import cc_test
import harness

PROCESS = ["--sandbox.hypervisor=process", "--hypervisor.process.allow_insecure=true"]
HYBRID = ["--hypervisor.process.hybrid_vsock=true"]
QEMU = ["--sandbox.hypervisor=qemu"]
FACTORIES = os.environ.get("E2E_FACTORIES", "direct,template,cache").split(",")
# Proxy, shim, and the options that the two need.
ON_SERIAL = [("kataproxybuiltin", "katashimbuiltin", []), ("kataproxy", "katashimbuiltin", []),
             ("kataproxy", "katashim", [])]
ON_VSOCK = [("noproxy", "katashimbuiltin", HYBRID), ("noproxy", "katashim", HYBRID)]
# Of the line of Clear Containers there are only doubles, without a VM.
CC = ["--sandbox.agent=hyperstart", f"--hypervisor.process.agent={cc_test.DOUBLES}/hyperstart",
      f"--proxy.ccproxy.path={cc_test.DOUBLES}/cc-proxy",
      f"--shim.ccshim.path={cc_test.DOUBLES}/cc-shim"]


class Matrix(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)
        self.options = []

    def command(self, *words):
        if words[0] in ("factory", "gc"):
            return [harness.SHOJI, "--root", self.root, *self.options, *words]
        return [harness.SHOJI, "--root", self.root, words[0], *self.options, *words[1:]]

    def main_job(self, name, look):
        """Streams, exit status, a second process from elsewhere, and the end. What was logged."""
        process = self.start_ready(name)
        done = self.shoji("exec", "-i", name, "--", "sh", "-c", "cat; echo err >&2; exit 7",
                          input=b"in\n")
        self.assertEqual((done.returncode, done.stdout), (7, b"in\n"), done.stderr)
        self.assertTrue(done.stderr.endswith(b"err\n"), done.stderr)
        look(name)
        process.stdin.write(b"last\n")
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual((process.returncode, out), (0, b"last\n"), err)
        return err.decode(errors="replace")

    def each(self, factory, hypervisor, pairs, look=lambda name: None):
        """What was logged, of each pair."""
        logs = []
        for n, (proxy, shim, more) in enumerate(pairs):
            with self.subTest(factory=factory, proxy=proxy, shim=shim):
                self.options = [*hypervisor, *more, "--log.level=info",
                                f"--sandbox.factory={factory}", f"--sandbox.proxy={proxy}",
                                f"--sandbox.shim={shim}"]
                logs.append(self.main_job(f"m{os.getpid()}-{factory}-{n}", look))
                self.await_nothing_left()
        return logs

    def await_nothing_left(self):
        # What waits in a server is no leftover.
        left = [one for one in self.leftovers() if "/factory/" not in one]
        left = [one for one in left if not self.is_kept(one)]
        self.assertEqual(left, [])

    def is_kept(self, left):
        """A process that a server keeps ready."""
        if not left.startswith("process "):
            return False
        pid = left.split()[1].rstrip(":")
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                return ("SHOJI_SANDBOX_DIR=" + self.root + "/factory/").encode() in f.read()
        except (FileNotFoundError, ProcessLookupError):
            return True  # ended meanwhile

    def serve(self, *options):
        """A server of the cache, for as long as the test takes."""
        self.options = [*options, "--factory.cache.size=1"]
        server = self.start("factory", "serve", stdout=subprocess.DEVNULL)
        self.addCleanup(self.end, server)
        return server

    def end(self, server):
        server.send_signal(signal.SIGTERM)
        server.wait(harness.LIMIT)

    def await_ready(self, server, *options):
        self.options = [*options, "--factory.cache.size=1"]
        end = time.monotonic() + harness.LIMIT
        while not (status := self.json("factory", "status", "--factory", "cache"))["ready"]:
            if server.poll() is not None:
                self.fail(server.stderr.read().decode())
            self.assertLess(time.monotonic(), end, status)
            time.sleep(0.1)

    def is_clone(self, name):
        mark = f"{self.root}/sandboxes/{name}"
        commands = [c for c in harness.processes_of(mark).values() if "-accel" in c]
        self.assertEqual([("-incoming" in c) for c in commands], [True], commands)

    def was_held(self, name):
        self.assertTrue(os.path.isdir(f"{self.root}/sandboxes/{name}/held"))


@unittest.skipUnless("direct" in FACTORIES, "another factory was asked for")
class Direct(Matrix):
    def test_without_a_vm(self):
        self.each("direct", PROCESS, ON_SERIAL + ON_VSOCK)
        self.each("direct", PROCESS, [("ccproxy", "ccshim", CC)])

    @unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
    def test_with_a_vm(self):
        self.each("direct", QEMU, ON_SERIAL)

    def test_noop_goes_with_noop_and_leads_nowhere(self):
        for factory in FACTORIES:
            self.options = [*PROCESS, "--sandbox.proxy=noopproxy", "--sandbox.shim=noopshim",
                            f"--sandbox.factory={factory}"]
            done = self.shoji("run", "--name", f"m{os.getpid()}-noop", "--", "true")
            self.assertEqual(done.returncode, 125)
            self.assertNotIn(b"cannot work together", done.stderr)
            self.assertIn(b"the guest cannot be reached", done.stderr)
            self.assertEqual(self.leftovers(), [])


@unittest.skipUnless("template" in FACTORIES, "another factory was asked for")
class Template(Matrix):
    def test_a_process_has_no_state_to_make_others_from(self):
        for log in self.each("template", PROCESS, ON_SERIAL + ON_VSOCK):
            self.assertRegex(log, "is booted and not cloned: .*hypervisor \"process\" ")
        self.assertEqual(os.listdir(self.root + "/template"), [])

    @unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
    def test_with_a_vm(self):
        logs = self.each("template", QEMU, ON_SERIAL, self.is_clone)
        self.assertEqual(["made template" in log for log in logs], [True, False, False], logs)


@unittest.skipUnless("template" in FACTORIES, "another factory was asked for")
@unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
class Unconfigured(Matrix):
    """Who types `shoji run` has said nothing about factories."""

    def run_with(self, **environment):
        self.options = ["--log.level=info"]
        done = self.shoji("run", "--", "echo", "ran",
                          env={k: v for k, v in os.environ.items() if k != "SHOJI_SANDBOX_FACTORY"}
                          | environment)
        self.assertEqual((done.returncode, done.stdout), (0, b"ran\n"), done.stderr)
        return done.stderr

    def test_is_cloned_unless_that_is_switched_off(self):
        self.assertNotIn(b"factory", self.run_with(SHOJI_SANDBOX_FACTORY="direct"))
        self.assertIn(b"VMs are cloned from a template", self.run_with())
        self.assertTrue(os.listdir(self.root + "/template"))


@unittest.skipUnless("cache" in FACTORIES, "another factory was asked for")
class Cache(Matrix):
    def from_server(self, pairs, *options):
        """Each pair gets a VM of one server: which proxy it was made with does not matter."""
        server = self.serve(*options)
        for pair in pairs:
            self.await_ready(server, *options)
            (log,) = self.each("cache", [*options, "--factory.cache.size=1"], [pair],
                               self.was_held)
            self.assertNotIn("no VM that waited is used", log)

    def test_without_a_vm(self):
        self.from_server(ON_SERIAL, *PROCESS)

    def test_without_a_vm_over_vsock(self):
        self.from_server(ON_VSOCK, *PROCESS, *HYBRID, "--sandbox.proxy=noproxy")

    @unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
    def test_with_a_vm(self):
        self.from_server(ON_SERIAL, *QEMU, "--factory.cache.base=template")


if __name__ == "__main__":
    harness.main()
