"""A project from the template, built the way a vendor does: outside this tree, against the
installed SDK alone, with clang and -O2. It passes its tests and loads into hosts that were built
with another compiler.

Usage: template_test.py TEMPLATE, one of the directories of sdk/templates but common
"""
import json
import os
import re
import shutil
import sys
import unittest

from harness import ABI_HOST, BUILD_TREE, SHOJI, SdkTest

TEMPLATE = sys.argv[1]
KIND = TEMPLATE.removesuffix("-c")
LANGUAGE = "c" if TEMPLATE.endswith("-c") else "c++"
ID = "com.example.my-kv2"
CLANG, CLANGXX = shutil.which("clang-14"), shutil.which("clang++-14")
COMPILERS = [f"-DCMAKE_C_COMPILER={CLANG}", f"-DCMAKE_CXX_COMPILER={CLANGXX}"] if CLANGXX else []
# Wider than the project's own; a vendor may have any of them.
FLAGS = "-O2 -Wall -Wextra -Wshadow -Werror"


class Template(SdkTest):
    def setUp(self):
        super().setUp()
        self.project = self.dir / "project"
        self.build = self.project / "build"
        self.new("--kind", KIND, "--id", ID, "--language", LANGUAGE, self.project)

    def test_builds_passes_its_tests_and_loads(self):
        sdk = self.install_sdk()
        validate = BUILD_TREE / "bin" / "shoji-validate"
        kit = [f"-DSHOJI_VALIDATE={validate}"] if os.access(validate, os.X_OK) else []
        self.configure(self.project, self.build, f"-DCMAKE_PREFIX_PATH={sdk}", *COMPILERS, *kit,
                       f"-DCMAKE_C_FLAGS={FLAGS}", f"-DCMAKE_CXX_FLAGS={FLAGS}",
                       f"-DCMAKE_INSTALL_PREFIX={self.dir / 'host'}")
        self.run_it("cmake", "--build", self.build, "--parallel", "2", "--target", "install")
        text = self.run_it("ctest", "--test-dir", self.build, "--output-on-failure")
        self.assertRegex(text, r"100% tests passed, 0 tests failed out of " +
                         ("2" if kit else "1"))
        plugins = self.dir / "host" / "lib" / "shoji" / "plugins"
        plugin = plugins / f"{KIND}-my-kv2.so"
        self.assertEqual(self.exports(plugin), ["shoji_plugin_open_v1"])
        self.check_hardening(plugin)
        self.assertEqual(self.run_it(ABI_HOST, KIND, plugin), f"ok {KIND}\n")
        self.load_into_shoji(plugins, plugin)

    def check_hardening(self, plugin):
        dynamic = self.run_it("readelf", "-dW", plugin)
        self.assertRegex(dynamic, r"BIND_NOW|\bNOW\b")
        segments = self.run_it("readelf", "-lW", plugin)
        self.assertIn("GNU_RELRO", segments)
        self.assertRegex(segments, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ")
        self.assertNotIn("UNIQUE", self.run_it("readelf", "-sW", "--dyn-syms", plugin))

    def load_into_shoji(self, plugins, plugin):
        where = f"--plugins.path={plugins}"
        listed = json.loads(self.run_it(SHOJI, "plugin", "list", "--format=json", where))
        mine = [p for p in listed if p["path"] == str(plugin)]
        self.assertEqual([(p["kind"], p["id"], p["status"]) for p in mine], [(KIND, ID, "ok")])
        if KIND == "store":
            text = self.run_it(SHOJI, "--debug", "list", where, f"--sandbox.store={ID}",
                               f"--store.{ID}.capacity=1M")
            self.assertIn("CREATED", text)
            if LANGUAGE == "c++":  # it says so when it is opened
                self.assertIn("nothing is kept when the process ends", text)

    def test_no_word_of_the_template_is_left(self):
        files = [path for path in self.project.rglob("*") if path.is_file()]
        self.assertIn(self.project / ".gitignore", files)
        for path in files:
            text = path.read_text(encoding="utf-8")
            self.assertNotRegex(text, r"@[A-Z_]+@", path)
            self.assertLessEqual(max(map(len, text.splitlines())), 120, path)
        readme = (self.project / "README.md").read_text(encoding="utf-8")
        self.assertIn(ID, readme)
        self.assertIsNone(re.search(r"\.in$", " ".join(p.name for p in files), re.M))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
