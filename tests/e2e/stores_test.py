"""shoji store copy|check|dump over every store plugin, and many commands at once on each."""

import json
import os
import shutil
import socket
import subprocess
import tempfile

import harness

SEED = os.environ["E2E_SEED"]
PLUGINS = harness.PREFIX + "/lib/shoji/plugins"
SANDBOXES = 5
AT_ONCE = 8


class Etcd:
    """A server of its own below a directory; ready when the constructor returns."""

    def __init__(self, where):
        self.endpoint = f"unix://{where}/c:1"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(where + "/notify")
            ready.settimeout(harness.LIMIT)
            # etcd takes a socket only as host:port, relative to its directory.
            self.process = subprocess.Popen(
                ["etcd", "--data-dir=data", "--listen-client-urls=unix://c:1",
                 "--advertise-client-urls=unix://c:1", "--listen-peer-urls=unix://p:1",
                 "--initial-advertise-peer-urls=unix://p:1",
                 "--initial-cluster=default=unix://p:1", "--log-level=error"],
                cwd=where, env={**os.environ, "NOTIFY_SOCKET": where + "/notify"},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
            except BaseException:
                self.stop()
                raise

    def stop(self):
        self.process.kill()
        self.process.wait()


class StoresTest(harness.ShojiTest):
    def setUp(self):
        super().setUp()
        self.place = tempfile.mkdtemp(prefix="e2e-stores-")
        self.addCleanup(shutil.rmtree, self.place)
        self.addCleanup(shutil.rmtree, self.root + "/store", ignore_errors=True)
        os.mkdir(self.place + "/server")
        etcd = Etcd(self.place + "/server")
        self.addCleanup(etcd.stop)
        self.options = {
            "filesystem": ["path=" + self.place + "/filesystem"],
            "sqlite": ["path=" + self.place + "/shoji.db"],
            "leveldb": ["path=" + self.place + "/leveldb"],
            "rocksdb": ["path=" + self.place + "/rocksdb"],
            "etcd": ["endpoints=" + etcd.endpoint, "prefix=/e2e/"],
        }
        self.stores = list(self.options)

    def seed(self, *words):
        subprocess.run([SEED, self.root, PLUGINS, *words], check=True, timeout=harness.LIMIT)

    def chosen(self, store):
        """The options of a command that uses that store."""
        return ["--sandbox.store=" + store,
                *(f"--store.{store}.{option}" for option in self.options[store])]

    def copy(self, source, target, source_options, target_options):
        words = [w for o in source_options for w in ("--from-option", o)]
        words += [w for o in target_options for w in ("--to-option", o)]
        return self.shoji("store", "copy", source, target, *words, "--format", "json")

    def dump(self, *options):
        return self.json(*options, "store", "dump", "--secrets")

    def records(self, *options):
        """All of a store but the store's mark, which tells how the store came to be."""
        return [(e["key"], e["value"]) for e in self.dump(*options) if e["key"] != "shoji/store"]

    def fill_all(self):
        """From the default place through all stores; what is in the first."""
        self.seed(str(SANDBOXES))
        first = self.records()
        source, options = "filesystem", []
        for store in self.stores:
            done = self.copy(source, store, options, self.options[store])
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual((report["sandboxes"], report["written"]),
                             (SANDBOXES, 3 * SANDBOXES), store)
            source, options = store, self.options[store]
        return first

    def test_a_chain_through_all_stores_loses_nothing(self):
        first = self.fill_all()
        self.assertGreaterEqual(len(first), 3 * SANDBOXES)
        for store in self.stores:
            self.assertEqual(self.records(*self.chosen(store)), first, store)
            found = self.json("store", "check", store,
                              *(w for o in self.options[store] for w in ("--option", o)))
            self.assertEqual(found["findings"], [], store)
        back = ["path=" + self.place + "/back"]
        done = self.copy("etcd", "filesystem", self.options["etcd"], back)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.records("--store.filesystem." + back[0]), first)
        again = json.loads(self.copy("etcd", "filesystem", self.options["etcd"], back).stdout)
        self.assertEqual((again["written"], again["unchanged"]), (0, 3 * SANDBOXES))

    def test_the_memory_store_is_empty_in_each_command(self):
        """Nothing can be fetched from it; what is copied to it is gone with the command."""
        self.seed("1")
        self.shoji("store", "copy", "filesystem", "memory")
        self.assertEqual(self.json("--sandbox.store=memory", "status"), [])
        self.assertEqual(self.dump("--sandbox.store=memory"), [])
        self.assertEqual(len(self.json("status")), 1)

    def test_eight_commands_at_once_on_each_store(self):
        self.fill_all()
        for store in self.stores:
            words = [["status", "--format", "json"], ["store", "dump", "--format", "json"],
                     ["status", "s0", "--format", "json"], ["store", "check", "--format", "json"]]
            running = [self.start(*self.chosen(store), *words[i % len(words)])
                       for i in range(AT_ONCE)]
            out = [process.communicate(timeout=harness.LIMIT) for process in running]
            for i, (process, (text, errors)) in enumerate(zip(running, out)):
                self.assertEqual(process.returncode, 0, (store, words[i % 4], errors))
                self.assertEqual(text, out[i % 4][0], (store, words[i % 4]))
            self.assertEqual(len(json.loads(out[0][0])), SANDBOXES, store)

    def test_changes_at_once_lose_nothing(self):
        self.fill_all()
        for store in self.stores:
            options = self.chosen(store)
            running = [self.start(*options, "delete", "--force", f"s{i}") for i in range(SANDBOXES)]
            running += [self.start(*options, "list") for _ in range(AT_ONCE - SANDBOXES)]
            for process in running:
                _, errors = process.communicate(timeout=harness.LIMIT)
                self.assertEqual(process.returncode, 0, (store, errors))
            self.assertEqual(self.records(*options), [], store)


if __name__ == "__main__":
    harness.main()
