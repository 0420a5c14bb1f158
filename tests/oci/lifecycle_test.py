"""The life of a container by the runtime specification: preconditions, state, pid file."""

import json
import os
import signal

import oci_base


class Lifecycle(oci_base.OciTest):
    def test_from_create_to_delete(self):
        bundle = self.bundle("sh", "-c", "echo out; echo err >&2; exit 3")
        out = self.root + "/out"
        with open(out, "w") as f:
            self.created("c", bundle, "--pid-file", self.root + "/pid", stdout=f)
        state = self.state("c")
        with open(self.root + "/pid") as f:
            self.assertEqual(int(f.read()), state["pid"])
        self.assertGreater(state["pid"], 0)
        os.kill(state["pid"], 0)
        self.assertEqual((state["ociVersion"], state["id"], state["status"], state["bundle"]),
                         ("1.0.2", "c", "created", bundle))
        self.run_ok("start", "c")
        self.wait_status("c", "stopped")
        self.assertEqual(self.state("c")["pid"], 0)
        with open(out) as f:
            self.assertEqual(f.read(), "out\n")
        done = self.shoji("delete", "c")
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)
        self.refused(self.shoji("state", "c"), "container `c` does not exist")

    def test_an_id_is_taken_once(self):
        bundle = self.bundle()
        self.created("c", bundle)
        self.refused(self.create("c", bundle), "already exists")
        self.assertEqual(self.status("c"), "created")

    def test_start_wants_a_created_container(self):
        self.refused(self.shoji("start", "c"), "does not exist")
        self.launch("c", self.bundle())
        self.refused(self.shoji("start", "c"), "running already")
        self.run_ok("kill", "c", "KILL")
        self.wait_status("c", "stopped")
        self.refused(self.shoji("start", "c"), "stopped")

    def test_delete_wants_a_stopped_container(self):
        self.refused(self.shoji("delete", "c"), "does not exist", status=125)
        self.run_ok("delete", "--force", "c")
        self.created("c", self.bundle())
        self.assertEqual(self.shoji("delete", "c").returncode, 125)
        self.assertEqual(self.status("c"), "created")
        self.run_ok("start", "c")
        self.assertEqual(self.shoji("delete", "c").returncode, 125)
        self.assertEqual(self.status("c"), "running")
        self.run_ok("delete", "-f", "c")
        self.refused(self.shoji("state", "c"), "does not exist")

    def test_kill_wants_a_process(self):
        self.refused(self.shoji("kill", "c"), "does not exist")
        self.created("c", self.bundle())
        self.run_ok("kill", "c", "SIGKILL")  # also before it was started
        self.wait_status("c", "stopped")
        self.refused(self.shoji("kill", "c"), "container not running")
        self.refused(self.shoji("kill", "c", "NOPE"), "unknown signal `NOPE`")

    def test_signals_by_name_and_number(self):
        script = "for s in HUP USR1 USR2; do trap \"echo $s\" $s; done; echo up; " \
                 "while :; do sleep 0.2; done"
        path = self.root + "/fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(path, "w") as out:
            self.launch("c", self.bundle("sh", "-c", script), stdout=out)
        os.set_blocking(reader, True)
        with os.fdopen(reader) as lines:
            self.assertEqual(lines.readline(), "up\n")
            for word, line in (("HUP", "HUP"), ("SIGUSR1", "USR1"), ("12", "USR2")):
                self.run_ok("kill", "c", word)
                self.assertEqual(lines.readline(), line + "\n")
            self.run_ok("kill", "--all", "c", "KILL")
            self.assertEqual(lines.readline(), "")
        self.wait_status("c", "stopped")

    def test_a_killed_shim_is_the_end_of_its_container(self):
        self.launch("c", self.bundle())
        os.kill(self.state("c")["pid"], signal.SIGKILL)
        self.wait_status("c", "stopped")
        self.run_ok("delete", "c")

    def test_a_vm_that_is_gone_is_stopped(self):
        self.launch("c", self.bundle())
        for pid in self.json("status", "c")["vm_pids"]:
            os.kill(pid, signal.SIGKILL)
        self.wait_status("c", "stopped")
        self.refused(self.shoji("kill", "c"), "container not running")
        self.run_ok("delete", "c")

    def test_the_bundle_is_read_at_create(self):
        bundle = self.bundle("sh", "-c", "exit 0")
        out = self.root + "/out"
        with open(out, "w") as f:
            spec = oci_base.default_spec("echo", "first")
            self.write_spec(bundle, spec)
            self.created("c", bundle, stdout=f)
        spec["process"]["args"] = ["echo", "second"]
        self.write_spec(bundle, spec)
        self.run_ok("start", "c")
        self.wait_status("c", "stopped")
        with open(out) as f:
            self.assertEqual(f.read(), "first\n")
        os.remove(bundle + "/config.json")
        self.assertEqual(self.status("c"), "stopped")
        self.run_ok("delete", "c")

    def test_pause_and_resume(self):
        self.created("c", self.bundle())
        self.assertNotEqual(self.shoji("pause", "c").returncode, 0)
        self.run_ok("start", "c")
        self.run_ok("pause", "c")
        self.assertEqual(self.status("c"), "paused")
        self.assertNotEqual(self.shoji("delete", "c").returncode, 0)
        self.assertNotEqual(self.shoji("exec", "c", "true").returncode, 0)
        self.run_ok("resume", "c")
        self.assertEqual(self.status("c"), "running")
        self.assertEqual(self.run_ok("exec", "c", "echo", "on"), "on\n")

    def test_list(self):
        self.assertEqual(json.loads(self.run_ok("list", "-f", "json")), [])
        self.launch("one", self.bundle())
        self.created("two", self.bundle())
        found = {c["id"]: c for c in json.loads(self.run_ok("list", "--format=json"))}
        self.assertEqual({n: c["status"] for n, c in found.items()},
                         {"one": "running", "two": "created"})
        for name, container in found.items():
            self.assertEqual(container["pid"], self.state(name)["pid"])
            for field in ("ociVersion", "bundle", "rootfs", "created", "owner"):
                self.assertTrue(container[field], field)
        self.assertEqual(sorted(self.run_ok("list", "-q").split()), ["one", "two"])

    def test_ps_and_stats(self):
        self.launch("c", self.bundle())
        pids = json.loads(self.run_ok("ps", "-f", "json", "c"))
        self.assertTrue(pids and all(isinstance(p, int) for p in pids), pids)
        event = json.loads(self.run_ok("events", "--stats", "c"))
        self.assertEqual((event["type"], event["id"]), ("stats", "c"))
        for part in ("cpu", "memory", "pids", "blkio", "network_interfaces"):
            self.assertIn(part, event["data"])


if __name__ == "__main__":
    oci_base.main()
