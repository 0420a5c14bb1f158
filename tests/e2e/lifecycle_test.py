"""list, status, exec, stop, delete, gc from other processes, while a sandbox runs."""

import os
import random
import signal
import subprocess
import time

import harness


class Lifecycle(harness.ShojiTest):
    def test_seen_entered_stopped_deleted_from_outside(self):
        process = self.start_ready("web")
        self.check_list()
        self.check_exec()
        self.check_delete_needs_force()
        self.assertEqual(self.json("stop", "web"), {"id": "web", "state": "stopped"})
        process.communicate(timeout=harness.LIMIT)
        self.assertNotEqual(process.returncode, 0)
        self.shoji("delete", "--force", "web")
        self.assertEqual(self.json("status"), [])
        self.assert_fails(self.shoji("status", "web"), 125, "web")

    def check_list(self):
        (sandbox,) = self.json("status")
        self.assertEqual((sandbox["id"], sandbox["state"]), ("web", "running"))
        status = self.json("status", "web")
        self.assertEqual(status["hypervisor"], "qemu")
        self.assertEqual(status["containers"][0]["state"], "running")
        with open(f"/proc/{status['vm_pids'][0]}/comm") as f:
            self.assertTrue(f.read().startswith("qemu"))
        self.assertIn("running", self.run_ok("list"))

    def check_exec(self):
        self.assertEqual(self.run_ok("exec", "web", "--", "cat", "/proc/1/comm"), "cat\n")
        done = self.shoji("exec", "-i", "web", "--", "sh", "-c", "cat; echo e >&2; exit 6",
                          input=b"through")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (6, b"through", b"e\n"))
        self.assert_fails(self.shoji("exec", "web", "--", "nope"), 127, "nope")
        self.assert_fails(self.shoji("exec", "web", "--", "/etc/passwd"), 126, "/etc/passwd")
        for size in (1, 4095, 65536, 200001):
            out = self.run_ok("exec", "web", "--", "head", "-c", str(size), "/dev/zero")
            self.assertEqual(len(out), size)

    def check_delete_needs_force(self):
        self.assert_fails(self.shoji("delete", "web"), 125, "running", "--force")

    def test_name_is_taken(self):
        process = self.start_ready("web")
        self.assert_fails(self.shoji("run", "--name", "web", "--", "true"), 125, "web", "exists")
        self.finish(process)

    def test_vm_that_is_killed_ends_the_run(self):
        process = self.start_ready("web")
        os.kill(self.json("status", "web")["vm_pids"][0], signal.SIGKILL)
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 125)
        self.assertEqual(err.count(b"\n"), 1, err)

    def test_gc_leaves_the_living_alone(self):
        process = self.start_ready("web")
        self.assertEqual(self.json("gc")["items"], [])
        self.assertEqual(self.run_ok("exec", "web", "--", "echo", "alive"), "alive\n")
        self.finish(process)

    def test_interrupt_while_booting(self):
        process = self.start("run", "--name", "web", "--", "sleep", "1000")
        while not harness.processes_of(self.root):
            self.assertIsNone(process.poll())
            time.sleep(0.01)  # the event is a process of somebody else's
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)


class Killed(harness.ShojiTest):
    def test_gc_after_kill_at_random_moments(self):
        seed = int(os.environ.get("E2E_SEED", random.randrange(1 << 30)))
        print(f"E2E_SEED={seed}", flush=True)
        dice = random.Random(seed)
        begin = time.monotonic()
        self.run_ok("run", "--", "true")
        whole = time.monotonic() - begin
        for _ in range(20):
            process = self.start("run", "--", "true", stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(0, whole))  # the moment is what is random
            except subprocess.TimeoutExpired:
                pass
            process.kill()
            process.wait()
            self.run_ok("gc")
            self.assertEqual(self.leftovers(), [])


if __name__ == "__main__":
    harness.main()
