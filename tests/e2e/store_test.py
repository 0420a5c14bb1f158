"""shoji store copy|check|dump and shoji config dump; needs no guest."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile

import harness

SEED = os.environ["E2E_SEED"]
PLUGINS = harness.PREFIX + "/lib/shoji/plugins"


def tree(folder):
    """All records below a directory, as {name: bytes}."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith("="):
                with open(at + "/" + name, "rb") as f:
                    found[os.path.relpath(at + "/" + name, folder)] = f.read()
    return found


class StoreTest(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        self.store = self.root + "/store"
        self.other = tempfile.mkdtemp(prefix="e2e-store-")
        self.addCleanup(shutil.rmtree, self.other)
        # What these tests put there is no leftover; cleanups run in reverse order.
        self.addCleanup(shutil.rmtree, self.store, ignore_errors=True)

    def seed(self, *words):
        subprocess.run([SEED, self.root, PLUGINS, *words], check=True, timeout=harness.LIMIT)

    def copy(self, *words):
        return self.shoji("store", "copy", "filesystem", "filesystem", "--to-option",
                          "path=" + self.other, *words)

    def findings(self, *words):
        done = self.shoji("store", "check", "--format", "json", *words)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        found = json.loads(done.stdout)["findings"]
        self.assertEqual(done.returncode, 1 if any(not f["repaired"] for f in found) else 0)
        return [f["kind"] + " " + f["key"] for f in found]

    def test_copy_is_complete_and_idempotent(self):
        self.seed("3")
        report = json.loads(self.copy("--format", "json").stdout)
        self.assertEqual((report["sandboxes"], report["containers"], report["written"]), (3, 6, 9))
        self.assertEqual(tree(self.other), tree(self.store))
        self.assertEqual(len(tree(self.other)), 9)
        again = json.loads(self.copy("--format", "json").stdout)
        self.assertEqual((again["written"], again["unchanged"]), (0, 9))
        ids = [s["id"] for s in self.json("--store.filesystem.path=" + self.other, "status")]
        self.assertEqual(ids, ["s0", "s1", "s2"])

    def test_copy_refuses_what_it_must(self):
        self.seed("1")
        self.assert_fails(self.shoji("store", "copy", "filesystem"), 125, "FROM and TO")
        self.assert_fails(self.shoji("store", "copy", "filesystem", "filesystem"), 125, "itself")
        self.assert_fails(self.copy("--merge", "--replace"), 125, "exclude each other")
        self.assert_fails(self.copy("--to-option", "pth=/x"), 125, "did you mean", "path")
        self.assert_fails(self.copy("--to-option", "path"), 125, "NAME=VALUE")
        self.assert_fails(self.shoji("store", "copy", "filesystem", "nosuch"), 125, "nosuch")
        alias = self.root + "/alias"
        os.symlink(self.store, alias)
        before = tree(self.store)
        self.assert_fails(self.shoji("store", "copy", "filesystem", "filesystem", "--to-option",
                                     "path=" + alias, "--replace"), 125, "the same store")
        os.unlink(alias)
        self.assertEqual(tree(self.store), before)

    def test_merge_and_replace(self):
        self.seed("2")
        self.assertEqual(self.copy().returncode, 0)
        self.seed("3")  # s0 and s1 again, and s2
        self.seed("vendor/key", "x")
        shutil.rmtree(self.store)
        self.seed("1")
        self.assert_fails(self.copy(), 125, "not empty", "--merge", "--replace")
        report = json.loads(self.copy("--merge", "--format", "json").stdout)
        self.assertEqual((report["removed"], len(tree(self.other))), (0, 6))
        report = json.loads(self.copy("--replace", "--format", "json").stdout)
        self.assertEqual((report["removed"], len(tree(self.other))), (3, 3))

    def test_an_unfinished_copy_is_not_used_and_can_be_completed(self):
        self.seed("2")
        mark = {"layout": 1, "copy": {"from": "store filesystem", "merges": False, "nonce": "0"}}
        self.seed("shoji/store", json.dumps(mark))
        for command in (["list"], ["gc"], ["status", "s0"], ["delete", "s0"]):
            self.assert_fails(self.shoji(*command), 125, "unfinished copy")
        self.assertEqual(self.findings(), ["unfinished-copy shoji/store"])
        shutil.move(self.store, self.other + "/half")
        self.seed("3")
        done = self.shoji("store", "copy", "filesystem", "filesystem", "--to-option",
                          "path=" + self.other + "/half")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"completed", done.stdout)
        self.assertEqual(tree(self.other + "/half"), tree(self.store))

    def test_copy_waits_until_nobody_changes_a_sandbox(self):
        self.seed("1")
        os.makedirs(self.root + "/sandboxes/s0")
        with open(self.root + "/sandboxes/s0/lock", "w") as f:
            f.write(f"{os.getpid()}\n")
            f.flush()
            fcntl.flock(f, fcntl.LOCK_EX)
            done = self.copy("--sandbox.lock_timeout=200ms")
            self.assert_fails(done, 125, '"s0" is being changed', str(os.getpid()))
        self.assertEqual(tree(self.other), {})
        with open(self.root + "/sandboxes/s0/owner", "w") as f:
            f.write(f"{os.getpid()}\n")
            f.flush()
            fcntl.flock(f, fcntl.LOCK_EX)
            done = self.copy()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"belongs to process {os.getpid()}".encode(), done.stderr)
        shutil.rmtree(self.root + "/sandboxes/s0")

    def test_check_finds_and_repairs(self):
        self.seed("2")
        self.assertEqual(self.findings(), [])
        self.seed("containers/gone", "nobody")
        self.seed("containers/s0-a", "s1")
        self.seed("sandboxes/torn", "{")
        self.seed("sandboxes/later", '{"schema":99}')
        self.seed("vendor/key", "x")
        lasting = ["newer sandboxes/later", "damaged sandboxes/torn", "foreign vendor/key"]
        index = ["stale-index containers/gone", "wrong-index containers/s0-a"]
        self.assertEqual(self.findings(), lasting + index)
        self.assertEqual(self.findings("--repair"), lasting + index)
        self.assertEqual(self.findings(), lasting)
        # The records that can be read are listed all the same, and each other one is named.
        done = self.shoji("status", "--format", "json")
        self.assertEqual([s["id"] for s in json.loads(done.stdout)], ["s0", "s1"])
        for name in (b'"sandboxes/torn" of store filesystem', b'"sandboxes/later" of store'):
            self.assertIn(name, done.stderr)
        self.assert_fails(self.shoji("status", "later"), 125, "schema 99", "reads up to", "newer")
        self.run_ok("delete", "--force", "torn")
        self.assertEqual(self.findings(), ["newer sandboxes/later", "foreign vendor/key"])

    def test_gc_removes_what_check_calls_stale_and_damaged(self):
        self.seed("1")
        self.seed("containers/gone", "nobody")
        self.seed("sandboxes/torn", "{")
        report = self.json("gc")
        self.assertEqual(sorted(i["name"] for i in report["items"] if i["removed"]),
                         ["gone", "s0", "torn"])
        self.assertEqual(self.findings(), [])

    def test_check_of_another_place(self):
        self.assertEqual(self.findings("filesystem", "--option", "path=" + self.other), [])
        self.assert_fails(self.shoji("store", "check", "nosuch"), 125, "nosuch", "filesystem")
        self.assert_fails(self.shoji("store", "check", "a", "b"), 125, "one store plugin")

    def test_dump_hides_what_may_be_secret(self):
        self.seed("2")
        self.seed("vendor/key", "canary")
        for words in ([], ["--format", "json"]):
            text = self.run_ok("store", "dump", *words)
            self.assertNotIn("canary", text)
            self.assertIn("TOKEN=(hidden)", text)
            self.assertIn("canary", self.run_ok("store", "dump", "--secrets", *words))
        entries = self.json("store", "dump", "--key", "containers/s1")
        self.assertEqual([(e["key"], e["value"]) for e in entries],
                         [("containers/s1-a", "s1"), ("containers/s1-b", "s1")])
        self.assertEqual(self.json("store", "dump", "--key", "nothing"), [])

    def test_config_dump_reads_back(self):
        words = ["config", "dump", "--hypervisor.qemu.memory=1G", '--guest.kernel_params=a "b" \\c',
                 "--plugins.path=" + PLUGINS, "--sandbox.stop_timeout=1500ms"]
        if not os.path.exists(PLUGINS + "/hypervisor-qemu.so"):
            words.remove("--hypervisor.qemu.memory=1G")
        text = self.run_ok(*words)
        self.assertIn('sandbox.stop_timeout = "1500ms"\n', text)
        path = self.other + "/dumped.toml"
        with open(path, "w") as f:
            f.write(text)
        done = subprocess.run([harness.SHOJI, "--config", path, "config", "dump"],
                              capture_output=True, timeout=harness.LIMIT)
        self.assertEqual(done.stdout.decode(), text, done.stderr)
        origin = subprocess.run([harness.SHOJI, "--config", path, "config", "dump", "--origin"],
                                capture_output=True, timeout=harness.LIMIT).stdout.decode()
        self.assertIn(f'root = "{self.root}"  # {path}:1\n', origin)
        with_env = self.run_ok("config", "dump", "--origin",
                               env={**os.environ, "SHOJI_SANDBOX_STORE": "filesystem"})
        self.assertIn('sandbox.store = "filesystem"  # environment\n', with_env)
        self.assertIn(f'root = "{self.root}"  # command line\n', with_env)
        self.assertIn('log.level = "warn"  # default\n', with_env)
        options = {o["name"]: o for o in self.json("config", "dump")}
        self.assertEqual(options["root"]["value"], self.root)
        self.assertEqual(options["plugins.path"]["value"], [])
        self.assert_fails(self.shoji("config", "dump", "x"), 125, "no words")


if __name__ == "__main__":
    harness.main()
