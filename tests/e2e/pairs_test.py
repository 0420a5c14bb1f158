"""The main job with every sensible pair of proxy and shim, times every factory, without a VM and
with one. E2E_FACTORIES names the factories (comma-separated)."""

import os
import unittest

import cc_test
import harness

PROCESS = ["--sandbox.hypervisor=process", "--hypervisor.process.allow_insecure=true"]
QEMU = ["--sandbox.hypervisor=qemu"]
FACTORIES = os.environ.get("E2E_FACTORIES", "direct").split(",")
# Of the line of Clear Containers there are only doubles, without a VM.
CC = ["--sandbox.agent=hyperstart", f"--hypervisor.process.agent={cc_test.DOUBLES}/hyperstart",
      f"--proxy.ccproxy.path={cc_test.DOUBLES}/cc-proxy",
      f"--shim.ccshim.path={cc_test.DOUBLES}/cc-shim"]
PAIRS = [("kataproxybuiltin", "katashimbuiltin"), ("kataproxy", "katashimbuiltin"),
         ("kataproxy", "katashim")]


class Matrix(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)
        self.options = []

    def command(self, *words):
        return [harness.SHOJI, "--root", self.root, words[0],
                *([] if words[0] == "gc" else self.options), *words[1:]]

    def main_job(self, name):
        """Streams, exit status, a second process from elsewhere, and the end."""
        process = self.start_ready(name)
        done = self.shoji("exec", "-i", name, "--", "sh", "-c", "cat; echo err >&2; exit 7",
                          input=b"in\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, b"in\n", b"err\n"))
        process.stdin.write(b"last\n")
        self.assertEqual(self.finish(process), b"last\n")

    def each(self, hypervisor, pairs):
        for factory in FACTORIES:
            for n, (proxy, shim) in enumerate(pairs):
                with self.subTest(factory=factory, proxy=proxy, shim=shim):
                    self.options = [*hypervisor, f"--sandbox.factory={factory}",
                                    f"--sandbox.proxy={proxy}", f"--sandbox.shim={shim}"]
                    self.main_job(f"m{os.getpid()}-{factory}-{n}")
                    self.assertEqual(self.leftovers(), [])

    @unittest.skipIf(FACTORIES != ["direct"], "a process has no state to make others from")
    def test_without_a_vm(self):
        self.each(PROCESS, PAIRS)
        self.each([*PROCESS, *CC], [("ccproxy", "ccshim")])

    @unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
    def test_with_a_vm(self):
        self.each(QEMU, PAIRS)

    def test_noop_goes_with_noop_and_leads_nowhere(self):
        self.options = [*PROCESS, "--sandbox.proxy=noopproxy", "--sandbox.shim=noopshim"]
        done = self.shoji("run", "--name", f"m{os.getpid()}-noop", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertNotIn(b"cannot work together", done.stderr)
        self.assertIn(b"the guest cannot be reached", done.stderr)


if __name__ == "__main__":
    harness.main()
