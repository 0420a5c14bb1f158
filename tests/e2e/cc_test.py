"""The main job through cc-proxy, cc-shim and hyperstart, all three as doubles: no program of that
line is to be had. Without a VM."""

import json
import os
import select
import signal
import subprocess
import time
import unittest

import harness
import terminal_test

DOUBLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cc")
OPTIONS = ["--sandbox.hypervisor=process", "--hypervisor.process.allow_insecure=true",
           f"--hypervisor.process.agent={DOUBLES}/hyperstart", "--sandbox.agent=hyperstart",
           "--sandbox.proxy=ccproxy", f"--proxy.ccproxy.path={DOUBLES}/cc-proxy",
           "--sandbox.shim=ccshim", f"--shim.ccshim.path={DOUBLES}/cc-shim"]


def with_cc(test, words):
    options = [] if words[0] == "gc" else OPTIONS
    return [harness.SHOJI, "--root", test.root, words[0], *options, *words[1:]]


class CcTest(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)
        self.name = f"c{os.getpid()}-{self._testMethodName[5:]}"[:60].rstrip("-_").replace("_", "-")

    def command(self, *words):
        return with_cc(self, words)

    def pids(self, *texts):
        return [pid for pid, command in harness.processes_of(self.root).items()
                if all(text in command for text in texts)]

    def proxy(self):
        pids = self.pids("cc-proxy -uri")
        self.assertEqual(len(pids), 1, harness.processes_of(self.root))
        return pids[0]

    def run_in(self, *words, **kwargs):
        return self.shoji("run", "--name", self.name, *words, **kwargs)

    def kill(self, pid):
        pidfd = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            self.assertTrue(select.select([pidfd], [], [], harness.LIMIT)[0])
        finally:
            os.close(pidfd)


class Streams(CcTest):
    def test_output_goes_where_it_belongs(self):
        done = self.run_in("--", "sh", "-c", "echo out; echo err >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, b"out\n"), done.stderr)
        self.assertTrue(done.stderr.endswith(b"err\n"), done.stderr)

    def test_exit_statuses(self):
        for status in (0, 1, 2, 3, 126, 255):
            done = self.run_in("--", "sh", "-c", f"exit {status}")
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertNotIn(b"shim", done.stderr)

    def test_killed_by_a_signal(self):
        done = self.run_in("--", "sh", "-c", "sh -c 'kill -9 $$'; exit $?")
        self.assertEqual(done.returncode, 137, done.stderr)

    def test_input_arrives_whole_and_ends(self):
        data = os.urandom(5 << 20)
        done = self.run_in("-i", "--", "cat", input=data)
        self.assertEqual(len(done.stdout), len(data), done.stderr)
        self.assertEqual(done.stdout, data)

    def test_a_slow_reader_gets_the_last_byte(self):
        process = self.start("run", "--name", self.name, "--", "sh", "-c",
                             "head -c 300000 /dev/zero; echo end")
        self.assertFalse(select.select([], [], [], 4)[0])  # longer than a shim is given to stop
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual((process.returncode, len(out), out[-4:]), (0, 300004, b"end\n"), err)

    def test_process_is_as_it_was_asked_for(self):
        done = self.run_in("--env", "A=b c", "--workdir", "/tmp", "--user", "7:8", "--", "sh", "-c",
                           "id -u; id -g; pwd; echo $A; hostname")
        self.assertEqual(done.stdout.decode().split("\n")[:4], ["7", "8", "/tmp", "b c"],
                         done.stderr)

    def test_what_cannot_be_run(self):
        done = self.run_in("--", "nonexistent-program")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"nonexistent-program", done.stderr)


class Processes(CcTest):
    def test_exec(self):
        process = self.start_ready(self.name)
        done = self.shoji("exec", "-i", self.name, "--", "sh", "-c", "cat; echo err >&2; exit 7",
                          input=b"in\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, b"in\n", b"err\n"))
        done = self.shoji("exec", self.name, "--", "nonexistent-program")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"nonexistent-program", done.stderr)
        self.finish(process)

    def test_exec_from_other_processes(self):
        process = self.start_ready(self.name)
        others = [self.start("exec", self.name, "--", "sh", "-c", f"echo {n}; exit {n}")
                  for n in range(1, 4)]
        for n, other in enumerate(others, 1):
            out, err = other.communicate(timeout=harness.LIMIT)
            self.assertEqual((other.returncode, out), (n, b"%d\n" % n), err)
        self.finish(process)

    def start_trap(self):
        process = self.start("run", "--name", self.name, "--", "sh", "-c",
                             "trap 'echo told; exit 9' TERM; echo ready; "
                             "while :; do sleep 0.1; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.run_ok("exec", self.name, "--", "true")  # its start is over
        return process

    def test_stop_waits_for_the_shim(self):
        process = self.start_trap()
        self.run_ok("stop", self.name)
        out, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual(out, b"told\n", err)

    def test_signals_arrive(self):
        for through_shim in (False, True):
            process = self.start_trap()
            shim = self.pids("cc-shim", f"-c {self.name}")[0]
            os.kill(shim if through_shim else process.pid, signal.SIGTERM)
            self.assertEqual(self.finish(process, 9), b"told\n")

    def test_killed_process(self):
        process = self.start_ready(self.name)
        self.run_ok("kill", self.name, "KILL")
        self.finish(process, 137)

    def test_made_in_one_process_started_in_another(self):
        bundle = self.root + "/bundle"
        os.mkdir(bundle)
        config = {"ociVersion": "1.0.2", "hostname": "oci",
                  "process": {"args": ["sh", "-c", "hostname > /tmp/said"], "cwd": "/",
                              "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin:/usr/bin"]},
                  "root": {"path": harness.ROOTFS},
                  "mounts": [{"destination": "/tmp", "type": "bind", "source": bundle,
                              "options": ["rbind", "rw"]}],
                  "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "network")]}}
        with open(bundle + "/config.json", "w", encoding="utf-8") as f:
            json.dump(config, f)
        # The shim has its descriptors from here on.
        made = self.start("create", "--bundle", bundle, self.name,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(made.wait(harness.LIMIT), 0)
        self.assertFalse(os.path.exists(bundle + "/said"))
        self.run_ok("start", self.name)
        end = time.monotonic() + harness.LIMIT
        while self.state() != "stopped" and time.monotonic() < end:
            select.select([], [], [], 0.05)  # nobody tells whoever is not its parent
        with open(bundle + "/said", encoding="utf-8") as f:
            self.assertEqual(f.read(), "oci\n")
        self.run_ok("delete", self.name)

    def state(self):
        return json.loads(self.run_ok("state", self.name))["status"]


class Killed(CcTest):
    def test_killed_proxy_is_named_and_leaves_nothing(self):
        process = self.start_ready(self.name)
        self.kill(self.proxy())
        _, err = process.communicate(timeout=harness.LIMIT)
        self.assertNotEqual(process.returncode, 0, err)
        self.assertIn(b"the proxy of sandbox " + self.name.encode(), err)
        self.assertIn(b"killed by signal 9", err)

    def test_killed_shim_is_named_and_leaves_nothing(self):
        process = self.start_ready(self.name)
        shim = self.pids("cc-shim", f"-c {self.name}")[0]
        os.kill(shim, signal.SIGKILL)
        _, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual(process.returncode, 125, err)
        self.assertIn(f"shim {shim} of process".encode(), err)
        self.assertIn(b"killed by signal 9", err)

    def test_killed_shim_of_an_exec_is_its_end_alone(self):
        process = self.start_ready(self.name)
        other = self.start("exec", "-i", self.name, "--", "sh", "-c", "echo up; exec cat",
                           stdin=subprocess.PIPE)
        self.assertEqual(other.stdout.readline(), b"up\n")
        shims = sorted(self.pids("cc-shim", f"-c {self.name}"))
        self.assertEqual(len(shims), 2)
        os.kill(shims[1], signal.SIGKILL)
        _, err = other.communicate(timeout=harness.LIMIT)
        self.assertEqual(other.returncode, 125, err)
        self.assertIn(f"shim {shims[1]} of process".encode(), err)
        done = self.shoji("exec", self.name, "--", "echo", "still here")
        self.assertEqual((done.returncode, done.stdout), (0, b"still here\n"), done.stderr)
        self.finish(process)

    def test_killed_guest_leaves_nothing(self):
        process = self.start_ready(self.name)
        self.kill(min(self.pids("hyperstart", "--agent-fd")))
        _, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual(process.returncode, 125, err)

    def test_killed_command_leaves_the_rest_to_gc(self):
        process = self.start_ready(self.name)
        process.kill()
        process.wait()
        process.stdin.close()
        self.shoji("delete", "--force", self.name)
        self.shoji("gc")
        self.assertEqual(self.leftovers(), [])

    def test_programs_that_are_not_there(self):
        for option in ("proxy.ccproxy.path", "shim.ccshim.path"):
            done = self.run_in(f"--{option}=/nonexistent/cc", "--", "true")
            self.assertEqual(done.returncode, 125)
            self.assertIn(b"/nonexistent/cc", done.stderr)
            done = self.run_in(f"--{option}=", "--", "true")
            self.assertEqual(done.returncode, 125)
            self.assertIn(option.encode(), done.stderr)


class OnTerminal(terminal_test.Terminal):
    """The same as with any other shim."""
    hypervisor = OPTIONS

    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)

    def command(self, *words):
        return with_cc(self, ["run", "--quiet", *words[1:]] if words[0] == "run" else words)


class Insensible(CcTest):
    def test_refused_with_a_reason(self):
        for proxy, shim, agent, named in (("ccproxy", "katashim", "hyperstart", '"ccshim"'),
                                          ("ccproxy", "katashimbuiltin", "hyperstart", '"ccshim"'),
                                          ("kataproxy", "ccshim", "kata", '"ccproxy"'),
                                          ("ccproxy", "ccshim", "kata", '"hyperstart"'),
                                          ("kataproxy", "katashim", "hyperstart", '"ccproxy"')):
            with self.subTest(proxy=proxy, shim=shim, agent=agent):
                done = self.run_in(f"--sandbox.proxy={proxy}", f"--sandbox.shim={shim}",
                                   f"--sandbox.agent={agent}", "--", "true")
                self.assert_fails(done, 125, "cannot work together", named)


if __name__ == "__main__":
    harness.main()
