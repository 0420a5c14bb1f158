"""Podman in a world of its own, with a runtime under test.

Each program of tests makes namespaces for mounts, network and processes, so
that nothing of podman's or the runtime's can touch the machine, and whatever is left over is
the only thing there. /run and /dev/shm are empty; images are made here from busybox.

PODMAN_RUNTIME names the binary. What a test expects is the same for crun and for Shoji; where
a machine of its own makes the difference, `IN_VM` says so.
"""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

RUNTIME = os.environ["PODMAN_RUNTIME"]
IN_VM = os.path.basename(RUNTIME) != "crun"
# A guest boots in seconds without KVM, but a busy machine may need a lot more.
LIMIT = 120
IMAGE = "localhost/busybox"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\nextra:x:2000:\nmembers:x:2001:user\n"
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read()


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def storage_driver(base):
    """overlay, or vfs where overlays cannot be put on this file system."""
    dirs = {name: f"{base}/probe/{name}" for name in ("lower", "upper", "work", "merged")}
    for path in dirs.values():
        os.makedirs(path)
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**dirs)
    made = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, dirs["merged"]],
                          capture_output=True)
    if made.returncode == 0:
        subprocess.run(["umount", dirs["merged"]], check=True)
    shutil.rmtree(base + "/probe")
    return "overlay" if made.returncode == 0 else "vfs"


class Bed:
    """One podman with its files; made once for a program of tests."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="shoji-podman-")
        self.in_use = os.open("/sys/fs/cgroup", os.O_RDONLY)
        fcntl.flock(self.in_use, fcntl.LOCK_SH)
        raise_loopback()
        for point in ("/run", "/dev/shm"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
        os.makedirs("/run/lock")
        # crun takes no machine that has both kinds of cgroups: an empty directory instead.
        if not IN_VM and os.path.ismount("/sys/fs/cgroup/unified"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup/unified"], check=True)
        self.driver = storage_driver(self.base)
        self._configure()
        self.command = ["podman", "--root", self.base + "/root", "--runroot",
                        self.base + "/runroot", "--tmpdir", self.base + "/tmp",
                        "--network-config-dir", self.base + "/networks", "--volumepath",
                        self.base + "/volumes", "--storage-driver", self.driver,
                        "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime",
                        RUNTIME]
        self._make_image()

    def _configure(self):
        # podman asks for more than a machine without CAP_SYS_RESOURCE can give; in a VM it can.
        limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
        write(self.base + "/containers.conf", "\n".join([
            "[containers]", 'log_driver = "k8s-file"', 'apparmor_profile = ""',
            "" if IN_VM else limits,
            "[engine]", 'cgroup_manager = "cgroupfs"', 'events_logger = "file"',
            f'network_config_dir = "{self.base}/networks"',
            'runtime_supports_json = ["crun", "shoji"]',
            "[network]", 'network_backend = "netavark"', ""]))
        write(self.base + "/storage.conf", "\n".join([
            "[storage]", f'driver = "{self.driver}"', f'graphroot = "{self.base}/root"',
            f'runroot = "{self.base}/runroot"', ""]))
        write(self.base + "/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        write(self.base + "/registries.conf", "")
        os.environ.update({
            "CONTAINERS_CONF": self.base + "/containers.conf",
            "CONTAINERS_STORAGE_CONF": self.base + "/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": self.base + "/registries.conf",
            "HOME": self.base, "TMPDIR": self.base})

    def _make_image(self):
        tree = self.base + "/image"
        for name in ("bin", "proc", "sys", "dev", "run", "root", "home/user", "srv", "var"):
            os.makedirs(f"{tree}/{name}")
        os.mkdir(tree + "/tmp")
        os.chmod(tree + "/tmp", 0o1777)
        os.chown(tree + "/home/user", 1000, 1000)
        shutil.copy("/bin/busybox", tree + "/bin/busybox")
        for name in subprocess.run(["busybox", "--list"], check=True, capture_output=True,
                                   text=True).stdout.split():
            if name != "busybox":
                os.symlink("busybox", f"{tree}/bin/{name}")
        write(tree + "/etc/passwd", PASSWD)
        write(tree + "/etc/group", GROUP)
        write(tree + "/bin/not-executable", "#!/bin/sh\n")
        write(tree + "/srv/page", "served\n")
        subprocess.run(["tar", "-C", tree, "-cf", tree + ".tar", "."], check=True)
        subprocess.run([*self.command, "import", "-q", tree + ".tar", IMAGE], check=True,
                       capture_output=True, timeout=LIMIT)

    def close(self):
        try:  # whoever is the last
            fcntl.flock(self.in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_podmans_cgroup()
        except BlockingIOError:
            pass
        for point in reversed(mounts_below(self.base)):
            subprocess.run(["umount", "-l", point], check=False)
        shutil.rmtree(self.base, ignore_errors=True)


def mounts_below(root):
    with open("/proc/self/mountinfo") as f:
        points = [line.split()[4] for line in f]
    return [p for p in points if p.startswith(root + "/")]


def processes():
    """All but the tests themselves, as {pid: command line}: there is nobody else here."""
    found = {}
    for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if pid not in (1, os.getpid()) and line:  # a zombie has no command line
            found[pid] = line
    return found


def cgroups_of(ids):
    """Control groups of the machine that carry one of these names."""
    found = []
    for hierarchy in hierarchies():
        for folder, names, _ in os.walk(hierarchy):
            found += [f"{folder}/{n}" for n in names if any(i in n for i in ids)]
    return found


def is_podmans(group):
    """podman forgets the group of a pod in the hierarchy of systemd; it is empty. Removes it."""
    if "/systemd/libpod_parent/" not in group:
        return False
    try:
        os.rmdir(group)
    except OSError:
        return False
    return True


def hierarchies():
    root = "/sys/fs/cgroup"
    return [path for path in (root, *(f"{root}/{name}" for name in os.listdir(root)))
            if os.path.exists(path + "/cgroup.procs")]


def remove_podmans_cgroup():
    """The groups that podman puts all others into, unless somebody still uses them."""
    for hierarchy in hierarchies():
        for name in ("/libpod_parent/conmon", "/libpod_parent"):
            try:
                os.rmdir(hierarchy + name)
            except OSError:
                pass


def until(condition, what, limit=LIMIT):
    """Waits for what sends no event; fails loudly when it does not come."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit} s for {what}")
        select.select([], [], [], 0.05)


BED = None


class PodmanTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def podman_raw(cls, *words, **kwargs):
        kwargs.setdefault("timeout", LIMIT)
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([*BED.command, *words], capture_output=True, text=True, **kwargs)

    def podman(self, *words, status=0, **kwargs):
        """Runs podman; its standard output."""
        done = self.podman_raw(*words, **kwargs)
        self.assertEqual(done.returncode, status,
                         f"podman {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def detached(self, *words, name=None):
        """A container in the background that says "ready" first; removed at the end."""
        options = ["--name", name] if name else []
        container = self.podman("run", "-d", *options, *words).strip()
        self.addCleanup(self.podman, "rm", "-f", "-t", "0", "-i", container)
        return container

    def inspect(self, container, path):
        return self.podman("inspect", "--format", "{{." + path + "}}", container).strip()

    def follow(self, container, text):
        """Waits until the log of a container has the text."""
        with subprocess.Popen([*BED.command, "logs", "-f", container], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as log:
            seen = []
            for line in log.stdout:
                seen.append(line)
                if text in line:
                    break
            log.kill()
        self.assertIn(text, "".join(seen))
        return seen

    def base(self):
        return BED.base

    @classmethod
    def clean(cls):
        cls.podman_raw("pod", "rm", "-f", "-a", "-t", "0")
        cls.podman_raw("rm", "-f", "-a", "-t", "0")
        cls.podman_raw("volume", "rm", "-f", "-a")

    @classmethod
    def tearDownClass(cls):
        cls.clean()
        left = leftovers()
        if left:
            raise AssertionError("left behind:\n" + "\n".join(left))


def leftovers():
    """What is still there when all containers and pods are gone."""
    done = PodmanTest.podman_raw("ps", "-aq")
    left = [f"container {c}" for c in done.stdout.split()]
    end = time.monotonic() + 10
    while processes() and time.monotonic() < end:  # the last ones are on their way out
        select.select([], [], [], 0.05)
    left += [f"process {pid}: {line}" for pid, line in processes().items()]
    left += [f"mount {p}" for p in mounts_below(BED.base) if not p.endswith("/root/overlay")]
    left += [f"mount {p}" for p in mounts_below("/run/shoji")]
    if os.path.isdir("/run/netns"):
        left += [f"network namespace {n}" for n in os.listdir("/run/netns")]
    left += [f"interface {name}" for _, name in socket.if_nameindex()
             if name != "lo" and "ifb" not in name]
    left += [f"sandbox {n}" for n in listdir("/run/shoji/sandboxes")]
    for folder, _, names in os.walk("/run/shoji/store"):
        if "/sandboxes" in folder or "/containers" in folder:
            left += [f"record {folder}/{n}" for n in names]
    events = PodmanTest.podman_raw("events", "--stream=false", "--since", "1h", "--format",
                                   "{{.ID}}")
    left += [f"cgroup {c}" for c in cgroups_of(set(events.stdout.split())) if not is_podmans(c)]
    left += [f"file {n}" for n in listdir("/dev/shm") if not n.startswith("libpod")]
    return left


def listdir(path):
    return os.listdir(path) if os.path.isdir(path) else []


class Terminal:
    """podman with a terminal of its own."""

    def __init__(self, *words, rows=24, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, 0x5414, struct.pack("HHHH", rows, columns, 0, 0))  # TIOCSWINSZ
            os.execvp("podman", [*BED.command, *words])
        self.seen = ""

    def expect(self, text):
        end = time.monotonic() + LIMIT
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.fd, 4096) if ready else b""
            except OSError:  # the other end is closed
                data = b""
            if not data:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            self.seen += data.decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def send(self, text):
        os.write(self.fd, text.encode())

    def finish(self):
        """Its exit status, and what was still to read."""
        try:
            while data := os.read(self.fd, 4096):
                self.seen += data.decode(errors="replace")
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def in_child(work):
    """Runs work() in a child while this process, the first of its namespace, reaps orphans."""
    child = os.fork()
    if child == 0:
        os._exit(work())
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def run_tests():
    global BED
    BED = Bed()
    try:
        result = unittest.main(verbosity=2, exit=False).result
        return 0 if result.wasSuccessful() else 1
    finally:
        BED.close()


def main():
    if os.getpid() != 1:
        if shutil.which("podman") is None:
            raise SystemExit("podman is missing: run scripts/install-deps --tests")
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc",
                              "--propagation", "private", "--kill-child", sys.executable, "-B",
                              *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    sys.exit(in_child(run_tests))
