"""The main job through each proxy: run, exec from other processes, and what a killed proxy does."""

import os
import select
import signal
import subprocess
import unittest

import harness

PROCESS = ["--sandbox.hypervisor=process", "--hypervisor.process.allow_insecure=true"]


class ProxyTest(harness.ShojiTest):
    proxy = "kataproxy"
    hypervisor = []

    def setUp(self):
        super().setUp()
        os.environ.pop("SHOJI_CONFIG", None)
        self.name = f"x{os.getpid()}-{self._testMethodName[5:]}"[:60].rstrip("-_").replace("_", "-")

    def command(self, *words):
        options = [] if words[0] == "gc" else [*self.hypervisor, "--sandbox.proxy=" + self.proxy]
        return [harness.SHOJI, "--root", self.root, words[0], *options, *words[1:]]

    def proxy_pid(self):
        pids = [pid for pid, command in harness.processes_of(self.root).items()
                if "-mux-socket" in command]
        self.assertEqual(len(pids), 1, harness.processes_of(self.root))
        return pids[0]

    def kill_proxy(self):
        pid = self.proxy_pid()
        pidfd = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            self.assertTrue(select.select([pidfd], [], [], harness.LIMIT)[0])
        finally:
            os.close(pidfd)


class MainJob:
    """What every hypervisor has to do."""

    def test_run(self):
        done = self.shoji("run", "--name", self.name, "--", "sh", "-c",
                          "echo out; echo err >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, b"out\n"), done.stderr)
        self.assertTrue(done.stderr.endswith(b"err\n"), done.stderr)

    def test_exec_from_other_processes(self):
        process = self.start_ready(self.name)
        others = [self.start("exec", self.name, "--", "sh", "-c", f"echo {n}; exit {n}")
                  for n in range(1, 5)]
        for n, other in enumerate(others, 1):
            out, err = other.communicate(timeout=harness.LIMIT)
            self.assertEqual((other.returncode, out), (n, b"%d\n" % n), err)
        self.finish(process)

    def test_killed_proxy_is_named_and_leaves_nothing(self):
        process = self.start_ready(self.name)
        self.kill_proxy()
        _, err = process.communicate(timeout=harness.LIMIT)
        self.assertEqual(process.returncode, 125, err)
        self.assertIn(b"the proxy of sandbox " + self.name.encode(), err)
        self.assertIn(b"killed by signal 9", err)


class OnProcess(MainJob, ProxyTest):
    hypervisor = PROCESS

    def test_streams_arrive_whole(self):
        data = os.urandom(20 << 20)
        done = self.shoji("run", "-i", "--name", self.name, "--", "cat", input=data)
        self.assertEqual(len(done.stdout), len(data))
        self.assertEqual(done.stdout, data)

    def test_kata_shim_stands_for_the_process(self):
        process = self.start_ready(self.name)
        shim = subprocess.Popen(
            [harness.PREFIX + "/libexec/shoji/shoji-shim", "-agent",
             f"unix://{self.root}/sandboxes/{self.name}/proxy/proxy.sock", "-container", self.name,
             "-exec-id", self.name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.started.append(shim)
        _, err = shim.communicate(timeout=harness.LIMIT)  # the end of its input ends cat
        self.assertEqual((shim.returncode, err), (0, b""))
        self.finish(process)

    def test_outlives_the_one_who_started_it(self):
        process = self.start_ready(self.name)
        process.kill()
        process.wait()
        done = self.shoji("exec", self.name, "--", "echo", "still here")
        self.assertEqual((done.returncode, done.stdout), (0, b"still here\n"), done.stderr)
        self.kill_proxy()
        done = self.shoji("exec", self.name, "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"the proxy of sandbox " + self.name.encode(), done.stderr)
        self.assertIn(b"has ended", done.stderr)
        self.shoji("gc")
        self.assertEqual(self.leftovers(), [])

    def test_delete_ends_it(self):
        process = self.start_ready(self.name)
        self.run_ok("delete", "--force", self.name)
        process.communicate(timeout=harness.LIMIT)
        self.assertEqual(self.leftovers(), [])

    def test_program_that_is_not_there(self):
        done = self.shoji("run", "--proxy.kataproxy.path=/nonexistent/kata-proxy", "--name",
                          self.name, "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"/nonexistent/kata-proxy", done.stderr)

    def test_program_that_fails_is_quoted(self):
        program = self.root + "/kata-proxy"
        with open(program, "w") as f:
            f.write("#!/bin/sh\necho cannot go on\nexit 9\n")
        os.chmod(program, 0o700)
        done = self.shoji("run", "--proxy.kataproxy.path=" + program, "--name", self.name,
                          "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"exit status 9", done.stderr)
        self.assertIn(b"cannot go on", done.stderr)


class Insensible(ProxyTest):
    hypervisor = PROCESS

    def test_noproxy_on_a_serial_channel(self):
        self.proxy = "noproxy"
        done = self.shoji("run", "--name", self.name, "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"use proxy \"kataproxybuiltin\" or \"kataproxy\"", done.stderr)

    def test_noopproxy_with_an_agent(self):
        self.proxy = "noopproxy"
        done = self.shoji("run", "--name", self.name, "--", "true")
        self.assertEqual(done.returncode, 125, done.stderr)


@unittest.skipUnless(os.path.exists(harness.MANIFEST), "no guest image was built")
class OnQemu(MainJob, ProxyTest):
    hypervisor = ["--sandbox.hypervisor=qemu"]


if __name__ == "__main__":
    harness.main()
