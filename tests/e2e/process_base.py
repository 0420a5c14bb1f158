"""What the tests on hypervisor "process" share: its options, and what it may leave behind."""

import os

import harness

PROCESS = ["--sandbox.hypervisor=process", "--hypervisor.process.allow_insecure=true"]


def host_mounts():
    """Those of the machine, without the sandboxes that other tests run meanwhile."""
    with open("/proc/self/mountinfo") as f:
        points = (line.split()[4] for line in f)
        return sorted(p for p in points if "/sandboxes/" not in p and "/tmp/api-test-" not in p)


def cgroups(root):
    """Groups of ours whose VM's directory lies below `root` cannot be told from their names:
    all that are there, by the sandboxes' ids."""
    with open("/proc/self/mountinfo") as f:
        trees = [line.split()[4] for line in f if " - cgroup2 " in line]
    return [tree + "/shoji-process/" + name for tree in trees
            if os.path.isdir(tree + "/shoji-process") for name in
            os.listdir(tree + "/shoji-process")]


class ProcessTest(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)
        self.name = f"p{os.getpid()}-{self._testMethodName[5:]}"[:60].rstrip("-_").replace("_", "-")
        self.mounts = host_mounts()

    def command(self, *words):
        # The options of the program belong behind its command, which may have two words.
        split = 2 if words[0] == "device" else 1
        return [harness.SHOJI, "--root", self.root, *words[:split], *PROCESS, *words[split:]]

    def leftovers(self):
        left = super().leftovers()
        left += [f"cgroup {c}" for c in cgroups(self.root)
                 if os.path.basename(c).startswith(self.name)]
        with open("/proc/mounts") as f:
            left += [f"mount {line}" for line in f if self.root in line]
        for device in os.listdir("/sys/block"):
            try:
                with open(f"/sys/block/{device}/loop/backing_file") as f:
                    if f.read().startswith(self.root):
                        left.append("loop device " + device)
            except (FileNotFoundError, NotADirectoryError, OSError):
                pass
        return left

    def run_in(self, *words, **kwargs):
        return self.shoji("run", "--name", self.name, *words, **kwargs)
