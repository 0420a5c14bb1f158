"""`shoji run -t`: a shell on a terminal, its size, Ctrl-C, and raw mode undone."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import harness


class Terminal(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        self.resize(24, 80)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def start_on_terminal(self, *words):
        # A session of its own with this terminal, as a login shell would have it.
        return subprocess.Popen(self.command(*words), stdin=self.slave, stdout=self.slave,
                                stderr=self.slave, start_new_session=True,
                                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def expect(self, text):
        end = time.monotonic() + harness.LIMIT
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                self.fail(f"{text!r} did not come; seen: {self.seen!r}")
            self.seen += os.read(self.master, 65536)
        self.seen = self.seen.split(text, 1)[1]

    def type(self, text):
        os.write(self.master, text)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def test_shell_with_resize_and_interrupt(self):
        process = self.start_on_terminal("run", "-it", "--env", "PS1=> ", "--", "sh")
        self.expect(b"> ")
        self.assertTrue(self.is_raw())
        self.type(b"stty size; tty; echo $TERM\n")
        self.expect(b"24 80\r\n")
        self.expect(b"/dev/pts/0\r\n")
        self.resize(40, 132)
        process.send_signal(signal.SIGWINCH)
        self.type(b"until [ \"$(stty size)\" = '40 132' ]; do :; done; echo resi''zed\n")
        self.expect(b"resized\r\n")
        # A shell looks at its traps between commands.
        self.type(b"trap 'echo int''errupted; exit 5' INT; echo re''ady; "
                  b"while :; do sleep 0.1; done\n")
        self.expect(b"ready\r\n")
        self.type(b"\x03")
        self.expect(b"interrupted")
        self.drain(process)
        self.assertEqual(process.wait(harness.LIMIT), 5)
        self.assertFalse(self.is_raw())

    def drain(self, process):
        """Reads what comes until the process has ended: it must not block on a full terminal."""
        while process.poll() is None:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def test_end_of_input(self):
        process = self.start_on_terminal("run", "-it", "--", "cat")
        self.type(b"abc\n")
        self.expect(b"abc\r\nabc\r\n")
        self.type(b"\x04")
        self.drain(process)
        self.assertEqual(process.wait(harness.LIMIT), 0)

    def test_raw_mode_is_undone_when_killed(self):
        process = self.start_on_terminal("run", "-it", "--env", "PS1=> ", "--", "sh")
        self.expect(b"> ")
        self.assertTrue(self.is_raw())
        process.kill()
        process.wait(harness.LIMIT)
        end = time.monotonic() + harness.LIMIT
        while self.is_raw() and time.monotonic() < end:
            select.select([], [], [], 0.01)  # nobody tells when a terminal's mode changes
        self.assertFalse(self.is_raw())
        self.run_ok("gc")


if __name__ == "__main__":
    harness.main()
