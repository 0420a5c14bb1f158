"""A container in the background and what podman does with it."""

import json
import os

import harness
from harness import IMAGE, IN_VM

# A shell looks at its traps between commands.
SERVER = """
trap 'echo got HUP' HUP
trap 'echo got TERM; exit 9' TERM
trap 'echo got USR1; exit 4' USR1
echo ready
while :; do sleep 0.1; done
"""


class Shared(harness.PodmanTest):
    """Everything that leaves one running container as it was."""

    @classmethod
    def setUpClass(cls):
        done = cls.podman_raw("run", "-d", "--name", "shared", "--network", "none", "--env",
                              "FROM=run", "--health-cmd", "test -e /healthy", "--health-interval",
                              "disable", "--health-retries", "1", "--memory", "128m",
                              "--tmpfs", "/t", IMAGE, "sh", "-c", SERVER)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.id = done.stdout.strip()

    def test_logs(self):
        self.follow("shared", "ready")
        self.assertEqual(self.podman("logs", "shared").split("\n")[0], "ready")

    def test_state(self):
        state = json.loads(self.podman("inspect", "shared"))[0]["State"]
        self.assertEqual((state["Status"], state["Running"]), ("running", True))
        os.kill(state["Pid"], 0)  # somebody stands for it on the host
        self.assertIn("Up", self.podman("ps", "--filter", "name=shared", "--format", "{{.Status}}"))

    def test_exec(self):
        done = self.podman_raw("exec", "--env", "A=b c", "--workdir", "/srv", "--user", "user",
                               "shared", "sh", "-c", "echo $FROM $A; pwd; id -u; echo e >&2; exit 6")
        self.assertEqual((done.returncode, done.stdout), (6, "run b c\n/srv\n1000\n"), done.stderr)
        self.assertTrue(done.stderr.startswith("e\n"), done.stderr)

    def test_exec_stdin(self):
        self.assertEqual(self.podman("exec", "-i", "shared", "cat", input="to and fro"),
                         "to and fro")

    def test_exec_without_a_program(self):
        self.podman("exec", "shared", "no-such-program", status=127)
        self.podman("exec", "shared", "/bin/not-executable", status=126)

    def test_exec_terminal(self):
        terminal = harness.Terminal("exec", "-it", "shared", "sh", rows=31, columns=97)
        terminal.expect("# ")
        terminal.send("stty size\n")
        terminal.expect("31 97")
        terminal.send("exit 3\n")
        self.assertEqual(terminal.finish(), 3)

    def test_exec_detached(self):
        self.podman("exec", "-d", "shared", "sh", "-c", "echo done > /t/detached")
        harness.until(lambda: self.podman_raw("exec", "shared", "cat", "/t/detached").stdout
                      == "done\n", "a detached exec")

    def test_exec_sees_the_others(self):
        self.assertIn("sleep", self.podman("exec", "shared", "ps"))

    def test_healthcheck(self):
        self.podman("healthcheck", "run", "shared", status=1)
        self.podman("exec", "shared", "touch", "/healthy")
        self.podman("healthcheck", "run", "shared")

    def test_signal(self):
        self.podman("kill", "--signal", "HUP", "shared")
        self.follow("shared", "got HUP")

    def test_pause(self):
        self.podman("pause", "shared")
        self.assertEqual(self.inspect("shared", "State.Status"), "paused")
        self.assertNotEqual(self.podman_raw("exec", "shared", "true").returncode, 0)
        self.podman("unpause", "shared")
        self.assertEqual(self.inspect("shared", "State.Status"), "running")
        self.podman("exec", "shared", "true")

    def test_stats(self):
        stats = json.loads(self.podman("stats", "--no-stream", "--format", "json", "shared"))[0]
        self.assertEqual(stats["name"], "shared")
        self.assertNotIn(stats["mem_usage"].split(" /")[0], ("0B", "--"))
        self.assertGreaterEqual(int(stats["pids"]), 1)

    def test_top(self):
        lines = self.podman("top", "shared", "pid", "comm").strip().split("\n")
        self.assertEqual(lines[0].split(), ["PID", "COMMAND"])
        self.assertGreaterEqual(len(lines), 2)
        if not IN_VM:
            self.assertIn("sh", lines[1])

    def test_copy(self):
        harness.write(self.base() + "/to-copy", "copied\n")
        self.podman("cp", self.base() + "/to-copy", "shared:/srv/copied")
        self.assertEqual(self.podman("exec", "shared", "cat", "/srv/copied"), "copied\n")
        self.podman("exec", "shared", "sh", "-c", "echo inside > /srv/made")
        self.podman("cp", "shared:/srv/made", self.base() + "/made")
        self.assertEqual(harness.read(self.base() + "/made"), "inside\n")
        self.assertFalse(os.path.exists("/srv/copied"))

    def test_diff(self):
        self.podman("exec", "shared", "touch", "/srv/differs")
        self.assertIn("A /srv/differs", self.podman("diff", "shared"))

    def test_update_of_a_file_on_the_host(self):
        root = self.podman("mount", "shared").strip()
        harness.write(root + "/srv/from-host", "later\n")
        self.podman("unmount", "shared")
        self.assertEqual(self.podman("exec", "shared", "cat", "/srv/from-host"), "later\n")

    def test_port_and_inspect(self):
        self.assertEqual(self.inspect("shared", "HostConfig.Memory"), str(128 << 20))


class Ends(harness.PodmanTest):
    def test_stop_and_start_again(self):
        self.detached("--network", "none", IMAGE, "sh", "-c", SERVER, name="again")
        self.follow("again", "ready")
        self.podman("exec", "again", "sh", "-c", "echo kept > /kept")
        self.podman("stop", "-t", str(harness.LIMIT // 2), "again")
        self.assertEqual(self.inspect("again", "State.ExitCode"), "9")
        self.assertIn("got TERM", self.podman("logs", "again"))
        self.podman("start", "again")
        self.assertEqual(self.podman("exec", "again", "cat", "/kept"), "kept\n")
        self.podman("rm", "-f", "-t", "0", "again")
        self.podman("inspect", "again", status=125)

    def test_kill(self):
        self.detached("--network", "none", IMAGE, "sh", "-c", SERVER, name="killed")
        self.follow("killed", "ready")
        self.podman("kill", "--signal", "USR1", "killed")
        self.assertEqual(self.podman("wait", "killed").strip(), "4")
        self.podman("kill", "killed", status=125)
        self.podman("start", "killed")
        self.podman("kill", "killed")
        self.assertEqual(self.podman("wait", "killed").strip(), "137")

    def test_running_container_is_not_removed(self):
        self.detached("--network", "none", IMAGE, "sleep", "1000", name="stays")
        self.podman("rm", "stays", status=2)
        self.podman("rm", "-f", "-t", "0", "stays")

    def test_commit(self):
        self.podman("run", "--name", "source", "--network", "none", IMAGE, "sh", "-c",
                    "echo layer > /layer")
        self.addCleanup(self.podman, "rm", "-f", "source")
        self.podman("commit", "-q", "source", "localhost/committed")
        self.addCleanup(self.podman, "rmi", "-f", "localhost/committed")
        self.assertEqual(self.podman("run", "--rm", "--network", "none", "localhost/committed",
                                     "cat", "/layer"), "layer\n")

    def test_created_container_is_started(self):
        self.podman("create", "--name", "made", "--network", "none", IMAGE, "echo", "late")
        self.addCleanup(self.podman, "rm", "-f", "-t", "0", "made")
        self.podman("init", "made")
        self.assertEqual(self.podman("start", "-a", "made"), "late\n")

    def test_restart_on_failure(self):
        self.podman("run", "-d", "--name", "fails", "--restart", "on-failure:2", "--network",
                    "none", IMAGE, "sh", "-c", "echo try >> /srv/tries; cat /srv/tries; exit 1")
        self.addCleanup(self.podman, "rm", "-f", "-t", "0", "fails")
        harness.until(lambda: self.inspect("fails", "RestartCount") == "2"
                      and self.inspect("fails", "State.Status") == "exited", "two restarts")
        self.assertEqual(self.podman("logs", "fails").count("try"), 6)

    def test_restart(self):
        self.detached("--network", "none", IMAGE, "sh", "-c", SERVER, name="restarted")
        self.follow("restarted", "ready")
        self.podman("restart", "-t", "0", "restarted")
        harness.until(lambda: self.podman("logs", "restarted").count("ready") == 2, "a restart")


if __name__ == "__main__":
    harness.main()
