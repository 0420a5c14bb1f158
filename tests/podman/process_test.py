"""podman run: exit statuses, streams, terminals, signals."""

import hashlib

import harness
from harness import IMAGE


class Run(harness.PodmanTest):
    def test_exit_status_and_streams(self):
        done = self.podman_raw("run", "--rm", IMAGE, "sh", "-c", "printf o; printf e >&2; exit 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "o", "e"))

    def test_stdin(self):
        text = "a line of text\n" * 100000
        done = self.podman("run", "--rm", "-i", IMAGE, "md5sum", input=text)
        self.assertEqual(done.split()[0], hashlib.md5(text.encode()).hexdigest())

    def test_without_a_program(self):
        self.podman("run", "--rm", IMAGE, "no-such-program", status=127)

    def test_program_that_cannot_be_executed(self):
        self.podman("run", "--rm", IMAGE, "/bin/not-executable", status=126)
        self.podman("run", "--rm", IMAGE, "/etc", status=126)

    def test_options_that_podman_refuses(self):
        self.podman("run", "--rm", "--no-such-option", IMAGE, "true", status=125)
        self.podman("run", "--rm", "--pull=never", "localhost/no-such-image", "true", status=125)

    def test_terminal(self):
        terminal = harness.Terminal("run", "--rm", "-it", IMAGE, "sh", rows=33, columns=99)
        terminal.expect("# ")
        terminal.send("stty size; tty\n")
        terminal.expect("33 99")
        terminal.expect("/dev/pts/0")
        terminal.send("exit 5\n")
        self.assertEqual(terminal.finish(), 5)

    def test_signal_that_ends_it(self):
        done = self.podman_raw("run", "--rm", IMAGE, "sh", "-c", "kill -9 $$; kill -TERM $$; true")
        self.assertEqual(done.returncode, 0, done.stderr)  # init of its pid namespace


if __name__ == "__main__":
    harness.main()
