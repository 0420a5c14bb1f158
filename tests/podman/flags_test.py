"""What the flags of `podman run` do inside: few containers with many flags, one test for each.

A script inside prints one section for each test; they are the same for every runtime.
"""

import os
import socket
import subprocess
import unittest

import harness
from harness import IMAGE, IN_VM

PROBE = r"""
section() { echo "== $1"; }
either() { cat "/sys/fs/cgroup/$1" 2>/dev/null || cat "/sys/fs/cgroup/$2"; }
section id; id
section groups; id -G
section umask; umask
section env; echo "$A|$B"
section pwd; pwd
section hostname; hostname; cat /etc/hostname
section hosts; cat /etc/hosts
section resolv; cat /etc/resolv.conf
section args; tr '\0' ' ' < /proc/1/cmdline
section caps; grep ^Cap /proc/self/status
section nnp; awk '/^NoNewPrivs/ {print $2}' /proc/self/status
section seccomp; awk '/^Seccomp:/ {print $2}' /proc/self/status
section nofile; ulimit -Sn; ulimit -Hn
section nproc; ulimit -Su
section memory; either memory.max memory/memory.limit_in_bytes
section cpu; either cpu.max cpu/cpu.cfs_quota_us
section pids; either pids.max pids/pids.max
section nproc_cpus; nproc
section sysctl; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
section oom; cat /proc/self/oom_score_adj
section root; touch /new 2>&1 && echo written
section tmpfs; stat -f -c %T /t; stat -c %a /t; df -k /t | awk 'END {print $2}'; touch /t/x && echo written
section run; touch /run/x 2>&1 && echo written
section shm; df -k /dev/shm | awk 'END {print $2}'; touch /dev/shm/x && echo written
section bind; cat /bind/file; touch /bind/from-inside && echo written
section bind_ro; cat /bind-ro/file; touch /bind-ro/x 2>&1
section bind_file; cat /one-file
section volume; cat /volume/page; touch /volume/new && echo written
section volume_ro; touch /volume-ro/x 2>&1
section secret; cat /run/secrets/word; echo; echo "$WORD"; stat -c %a /run/secrets/word
section device; head -c 9 /dev/xvda; echo; (echo x > /dev/xvda) 2>&1
section devices; ls /dev
section masked; cat /proc/timer_list | wc -c; ls /proc/acpi /sys/firmware
section readonly; (echo x > /proc/sys/kernel/domainname) 2>&1
section mounts; awk '{print $2, $3}' /proc/mounts
section pid1; cat /proc/1/comm
section containerenv; ls /run/.containerenv
section processes; ls /proc | grep -c '^[0-9]'
section network; ls /sys/class/net
section end
"""


class Flags(harness.PodmanTest):
    """Base: the sections of one container."""
    FLAGS = ()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def setUpClass(cls):
        cls.prepare()
        done = cls.podman_raw("run", "--rm", *cls.FLAGS, IMAGE, "sh", "-c", PROBE)
        if done.returncode != 0 or "== end" not in done.stdout:
            raise AssertionError(f"status {done.returncode}: {done.stdout}{done.stderr}")
        cls.sections = {}
        for part in done.stdout.split("== ")[1:]:
            name, _, text = part.partition("\n")
            cls.sections[name] = text.rstrip("\n")

    def seen(self, name, expected):
        self.assertEqual(self.sections[name], expected)

    def capabilities(self):
        pairs = (line.split() for line in self.sections["caps"].split("\n"))
        return {name[3:-1]: int(value, 16) for name, value in pairs}


class Plain(Flags):
    """A container that asks for nothing."""
    FLAGS = ("--name", "plain", "--network", "none", "--init=false")

    def test_user(self):
        self.seen("id", "uid=0(root) gid=0(root)")
        self.seen("umask", "0022")

    def test_default_capabilities(self):
        caps = self.capabilities()
        self.assertEqual(caps["Eff"], 0x00000000a80425fb)
        self.assertEqual(caps["Bnd"], caps["Eff"])
        self.assertEqual(caps["Inh"], 0)
        self.seen("nnp", "0")

    def test_system_calls_are_filtered(self):
        self.seen("seccomp", "2")

    def test_hostname_is_the_id(self):
        name, in_etc = self.sections["hostname"].split("\n")
        self.assertRegex(name, "^[0-9a-f]{12}$")
        self.assertEqual(in_etc, name)

    def test_root_file_system_is_written(self):
        self.seen("root", "written")

    def test_process_is_the_first(self):
        self.seen("pid1", "sh")
        self.assertLess(int(self.sections["processes"]), 5)

    def test_masked_and_read_only_paths(self):
        self.assertEqual(self.sections["masked"].split("\n")[0], "0")
        self.assertIn("/proc/acpi:", self.sections["masked"])
        self.assertIn("Read-only file system", self.sections["readonly"])

    def test_mounts(self):
        mounts = dict(line.split() for line in self.sections["mounts"].split("\n"))
        for path, kind in (("/proc", "proc"), ("/dev", "tmpfs"), ("/sys", "sysfs"),
                           ("/dev/pts", "devpts"), ("/dev/mqueue", "mqueue"),
                           ("/dev/shm", "tmpfs")):
            self.assertEqual(mounts.get(path), kind, path)
        self.assertIn("/sys/fs/cgroup", mounts)

    def test_default_devices(self):
        found = set(self.sections["devices"].split())
        self.assertLessEqual({"null", "zero", "full", "random", "urandom", "tty", "ptmx", "fd",
                              "stdin", "stdout", "stderr", "shm", "mqueue", "pts"}, found)
        self.assertFalse({name for name in found if name.startswith(("vd", "sd", "loop"))})

    def test_containerenv(self):
        self.seen("containerenv", "/run/.containerenv")

    def test_no_network(self):
        self.assertEqual([n for n in self.sections["network"].split() if n != "lo"], [])

    def test_shared_memory(self):
        size, written = self.sections["shm"].split("\n")
        self.assertEqual((size, written), ("64000", "written"))

    def test_limit_of_processes(self):
        self.seen("pids", "2048")


class Many(Flags):
    """All at once."""

    @classmethod
    def prepare(cls):
        base = harness.BED.base
        for name in ("bind", "bind-ro"):
            harness.write(f"{base}/{name}/file", f"{name} of the host\n")
            os.chmod(f"{base}/{name}", 0o777)
        harness.write(base + "/one-file", "one file\n")
        with open(base + "/disk", "wb") as disk:
            disk.write(b"from disk")
            disk.truncate(8 << 20)
        cls.loop = subprocess.run(["losetup", "-f", "--show", base + "/disk"], check=True,
                                  capture_output=True, text=True).stdout.strip()
        cls.addClassCleanup(subprocess.run, ["losetup", "-d", cls.loop], check=True)
        cls.podman_raw("volume", "create", "named")
        cls.podman_raw("secret", "create", "word", "-", input="hush")
        cls.addClassCleanup(cls.podman_raw, "secret", "rm", "word")
        cls.FLAGS = (
            "--name", "many", "--network", "none", "--read-only", "--user", "user:user",
            "--group-add", "extra", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE",
            "--security-opt", "no-new-privileges", "--ulimit", "nofile=100:200", "--ulimit",
            "nproc=512:512", "--memory", "200m", "--cpus", "1.5", "--pids-limit", "77",
            "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=9000", "--tmpfs",
            "/t:size=2m,mode=1777", "--shm-size", "10m", "--init", "--env", "A=b c", "--env",
            "B", "--workdir", "/home/user", "--hostname", "sliding", "--add-host",
            "other:192.0.2.9", "--umask", "0027", "--oom-score-adj", "123", "--volume",
            base + "/bind:/bind", "--volume", base + "/bind-ro:/bind-ro:ro", "--volume",
            base + "/one-file:/one-file", "--volume", "named:/srv", "--volume", "named:/volume",
            "--volume", "named:/volume-ro:ro", "--secret", "word", "--secret",
            "word,type=env,target=WORD", "--device", cls.loop + ":/dev/xvda:r",
            "--annotation", "com.example.note=1", "--label", "l=m")
        os.environ["B"] = "from outside"

    def test_user(self):
        self.seen("id", "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)")
        self.seen("groups", "1000 2000")

    def test_umask(self):
        self.seen("umask", "0027")

    def test_capabilities(self):
        caps = self.capabilities()
        self.assertEqual(caps["Bnd"], 1 << 10)
        self.assertEqual(caps["Eff"], 1 << 10)
        self.assertEqual(caps["Prm"], 1 << 10)

    def test_no_new_privileges(self):
        self.seen("nnp", "1")

    def test_environment(self):
        self.seen("env", "b c|from outside")

    def test_working_directory(self):
        self.seen("pwd", "/home/user")

    def test_hostname(self):
        self.seen("hostname", "sliding\nsliding")

    def test_hosts(self):
        entries = [line.split() for line in self.sections["hosts"].split("\n") if line]
        self.assertIn(["192.0.2.9", "other"], entries)
        self.assertTrue(any("sliding" in entry for entry in entries), entries)

    def test_init(self):
        self.assertIn("init", self.sections["args"].split()[0])
        self.assertIn("sh -c", self.sections["args"])

    def test_ulimits(self):
        self.seen("nofile", "100\n200")
        self.seen("nproc", "512")

    def test_memory(self):
        self.seen("memory", str(200 << 20))

    def test_cpus(self):
        self.assertEqual(self.sections["cpu"].split()[0], "150000")
        if IN_VM:
            self.seen("nproc_cpus", "2")

    def test_limit_of_processes(self):
        self.seen("pids", "77")

    def test_sysctls(self):
        self.seen("sysctl", "1\n9000")

    def test_oom_score(self):
        self.seen("oom", "123")

    def test_read_only_root(self):
        self.assertIn("Read-only file system", self.sections["root"])

    def test_tmpfs(self):
        self.seen("tmpfs", "tmpfs\n1777\n2048\nwritten")

    def test_shared_memory(self):
        self.seen("shm", "10240\nwritten")

    def test_bind(self):
        self.seen("bind", "bind of the host\nwritten")
        path = self.base() + "/bind/from-inside"
        self.assertEqual(os.stat(path).st_uid, 1000)

    def test_read_only_bind(self):
        self.assertRegex(self.sections["bind_ro"], "bind-ro of the host\n.*Read-only file system")

    def test_bind_of_a_file(self):
        self.seen("bind_file", "one file")

    def test_named_volume(self):
        # podman copies what the image has there, and gives it to the user of the image.
        self.assertIn("served", self.sections["volume"])
        self.assertIn("Read-only file system", self.sections["volume_ro"])

    def test_secret(self):
        self.seen("secret", "hush\nhush\n444")

    def test_block_device(self):
        lines = self.sections["device"].split("\n")
        self.assertEqual(lines[0], "")  # root's; the user may not even read it
        self.assertIn("xvda", self.sections["devices"].split())
        self.assertRegex(self.sections["device"], "Permission denied|not permitted")


class Rest(harness.PodmanTest):
    def test_entrypoint_and_exit_status(self):
        out = self.podman("run", "--rm", "--network", "none", "--entrypoint", '["echo", "first"]',
                          IMAGE, "second")
        self.assertEqual(out, "first second\n")

    def test_users_of_their_own(self):
        show = "id -u; cat /proc/self/uid_map; touch /new; stat -c %u /new; echo $HOME; ls /dev"
        out = self.podman("run", "--rm", "--network", "none", "--uidmap", "0:100000:5000",
                          "--gidmap", "0:100000:5000", IMAGE, "sh", "-c", show)
        lines = [" ".join(line.split()) for line in out.split("\n")]
        self.assertEqual(lines[:4], ["0", "0 100000 5000", "0", "/root"])
        self.assertIn("mqueue", lines)

    def test_sockets_and_fifos_are_shown(self):
        path = self.base() + "/special"
        os.makedirs(path)
        os.mkfifo(path + "/fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path + "/socket")
        out = self.podman("run", "--rm", "--network", "none", "-v", path + "/fifo:/fifo:ro", "-v",
                          path + "/socket:/socket:ro", IMAGE, "stat", "-c", "%F", "/fifo",
                          "/socket")
        self.assertEqual(out, "fifo\nsocket\n")

    def test_overlays_and_images_as_volumes(self):
        path = self.base() + "/below"
        os.mkdir(path)
        with open(path + "/file", "w", encoding="utf-8") as below:
            below.write("of the host")
        out = self.podman("run", "--rm", "--network", "none", "--volume", path + ":/over:O",
                          "--mount", f"type=image,source={IMAGE},destination=/image", IMAGE, "sh",
                          "-c", "cat /over/file; echo; echo changed > /over/file; cat /over/file; "
                          "test -x /image/bin/sh && echo image; ! touch /image/new 2>/dev/null")
        self.assertEqual(out, "of the host\nchanged\nimage\n")
        with open(path + "/file", encoding="utf-8") as below:
            self.assertEqual(below.read(), "of the host")

    def test_output_to_whoever_called(self):
        done = self.podman_raw("run", "--rm", "--network", "none", "--log-driver", "passthrough",
                               IMAGE, "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "out\n", "err\n"))

    @unittest.skipUnless(harness.IN_VM, "only a VM cannot")
    def test_namespaces_of_the_host_are_refused(self):
        for options, text in [(["--network", "host"], "cannot use the network of the host"),
                              (["--network", "none", "--pid", "ns:/proc/self/ns/pid"],
                               "which a container in a VM cannot join")]:
            done = self.podman_raw("run", "--rm", *options, IMAGE, "true")
            self.assertEqual(done.returncode, 126, done.stderr)
            self.assertIn(text, done.stderr)

    def test_block_device_is_read_and_written(self):
        path = self.base() + "/other-disk"
        with open(path, "wb") as disk:
            disk.truncate(8 << 20)
        loop = subprocess.run(["losetup", "-f", "--show", path], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", loop], check=True)
        self.podman("run", "--rm", "--network", "none", "--device", loop + ":/dev/data", IMAGE,
                    "sh", "-c", "printf inside > /dev/data; sync; test -b /dev/data")
        subprocess.run(["blockdev", "--flushbufs", loop], check=True)
        with open(path, "rb") as disk:
            self.assertEqual(disk.read(6), b"inside")


if __name__ == "__main__":
    del Flags  # the base has nothing to test
    harness.main()
