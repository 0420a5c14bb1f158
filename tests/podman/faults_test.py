"""Shoji killed in the middle of podman's commands: `podman rm -f` and `shoji gc` clean up."""

import os
import signal
import subprocess

import harness
from harness import IMAGE, RUNTIME

# Stands before the runtime; one command of it is killed a moment after its start, once.
WRAPPER = """#!/bin/sh
for word; do
  [ "$word" = "$(cat {base}/kill 2>/dev/null)" ] || continue
  rm {base}/kill
  {runtime} "$@" &
  sleep "$(cat {base}/delay)"
  kill -9 $!
  wait $!
  exit
done
exec {runtime} "$@"
"""


def find(name):
    return [pid for pid, line in harness.processes().items()
            if os.path.basename(line.split()[0]).startswith(name)]


class Faults(harness.PodmanTest):
    @classmethod
    def setUpClass(cls):
        base = harness.BED.base
        cls.wrapper = base + "/shoji"
        harness.write(cls.wrapper, WRAPPER.format(base=base, runtime=RUNTIME))
        os.chmod(cls.wrapper, 0o755)
        command = harness.BED.command
        cls.usual = list(command)
        command[command.index(RUNTIME)] = cls.wrapper
        cls.addClassCleanup(command.__setitem__, slice(None), cls.usual)

    def kill_next(self, command, delay):
        harness.write(self.base() + "/delay", str(delay))
        harness.write(self.base() + "/kill", command)

    def clean_up(self, name):
        """As an operator would; whatever podman said before, in the end nothing is left."""
        for path in ("/kill", "/delay"):
            if os.path.exists(self.base() + path):
                os.unlink(self.base() + path)
        self.podman("rm", "-f", "-i", "-t", "0", name)
        collected = subprocess.run([RUNTIME, "gc"], check=True, capture_output=True, text=True,
                                   timeout=harness.LIMIT)
        self.assertEqual(harness.leftovers(), [], collected.stdout + collected.stderr)

    def run_one(self, name):
        self.podman("run", "-d", "--name", name, IMAGE, "sh", "-c", "echo ready; exec sleep 10000")
        self.follow(name, "ready")

    def kill_process(self, what):
        self.run_one("victim")
        found = find(what)
        self.assertTrue(found, harness.processes())
        os.kill(found[0], signal.SIGKILL)
        self.clean_up("victim")

    def test_machine_is_killed(self):
        self.kill_process("qemu")

    def test_proxy_is_killed(self):
        self.kill_process("shoji-proxy")

    def test_shim_is_killed(self):
        self.run_one("shimless")
        os.kill(int(self.inspect("shimless", "State.Pid")), signal.SIGKILL)
        self.assertEqual(self.podman("wait", "shimless").strip(), "137")
        self.clean_up("shimless")

    def test_create_is_killed(self):
        for delay in (0.05, 1):
            with self.subTest(delay=delay):
                self.kill_next("create", delay)
                self.podman_raw("run", "-d", "--name", "unborn", IMAGE, "sleep", "10000")
                self.clean_up("unborn")

    def test_start_is_killed(self):
        self.kill_next("start", 0.02)
        self.podman_raw("run", "-d", "--name", "halted", IMAGE, "sleep", "10000")
        self.clean_up("halted")

    def test_exec_kill_and_pause_are_killed(self):
        self.run_one("busy")
        for command, words in (("exec", ("exec", "busy", "true")), ("pause", ("pause", "busy")),
                               ("kill", ("kill", "-s", "HUP", "busy"))):
            self.kill_next(command, 0.02)
            self.podman_raw(*words)
        self.clean_up("busy")

    def test_delete_is_killed(self):
        self.run_one("kept")
        self.kill_next("delete", 0.05)
        self.podman_raw("rm", "-f", "-t", "0", "kept")
        self.clean_up("kept")


if __name__ == "__main__":
    harness.main()
