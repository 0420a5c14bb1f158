"""`exec` as engines give it, `run` in the foreground and detached, terminals."""

import array
import json
import os
import re
import signal
import socket
import subprocess
import termios
import threading
import time

import oci_base
from oci_base import harness


class ConsoleSocket:
    """What conmon is for a runtime: takes the master of a terminal."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(harness.LIMIT)
        home = os.getcwd()
        os.chdir(os.path.dirname(path))  # the path may be longer than the kernel takes
        self.listener.bind(os.path.basename(path))
        os.chdir(home)
        self.listener.listen(1)

    def master(self):
        connection, _ = self.listener.accept()
        with connection:
            _, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
        self.listener.close()
        fds = array.array("i")
        fds.frombytes(control[0][2][:4])
        return fds[0]


def read_all(master):
    """What comes from a terminal until its other side is closed."""
    out = b""
    while True:
        try:
            more = os.read(master, 4096)
        except OSError:  # EIO: nobody has the pty any more
            break
        if not more:
            break
        out += more
    os.close(master)
    return out


class Exec(oci_base.OciTest):
    def process(self, *args, **fields):
        process = {"args": list(args), "cwd": "/", "user": {"uid": 0, "gid": 0},
                   "env": ["PATH=/bin:/usr/bin"]}
        process.update(fields)
        path = self.root + "/process.json"
        with open(path, "w") as f:
            json.dump(process, f)
        return path

    def test_process_json(self):
        self.launch("c", self.bundle())
        path = self.process("sh", "-c", "id -u; id -g; id -G; pwd; echo $A", cwd="/tmp",
                            user={"uid": 7, "gid": 8, "additionalGids": [432, 9]},
                            env=["PATH=/bin:/usr/bin", "A=b c"])
        out = self.run_ok("exec", "--process", path, "c").split("\n")
        self.assertEqual((out[0], out[1], out[3], out[4]), ("7", "8", "/tmp", "b c"))
        self.assertEqual(set(out[2].split()), {"8", "432", "9"})

    def test_options(self):
        self.launch("c", self.bundle())
        out = self.run_ok("exec", "--cwd", "/tmp", "-e", "A=1", "--env", "B=2", "-u", "5:6", "-g",
                          "77", "c", "sh", "-c", "pwd; echo $A$B; id -u; id -G")
        self.assertEqual(out.split("\n")[:3], ["/tmp", "12", "5"])
        self.assertIn("77", out)

    def test_more_capabilities(self):
        self.launch("c1", self.bundle())
        self.run_ok("exec", "c1", "--", "true")
        held = self.run_ok("exec", "--cap", "CAP_SYS_TIME", "-c", "net_raw", "c1", "--",
                           "cat", "/proc/self/status")
        wanted = 1 << 25 | 1 << 13
        for line in held.splitlines():
            if line.startswith("Cap"):
                name, value = line.split()
                self.assertEqual(int(value, 16) & wanted, wanted, line)
        self.refused(self.shoji("exec", "--cap", "CAP_NONSENSE", "c1", "--", "true"),
                     "CAP_NONSENSE", status=125)
        self.refused(self.shoji("exec", "--cap", "CAP_KILL", "-p", self.process("true"), "c1"),
                     "--cap", status=125)

    def test_exit_status_and_pid_file(self):
        self.launch("c", self.bundle())
        pid_file = self.root + "/pid"
        done = self.shoji("exec", "--pid-file", pid_file, "c", "sh", "-c", "exit 7")
        self.assertEqual(done.returncode, 7, done.stderr)
        with open(pid_file) as f:
            self.assertRegex(f.read(), r"^\d+$")

    def test_what_cannot_be_run(self):
        self.launch("c", self.bundle())
        for options in ([], ["-d"]):
            done = self.shoji("exec", *options, "c", "nope")
            self.refused(done, "executable file `nope` not found in $PATH: No such file",
                         status=127)
            done = self.shoji("exec", *options, "c", "/etc")
            self.refused(done, "Permission denied", status=126)
        self.refused(self.shoji("exec", "none", "true"), "does not exist", status=125)
        self.refused(self.shoji("exec", "-p", "/no/file", "c"), "/no/file", status=125)
        self.refused(self.shoji("exec", "--console-socket", "/x", "c", "true"), "terminal",
                     status=125)

    def test_a_detached_process_keeps_our_output(self):
        self.launch("c", self.bundle())
        read, write = os.pipe()
        path = self.process("sh", "-c", "read x < /go; echo $x")
        self.run_ok("exec", "c", "mkfifo", "/go")
        subprocess.run(self.command("exec", "-d", "--pid-file", self.root + "/pid", "--process",
                                    path, "c"), stdout=write, stderr=subprocess.DEVNULL,
                       stdin=subprocess.DEVNULL, check=True, timeout=harness.LIMIT)
        os.close(write)
        self.run_ok("exec", "c", "sh", "-c", "echo gone > /go")
        with os.fdopen(read) as lines:
            self.assertEqual(lines.read(), "gone\n")  # also the end comes: nobody else has it

    def test_a_process_ends_with_its_killed_shim(self):
        self.launch("c", self.bundle())
        pid_file = self.root + "/pid"
        words = ("exec", "-d", "--pid-file", pid_file, "c", "--", "sleep", "4711")
        subprocess.run(self.command(*words), check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=oci_base.harness.LIMIT)
        self.assertIn("sleep 4711", self.run_ok("ps", "c"))
        with open(pid_file) as f:
            os.kill(int(f.read()), signal.SIGKILL)
        limit = time.monotonic() + oci_base.harness.LIMIT
        while "sleep 4711" in self.run_ok("ps", "c"):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)
        self.assertEqual(self.status("c"), "running")

    def test_exec_into_a_detached_container_ends(self):
        done = self.shoji("run", "-d", "--bundle", self.bundle("sh", "-c",
                          "exec sleep 1000 <&- >&- 2>&-"), "c")
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)
        self.assertEqual(self.status("c"), "running")
        self.assertEqual(self.run_ok("exec", "c", "echo", "in"), "in\n")

    def test_run_in_the_foreground(self):
        bundle = self.bundle("sh", "-c", "cat; echo err >&2; exit 9")
        done = self.shoji("run", "--bundle", bundle, "--pid-file", self.root + "/pid", "c",
                          input=b"through")
        self.assertEqual((done.returncode, done.stdout), (9, b"through"))
        self.assertTrue(done.stderr.endswith(b"err\n"), done.stderr)
        self.refused(self.shoji("state", "c"), "does not exist")
        with open(self.root + "/pid") as f:
            self.assertRegex(f.read(), r"^\d+$")

    def test_run_keeps_what_it_shall(self):
        self.run_ok("run", "--keep", "--bundle", self.bundle("true"), "c")
        self.assertEqual(self.status("c"), "stopped")
        self.run_ok("delete", "c")

    def test_signals_reach_a_container_in_the_foreground(self):
        bundle = self.bundle("sh", "-c", "trap 'exit 5' TERM; echo up; while :; do "
                             "sleep 0.2; done")
        process = self.start("run", "--bundle", bundle, "c")
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.terminate()
        self.assertEqual(process.wait(harness.LIMIT), 5)

    def test_terminal_of_a_container(self):
        def edit(spec):
            spec["process"]["terminal"] = True
            spec["process"]["consoleSize"] = {"height": 33, "width": 111}

        bundle = self.bundle("sh", "-c", "test -t 0 && tty; stty size; read x; echo got $x",
                             edit=edit)
        self.refused(self.create("c", bundle), "--console-socket")
        folder = self.root + "/" + "long" * 30
        os.mkdir(folder)
        sock = ConsoleSocket(folder + "/console.sock")
        found = []
        waiter = threading.Thread(target=lambda: found.append(sock.master()))
        waiter.start()
        self.created("c", bundle, "--console-socket", folder + "/console.sock")
        waiter.join()
        self.run_ok("start", "c")
        os.write(found[0], b"word\n")
        out = read_all(found[0]).decode()
        self.assertIn("/dev/", out)
        self.assertIn("got word", out)
        self.assertRegex(out, r"\b33 111\b")
        self.wait_status("c", "stopped")

    def test_terminal_of_a_process(self):
        self.launch("c", self.bundle())
        self.refused(self.shoji("exec", "-d", "-t", "c", "tty"), "--console-socket", status=125)
        sock = ConsoleSocket(self.root + "/console.sock")
        found = []
        waiter = threading.Thread(target=lambda: found.append(sock.master()))
        waiter.start()
        path = self.process("sh", "-c", "tty; read x; echo got $x", terminal=True)
        self.run_ok("exec", "-d", "--process", path, "--console-socket",
                    self.root + "/console.sock", "c")
        waiter.join()
        os.write(found[0], b"word\n")
        self.assertIn("got word", read_all(found[0]).decode())

    def test_a_terminal_of_ours(self):
        self.launch("c", self.bundle())
        master, slave = os.openpty()
        process = self.start("exec", "-t", "-i", "c", "sh", "-c", "tty; read x; echo got $x",
                             stdin=slave, stdout=slave, stderr=slave)
        before = termios.tcgetattr(slave)
        os.close(slave)
        os.write(master, b"word\n")
        self.assertEqual(process.wait(harness.LIMIT), 0)
        self.assertIn("got word", read_all(master).decode())
        self.assertTrue(before)

    def test_update(self):
        if not oci_base.can_limit("pids"):
            self.skipTest("this host cannot limit processes of hypervisor \"process\"")
        self.launch("c", self.bundle())
        with open(self.root + "/resources", "w") as f:
            json.dump({"pids": {"limit": 40}}, f)
        self.run_ok("update", "-r", self.root + "/resources", "c")
        self.assertEqual(self.pids_max("c"), "40")
        self.run_ok("update", "--pids-limit", "50", "c")
        self.assertEqual(self.pids_max("c"), "50")
        self.assertNotEqual(self.shoji("update", "--cpu-quota", "many", "c").returncode, 0)

    def pids_max(self, name):
        stats = json.loads(self.run_ok("events", "--stats", name))
        return re.sub(r"\D", "", str(stats["data"]["pids"]["limit"]))


if __name__ == "__main__":
    oci_base.main()
