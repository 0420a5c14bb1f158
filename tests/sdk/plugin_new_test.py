"""`shoji plugin new`: what it refuses, in words, and that nothing is left of what failed."""
import os
import unittest

from harness import SHOJI, SdkTest

GOOD = ("--kind", "shim", "--id", "com.example.kv")


class PluginNew(SdkTest):
    def refused(self, *arguments, says):
        text = self.new(*arguments, status=125)
        self.assertEqual(len(text.splitlines()), 1, text)
        self.assertIn(says, text)
        return text

    def refused_and_nothing_made(self, *arguments, says):
        self.refused(*arguments, self.dir / "new", says=says)
        self.assertEqual(os.listdir(self.dir), [])

    def test_ids(self):
        for bad in ("kv", "com..kv", ".kv", "com.example.", "Com.example.kv", "com.example.Kv",
                    "com.example.1kv", "com.exa mple.kv", "com.example.k/v", "com.example.k-",
                    "com.example.k;v", 'com.example.k"v', "com.example.k@v", "com.example.k_v",
                    "com.example.kv\n", "com.example." + "x" * 60, "com.example.\u00e9"):
            with self.subTest(bad):
                self.refused_and_nothing_made("--kind", "store", "--id", bad,
                                              says="is not the id of a plugin")
        self.refused_and_nothing_made("--kind", "store", "--id", "shoji.kv", says="Shoji's own")
        self.refused_and_nothing_made("--kind", "store", "--id", "com.example.test",
                                      says="CMake keeps for itself")

    def test_kinds_and_languages(self):
        self.refused_and_nothing_made(
            "--kind", "teapot", "--id", "com.example.kv",
            says='--kind "teapot" is not known; the kinds are agent, factory, hypervisor, network, '
            "proxy, shim, store")
        for kind in ("../store", "common", "store-c"):
            self.refused_and_nothing_made("--kind", kind, "--id", "com.example.kv",
                                          says="is not known")
        self.refused_and_nothing_made(*GOOD, "--language", "rust", says="use c++ or c")
        self.refused_and_nothing_made(*GOOD, "--language", "c", says="only of store")

    def test_missing_words(self):
        self.refused(*GOOD, says="takes one word")
        self.refused(*GOOD, "a", "b", says="takes one word")
        self.refused_and_nothing_made("--kind", "shim", says="--id is missing")
        self.refused_and_nothing_made("--id", "com.example.kv", says="--kind is missing")

    def test_directories(self):
        full = self.dir / "full"
        full.mkdir()
        (full / "mine").write_text("precious", encoding="utf-8")
        self.refused(*GOOD, full, says="is not empty, it has mine")
        self.assertEqual(os.listdir(full), ["mine"])
        self.refused(*GOOD, full / "mine", says=str(full / "mine"))
        self.refused(*GOOD, self.dir / "no" / "parent", says="No such file or directory")
        self.assertEqual(os.listdir(self.dir), ["full"])

    def test_an_empty_directory_stays_the_same_one(self):
        empty = self.dir / "empty"
        empty.mkdir(mode=0o750)
        before = empty.stat()
        self.run_it(SHOJI, "plugin", "new", *GOOD, ".", cwd=empty)
        self.assertEqual((before.st_ino, before.st_mode), (empty.stat().st_ino,
                                                           empty.stat().st_mode))
        self.assertEqual(sorted(os.listdir(empty)),
                         [".gitignore", "CMakeLists.txt", "README.md", "plugin.cc",
                          "plugin_test.cc", "shim.cc", "shim.h"])

    def test_the_names_in_the_files(self):
        text = self.new("--kind", "shim", "--id", "org.x.co-await", self.dir / "a" "/")
        self.assertIn("is a plugin of kind shim", text)
        header = (self.dir / "a" / "shim.h").read_text(encoding="utf-8")
        self.assertIn("namespace co_await_plugin {", header)  # never a word of the language
        self.assertIn("struct CoAwaitShim {", header)
        self.assertEqual((self.dir / "a").stat().st_mode & 0o777, 0o755)


if __name__ == "__main__":
    unittest.main()
