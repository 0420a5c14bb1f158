"""What the tests of the OCI command line share: bundles, and commands as an engine gives them.

Sandboxes are those of hypervisor "process", which boot at once, unless OCI_HYPERVISOR says "qemu".
"""

import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402

HYPERVISOR = os.environ.get("OCI_HYPERVISOR", "process")
NAMESPACES = ["pid", "network", "ipc", "uts", "mount"]


def default_spec(*args):
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/usr/bin:/bin:/sbin", "TERM=xterm"],
            "cwd": "/",
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "oci",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES]},
    }


def can_limit(controller):
    """Whether containers can be limited so: those of "process" as the host's version 2 can."""
    if HYPERVISOR != "process":
        return True
    with open("/proc/self/mountinfo") as f:
        trees = [line.split()[4] for line in f if " - cgroup2 " in line]
    if not trees:
        return False
    with open(trees[0] + "/cgroup.controllers") as f:
        return controller in f.read().split()


class OciTest(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        self.count = 0
        self.config = self.root + "/shoji.toml"
        with open(self.config, "w") as f:
            f.write(f'[sandbox]\nhypervisor = "{HYPERVISOR}"\n')
            if HYPERVISOR == "process":
                f.write("[hypervisor.process]\nallow_insecure = true\n")
        # Last in, first out: this runs before the look for what was left.
        self.addCleanup(self._delete_all)

    def _delete_all(self):
        for line in self.shoji("list", "-q").stdout.decode().split():
            self.shoji("delete", "--force", line)

    def command(self, *words):
        return [harness.SHOJI, "--config", self.config, "--root", self.root, *words]

    def bundle(self, *args, spec=None, edit=None, name=None):
        """A directory with config.json and a root file system; gives its path."""
        self.count += 1
        path = f"{self.root}/bundle{self.count}" if name is None else f"{self.root}/{name}"
        shutil.copytree(harness.ROOTFS, path + "/rootfs", symlinks=True,
                        ignore=lambda folder, names: names if folder.endswith("/dev") else [])
        spec = spec or default_spec(*(args or ("sleep", "1000")))
        if edit:
            edit(spec)
        self.write_spec(path, spec)
        return path

    def write_spec(self, path, spec):
        with open(path + "/config.json", "w") as f:
            f.write(spec if isinstance(spec, str) else json.dumps(spec))

    def create(self, name, bundle, *options, **kwargs):
        """As an engine does: the container's output goes where ours goes."""
        kwargs.setdefault("stdout", subprocess.DEVNULL)
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        errors = open(self.root + "/errors", "w+")
        self.addCleanup(errors.close)
        done = subprocess.run(self.command("create", "--bundle", bundle, *options, name),
                              stderr=errors, timeout=harness.LIMIT, **kwargs)
        errors.seek(0)
        done.stderr = errors.read().encode()
        return done

    def created(self, name, bundle, *options, **kwargs):
        done = self.create(name, bundle, *options, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr)

    def launch(self, name, bundle, *options, **kwargs):
        self.created(name, bundle, *options, **kwargs)
        self.run_ok("start", name)

    def state(self, name):
        return json.loads(self.run_ok("state", name))

    def status(self, name):
        return self.state(name)["status"]

    def wait_status(self, name, *wanted):
        """Engines wait for a state by asking for it."""
        limit = time.monotonic() + harness.LIMIT
        while (now := self.status(name)) not in wanted:
            self.assertLess(time.monotonic(), limit, f"{name} stays {now}")
            time.sleep(0.05)

    def refused(self, done, *texts, status=1):
        self.assertEqual(done.returncode, status, done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr.decode())

    def leftovers(self):
        return [each for each in super().leftovers() if "/errors" not in each]


def main():
    harness.main()
