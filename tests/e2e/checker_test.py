"""The checker of tests/jail as the process of a container in a real guest.

It compares, point by point, what it sees with the config.json of its bundle; here also the
cgroup's values, which need controllers that the machine of the tests may not have. What the
runtime decides itself on the way (see docs/oci.md) is left out of what the checker is told.
"""

import copy
import json
import os
import shutil
import subprocess

import harness

CHECKER = os.environ["E2E_CHECKER"]
CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_MKNOD", "CAP_SYS_CHROOT"]


def mount(destination, kind, source, *options):
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def put(spec, path, value):
    *parents, last = path.split(".")
    for name in parents:
        spec = spec.setdefault(name, {})
    spec[last] = value


class Checker(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        self.bundle = self.root + "/bundle"
        self.check = self.root + "/check"
        os.makedirs(self.bundle + "/rootfs")
        os.makedirs(self.check)
        subprocess.run(["cp", "-a", harness.ROOTFS + "/.", self.bundle + "/rootfs"], check=True)
        shutil.copy(CHECKER, self.check + "/checker")
        # A read-only root is read-only already where the host shares it: no place can be made.
        for place in ("check", "work", "m/t", "m/ro", "m/shared", "m/bound"):
            os.makedirs(self.bundle + "/rootfs/" + place)
        with open(self.bundle + "/rootfs/secret", "w") as f:
            f.write("secret")

    def base(self):
        return {
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "process": {"args": ["/check/checker"], "env": ["PATH=/usr/bin:/bin"], "cwd": "/",
                        "user": {"uid": 0, "gid": 0},
                        "capabilities": {"bounding": list(CAPS), "effective": list(CAPS),
                                         "permitted": list(CAPS)}},
            "mounts": [
                mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
                mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755",
                      "size=65536k"),
                mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance",
                      "ptmxmode=0666", "mode=0620", "gid=5"),
                mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777"),
                mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
                mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
                mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev",
                      "relatime", "ro"),
                mount("/check", "bind", self.check, "rbind", "ro")],
            "linux": {
                "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "cgroup")],
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware", "/secret"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]}}

    def everything(self):
        spec = self.base()
        process = spec["process"]
        process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [5, 3000], "umask": 0o27}
        process["cwd"] = "/work"
        process["env"].append("A=x y=z")
        process["noNewPrivileges"] = True
        process["oomScoreAdj"] = 321
        process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                              {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]
        for name in ("inheritable", "ambient"):
            process["capabilities"][name] = ["CAP_KILL", "CAP_CHOWN"]
        spec["mounts"] += [
            mount("/m/t", "tmpfs", "tmpfs", "size=64k", "mode=1750", "noexec", "noatime"),
            mount("/m/ro", "tmpfs", "tmpfs", "ro", "nosuid"),
            mount("/m/shared", "tmpfs", "tmpfs", "rshared"),
            mount("/m/bound", "bind", self.check, "rbind", "rro", "nodev")]
        linux = spec["linux"]
        linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5,
                             "fileMode": 0o640, "uid": 12, "gid": 34}]
        linux["sysctl"] = {"kernel.msgmax": "4321", "net.ipv4.ip_forward": "1"}
        linux["resources"] = {"memory": {"limit": 64 << 20, "reservation": 32 << 20},
                              "pids": {"limit": 55},
                              "cpu": {"shares": 512, "quota": 50000, "period": 200000}}
        spec["root"]["readonly"] = True
        return spec

    def told(self, spec):
        """Without what the runtime decides: /dev/shm is the sandbox's."""
        told = copy.deepcopy(spec)
        for entry in told["mounts"]:
            if entry["destination"] == "/dev/shm":
                entry.update(type="bind", options=["rbind"])
        return told

    def run_checker(self, made_of, told):
        with open(self.bundle + "/config.json", "w") as f:
            json.dump(made_of, f)
        with open(self.check + "/spec.json", "w") as f:
            json.dump(self.told(told), f)
        done = self.shoji("run", "--bundle", self.bundle)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def assert_good(self, spec):
        code, out, err = self.run_checker(spec, spec)
        wrong = [line for line in out.splitlines() if line.startswith("not ok")]
        self.assertEqual((code, wrong), (0, []), err)
        self.assertTrue(out.endswith("end\n"), out + err)
        return out

    def test_the_specification_as_engines_write_it(self):
        self.assert_good(self.base())

    def test_everything_at_once(self):
        out = self.assert_good(self.everything())
        for point in ("memory.limit", "pids.limit", "cpu.shares", "cpu.quota"):
            self.assertIn(f"ok linux.resources.{point}\n", out)

    def test_a_lie_is_told(self):
        told = self.everything()
        put(told, "process.oomScoreAdj", 322)
        put(told, "linux.resources.pids.limit", 56)
        code, out, _ = self.run_checker(self.everything(), told)
        self.assertEqual(code, 1)
        for point in ("process.oomScoreAdj", "linux.resources.pids.limit"):
            self.assertIn(f"not ok {point}: saw", out)


if __name__ == "__main__":
    harness.main()
