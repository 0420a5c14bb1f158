"""What the end-to-end tests share: the program under test, its state, and leak checks.

Every test case has a state directory of its own, so that tests may run side by side, and
afterwards looks for what was left: processes, mounts, directories, records.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

SHOJI = os.environ["E2E_SHOJI"]
PREFIX = os.path.dirname(os.path.dirname(SHOJI))
ROOTFS = PREFIX + "/share/shoji/rootfs/busybox"
MANIFEST = PREFIX + "/share/shoji/guest/manifest.json"
# `shoji run` would make a template for each test's directory; those about factories ask for it.
os.environ.setdefault("SHOJI_SANDBOX_FACTORY", "direct")
# A guest boots in seconds without KVM, but a busy machine may need a lot more.
LIMIT = 180


def processes_of(root):
    """Processes that Shoji started for sandboxes below `root`, as {pid: command line}."""
    mark = ("SHOJI_SANDBOX_DIR=" + root).encode()
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if any(v.startswith(mark) for v in f.read().split(b"\0")):
                    with open(f"/proc/{pid}/cmdline", "rb") as c:
                        found[int(pid)] = c.read().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass  # it has ended meanwhile
    return found


def mounts_below(root):
    with open("/proc/self/mountinfo") as f:
        points = [line.split()[4] for line in f]
    return [p for p in points if p.startswith(root + "/")]


class ShojiTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="shoji-e2e-")
        self.started = []
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        """Checks that nothing is left; then removes what is left all the same."""
        left = [f"still running: {p.args}" for p in self.started if p.poll() is None]
        left += self.leftovers()
        for process in self.started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        for pid in processes_of(self.root):
            os.kill(pid, signal.SIGKILL)
        for point in reversed(mounts_below(self.root)):
            subprocess.run(["umount", "-l", point], check=False)
        shutil.rmtree(self.root, ignore_errors=True)
        self.assertEqual(left, [], "left behind")

    def leftovers(self):
        left = [f"process {pid}: {cmd}" for pid, cmd in processes_of(self.root).items()]
        left += [f"mount {p}" for p in mounts_below(self.root)]
        sandboxes = self.root + "/sandboxes"
        if os.path.isdir(sandboxes):
            left += [f"directory {d}" for d in os.listdir(sandboxes)]
        for folder, _, names in os.walk(self.root + "/store"):
            records = folder[len(self.root):]
            if "/sandboxes" in records or "/containers" in records:
                left += [f"record {records}/{n}" for n in names]
        return left

    def command(self, *words):
        return [SHOJI, "--root", self.root, *words]

    def start(self, *words, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(self.command(*words), **kwargs)
        self.started.append(process)
        return process

    def shoji(self, *words, **kwargs):
        kwargs.setdefault("timeout", LIMIT)
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.command(*words), capture_output=True, **kwargs)

    def run_ok(self, *words, **kwargs):
        done = self.shoji(*words, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def json(self, *words):
        return json.loads(self.run_ok(*words, "--format", "json"))

    def assert_fails(self, done, status, *texts):
        """One clear line, the exit status, and what the line must name."""
        message = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, message)
        self.assertEqual(message.count("\n"), 1, message)
        for text in texts:
            self.assertIn(text, message)

    def start_ready(self, name, *options):
        """A sandbox whose process has said that it runs; reads from its stdin until it ends."""
        process = self.start("run", "-i", "--name", name, *options, "--", "sh", "-c",
                             "echo ready; exec cat", stdin=subprocess.PIPE)
        line = process.stdout.readline()
        if line != b"ready\n":
            self.fail(f"{line!r} {process.communicate()[1]!r}")
        return process

    def finish(self, process, status=0):
        """Ends what start_ready() started."""
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, status, err.decode(errors="replace"))
        return out


def main():
    unittest.main(verbosity=2)
