"""The commands on a sandbox that runs, on hypervisor "process"."""

import json
import os
import time

import harness
import process_base


def guest_controllers():
    """What containers of hypervisor "process" can be limited in: the version 2 hierarchy's."""
    with open("/proc/self/mountinfo") as f:
        trees = [line.split()[4] for line in f if " - cgroup2 " in line]
    if not trees:
        return []
    with open(trees[0] + "/cgroup.controllers") as f:
        return f.read().split()


class Operations(process_base.ProcessTest):
    def setUp(self):
        super().setUp()
        self.process = self.start_ready(self.name)

    def tearDown(self):
        # Also after a failed check, so that what that left does not hide it.
        if self.process.poll() is None:
            self.shoji("delete", "--force", self.name)
            self.process.communicate(timeout=harness.LIMIT)
        super().tearDown()

    def state(self):
        status = self.json("status", self.name)
        return status["state"], status["containers"][0]["state"]

    def disk(self):
        path = self.root + "/disk.img"
        with open(path, "wb") as f:
            f.truncate(1 << 20)
        return path

    # ---- pause and resume

    def test_pause_stops_everything_and_resume_goes_on(self):
        self.assertEqual(self.run_ok("pause", self.name), self.name + "\n")
        self.assertEqual(self.state(), ("paused", "paused"))
        for words in (["ps", self.name], ["exec", self.name, "--", "true"],
                      ["device", "add", self.name, self.disk()],
                      ["update", self.name, "--pids", "9"]):
            self.assert_fails(self.shoji(*words), 125, "paused", self.name)
        self.assert_fails(self.shoji("pause", self.name), 125, "paused")
        self.process.stdin.write(b"waits\n")
        self.process.stdin.flush()
        self.assertEqual(self.json("resume", self.name), {"id": self.name, "state": "running"})
        self.assertEqual(self.process.stdout.readline(), b"waits\n")
        self.assertEqual(self.state(), ("running", "running"))
        self.assert_fails(self.shoji("resume", self.name), 125, "running", "not paused")

    def test_pause_of_one_container(self):
        self.run_ok("pause", "-c", self.name)
        self.assertEqual(self.state(), ("running", "paused"))
        self.run_ok("ps", self.name)  # the guest answers
        self.assert_fails(self.shoji("pause", "-c", self.name), 125, "paused")
        self.run_ok("resume", "-c", self.name)
        self.assertEqual(self.state(), ("running", "running"))

    def test_stop_of_a_paused_sandbox(self):
        self.run_ok("pause", self.name)
        self.run_ok("stop", self.name)
        self.process.communicate(timeout=harness.LIMIT)

    def test_delete_of_a_paused_sandbox(self):
        self.run_ok("pause", self.name)
        self.run_ok("delete", "--force", self.name)
        self.process.communicate(timeout=harness.LIMIT)

    # ---- ps and stats

    def test_ps(self):
        table = self.run_ok("ps", self.name)
        self.assertIn("PID", table.splitlines()[0])
        self.assertIn("cat", table)
        pids = json.loads(self.run_ok("ps", self.name, "--format", "json"))
        self.assertEqual(len(pids), 1)
        self.assert_fails(self.shoji("ps", "none"), 125, "none")
        self.assert_fails(self.shoji("ps", self.name, "--format", "xml"), 125, "xml")

    def test_stats(self):
        container = self.json("stats", self.name)
        self.assertEqual(container["id"], self.name)
        self.assertGreater(container["cpu_ns"], 0)
        self.assertIn("lo", [i["name"] for i in container["interfaces"]])
        vm = self.json("stats", "--vm", self.name)
        self.assertGreater(vm["resident_bytes"], 0)
        self.assertEqual(vm["vcpus"], 1)
        for options in ([], ["--vm"]):
            self.assertIn("cpu time", self.run_ok("stats", *options, self.name))
        self.assert_fails(self.shoji("stats", "none"), 125, "none")

    # ---- update

    def test_update(self):
        done = self.shoji("update", self.name, "--pids", "5")
        if "pids" in guest_controllers():
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.json("stats", self.name)["pids_limit"], 5)
        else:
            self.assert_fails(done, 125, "does not offer this controller")
        for options, text in ((["--cpus", "x"], '"x"'), (["--memory", "-2"], "-2"),
                              (["--pids", "many"], "many")):
            self.assert_fails(self.shoji("update", self.name, *options), 125, text)
        self.assert_fails(self.shoji("update", "none", "--pids", "5"), 125, "none")
        self.run_ok("exec", self.name, "--", "true")

    # ---- devices

    def test_device_comes_and_goes(self):
        disk = self.disk()
        added = self.json("device", "add", self.name, disk, "--id", "data", "--read-only")
        self.assertEqual((added["id"], added["kind"], added["host_path"], added["read_only"]),
                         ("data", "block", disk, True))
        self.assertTrue(added["address"])
        self.assertEqual(self.json("device", "list", self.name), [added])
        self.assertIn(disk, self.run_ok("device", "list", self.name))
        status = self.json("status", self.name)
        self.assertEqual(status["devices"], [added])
        self.assertIn("DEVICE", self.run_ok("status", self.name))
        again = self.json("device", "add", self.name, disk, "--id", "data", "--read-only")
        self.assertEqual(again, added)
        self.assert_fails(self.shoji("device", "add", self.name, disk, "--id", "data"), 125,
                          "data", "other content")
        self.assertEqual(self.run_ok("device", "remove", self.name, "data"), "data\n")
        self.assertEqual(self.run_ok("device", "remove", self.name, "data"), "data\n")
        self.assertEqual(self.json("device", "list", self.name), [])

    def test_device_of_a_sandbox_that_is_stopped_goes_with_it(self):
        self.run_ok("device", "add", self.name, self.disk())
        self.finish(self.process)

    def test_wrong_devices_are_named(self):
        disk = self.disk()
        for words, texts in ((["device", "add", self.name, "/none"], ["/none"]),
                             (["device", "add", "none", disk], ["none"]),
                             (["device", "add", self.name, disk, "--kind", "odd"], ["odd"]),
                             (["device", "add", self.name, disk, "--id", "a/b"], ["a/b"]),
                             (["device", "add", self.name, disk, "--image-format", "vmdk"],
                              ["vmdk"]),
                             (["device", "add", self.name], ["a path"]),
                             (["device", "list", "none"], ["none"])):
            self.assert_fails(self.shoji(*words), 125, *texts)
        self.assertEqual(self.json("device", "list", self.name), [])

    # ---- events

    def test_events_until_the_end(self):
        events = self.start("events", self.name, "--format", "json")
        self.wait_until_it_follows(events)
        self.finish(self.process)
        out, err = events.communicate(timeout=harness.LIMIT)
        self.assertEqual(events.returncode, 0, err)
        lines = [json.loads(line) for line in out.splitlines()]
        # The owner takes the guest away as soon as it knows of the end, perhaps before this
        # command has heard of it.
        exited = {"event": "exit", "container_id": self.name, "exit_status": 0}
        self.assertIn(lines, ([exited, {"event": "stopped"}], [{"event": "stopped"}]))
        self.assert_fails(self.shoji("events", self.name), 125, self.name)

    def wait_until_it_follows(self, events):
        """It does when it has a connection to the guest."""
        while events.poll() is None:
            try:
                links = [os.readlink(f"/proc/{events.pid}/fd/{fd}")
                         for fd in os.listdir(f"/proc/{events.pid}/fd")]
            except FileNotFoundError:
                continue
            if any(link.startswith("socket:") for link in links):
                return
            time.sleep(0.01)
        self.fail(events.communicate())

    def test_events_end_with_the_user(self):
        events = self.start("events", self.name)
        self.wait_until_it_follows(events)
        events.terminate()
        events.communicate(timeout=harness.LIMIT)
        self.assertEqual(events.returncode, 128 + 15)
        self.assertEqual(self.state(), ("running", "running"))

    # ---- save and restore: this hypervisor cannot, and says so without a trace

    def test_save_is_not_offered(self):
        snapshot = self.root + "/snapshot"
        self.assert_fails(self.shoji("save", self.name, snapshot), 125, "process", "save")
        self.assertFalse(os.path.exists(snapshot))
        self.assertEqual(self.state(), ("running", "running"))
        self.run_ok("device", "add", self.name, self.disk(), "--id", "data")
        self.assert_fails(self.shoji("save", self.name, snapshot), 125, "data", "remove it first")
        self.assertFalse(os.path.exists(snapshot))
        self.assert_fails(self.shoji("restore", self.name + "2", snapshot), 125, "incomplete")
        self.assert_fails(self.shoji("restore", self.name + "2"), 125, "a directory")


class Status(process_base.ProcessTest):
    def test_storages_are_shown(self):
        files = self.root + "/files"
        os.makedirs(files)
        process = self.start_ready(self.name, "--mount",
                                   f"type=directory,source={files},target=/files")
        status = self.json("status", self.name)
        self.assertEqual([(s["kind"], s["source"]) for s in status["storages"]],
                         [("directory", files)])
        self.assertEqual((status["network"], status["netns"], status["devices"]), ("", "", []))
        text = self.run_ok("status", self.name)
        self.assertIn("STORAGE", text)
        self.assertIn(files, text)
        self.finish(process)


if __name__ == "__main__":
    harness.main()
