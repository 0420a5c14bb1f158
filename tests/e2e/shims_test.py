"""The main job with a shim for each process: streams, exit status, signals, terminal, and what is
left when one of the processes on the host is killed."""

import os
import select
import signal
import unittest

import harness
import proxies_test
import terminal_test


def with_shim(test, words):
    """The command, through a proxy and shims of their own."""
    options = [] if words[0] == "gc" else [*test.hypervisor, "--sandbox.proxy=kataproxy",
                                           "--sandbox.shim=katashim"]
    return [harness.SHOJI, "--root", test.root, words[0], *options, *words[1:]]


def await_end(pid):
    """Until a process has ended; at once when there is none."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], harness.LIMIT)[0])
    finally:
        os.close(pidfd)


class ShimTest(proxies_test.ProxyTest):
    def command(self, *words):
        return with_shim(self, words)

    def shims(self):
        """Process of the guest -> pid on the host."""
        found = {}
        for pid, command in harness.processes_of(self.root).items():
            words = command.split()
            if "-exec-id" in words:
                found[words[words.index("-exec-id") + 1]] = pid
        return found

    def start_trap(self):
        """A process that ends with 9 when it gets SIGTERM."""
        process = self.start("run", "--name", self.name, "--", "sh", "-c",
                             "trap 'echo told; exit 9' TERM; echo ready; "
                             "while :; do sleep 0.1; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        # What it says may come before its start is over, until when a signal calls that off.
        self.run_ok("exec", self.name, "--", "true")
        return process


class MainJob(proxies_test.MainJob):
    def test_signals_arrive(self):
        process = self.start_trap()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(process, 9), b"told\n")

    def test_no_input_is_the_end_of_it(self):
        done = self.shoji("run", "--name", self.name, "--", "cat", input=b"not for you")
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)


class OnProcess(MainJob, ShimTest):
    hypervisor = proxies_test.PROCESS

    def test_streams_arrive_whole(self):
        data = os.urandom(20 << 20)
        done = self.shoji("run", "-i", "--name", self.name, "--", "cat", input=data)
        self.assertEqual(len(done.stdout), len(data))
        self.assertEqual(done.stdout, data)

    def test_a_slow_reader_gets_the_last_byte(self):
        process = self.start("run", "--name", self.name, "--", "sh", "-c",
                             "head -c 300000 /dev/zero; echo end")
        self.assertFalse(select.select([], [], [], 4)[0])  # longer than a shim is given to stop
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual((process.returncode, len(out), out[-4:]), (0, 300004, b"end\n"), err)

    def test_exit_statuses(self):
        for status in (0, 1, 2, 126, 255):
            done = self.shoji("run", "--name", self.name, "--", "sh", "-c", f"exit {status}")
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertNotIn(b"shim", done.stderr)

    def test_the_shim_is_the_process_on_the_host(self):
        process = self.start_ready(self.name)
        pid = self.shims()[self.name]
        self.assertEqual(self.json("status", self.name)["containers"][0]["pid"], pid)
        with open(f"/proc/{pid}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertEqual(int(status["PPid"]), process.pid, "whose child it is")
        self.assertEqual(status["NSpid"].split()[-1], "1")
        other = self.start("exec", "-i", self.name, "--", "cat", stdin=-1)
        end = harness.LIMIT * 100
        while len(self.shims()) < 2 and end:
            select.select([], [], [], 0.01)  # nobody tells when a process is there
            end -= 1
        joined = [p for name, p in self.shims().items() if name != self.name]
        self.assertEqual([os.readlink(f"/proc/{p}/ns/pid") for p in joined],
                         [os.readlink(f"/proc/{pid}/ns/pid")])
        other.communicate(timeout=harness.LIMIT)
        self.finish(process)

    def test_a_signal_to_the_shim_is_one_to_the_process(self):
        process = self.start_trap()
        os.kill(self.shims()[self.name], signal.SIGTERM)
        self.assertEqual(self.finish(process, 9), b"told\n")

    def test_killed_shim_is_named_and_leaves_nothing(self):
        process = self.start_ready(self.name)
        pid = self.shims()[self.name]
        os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual(process.returncode, 125, err)
        self.assertIn(f"shim {pid} of process".encode(), err)
        self.assertIn(b"killed by signal 9", err)

    def test_killed_shim_of_an_exec_is_its_end_alone(self):
        process = self.start_ready(self.name)
        other = self.start("exec", "-i", self.name, "--", "sh", "-c", "echo up; exec cat",
                           stdin=-1)
        self.assertEqual(other.stdout.readline(), b"up\n")
        pid = next(p for name, p in self.shims().items() if name != self.name)
        os.kill(pid, signal.SIGKILL)
        _, err = other.communicate(timeout=harness.LIMIT)
        self.assertEqual(other.returncode, 125, err)
        self.assertIn(f"shim {pid} of process".encode(), err)
        done = self.shoji("exec", self.name, "--", "echo", "still here")
        self.assertEqual((done.returncode, done.stdout), (0, b"still here\n"), done.stderr)
        self.finish(process)

    def test_killed_command_leaves_the_rest_to_gc(self):
        process = self.start_ready(self.name)
        pid = self.shims()[self.name]
        process.kill()
        process.wait()
        process.stdin.close()  # the shim has the other end: it goes on until it reads its end
        self.assertTrue(await_end(pid))
        state = self.json("status", self.name)["containers"][0]["state"]
        self.assertEqual(state, "stopped")
        self.shoji("gc")
        self.assertEqual(self.leftovers(), [])

    def test_gc_ends_shims_of_dead_sandboxes(self):
        with open(self.root + "/out", "wb") as out:
            process = self.start("run", "--name", self.name, "--", "sh", "-c",
                                 "echo ready; while :; do sleep 0.1; done", stdout=out)
            while not os.path.getsize(self.root + "/out"):
                select.select([], [], [], 0.01)
        pid = self.shims()[self.name]
        process.kill()
        process.wait()
        self.assertIn(pid, self.shims().values())
        self.shoji("gc")
        self.assertTrue(await_end(pid))
        self.assertEqual(self.leftovers(), [])

    def test_program_that_is_not_there(self):
        done = self.shoji("run", "--shim.katashim.path=/nonexistent/kata-shim", "--name",
                          self.name, "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"/nonexistent/kata-shim", done.stderr)


class OnTerminal(terminal_test.Terminal):
    """The same as with a built-in shim."""
    hypervisor = proxies_test.PROCESS

    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)

    def command(self, *words):
        # The shim writes from the moment on that the container is made, also between our lines of
        # progress.
        return with_shim(self, ["run", "--quiet", *words[1:]] if words[0] == "run" else words)


class Pairs(proxies_test.ProxyTest):
    hypervisor = proxies_test.PROCESS

    def test_insensible_ones_are_refused_with_a_reason(self):
        for proxy, shim, choose in (("kataproxybuiltin", "katashim", "kataproxy"),
                                    ("noopproxy", "katashimbuiltin", "noopshim"),
                                    ("kataproxy", "noopshim", "katashim")):
            done = self.shoji("run", f"--sandbox.proxy={proxy}", f"--sandbox.shim={shim}",
                              "--name", self.name, "--", "true")
            self.assert_fails(done, 125, f'"{proxy}"', f'"{shim}"', f'"{choose}"')

    def command(self, *words):
        return [harness.SHOJI, "--root", self.root, *words]


@unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
class OnQemu(MainJob, ShimTest):
    hypervisor = ["--sandbox.hypervisor=qemu"]


if __name__ == "__main__":
    harness.main()
