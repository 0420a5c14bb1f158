"""find_package(ShojiPluginSDK): wrong use is named, and an installation can be moved."""
import shutil
import unittest

from harness import SdkTest

HEAD = """
cmake_minimum_required(VERSION 3.25)
project(P LANGUAGES C)
find_package(ShojiPluginSDK {version} REQUIRED)
"""
PLUGIN_C = """
#include "shoji/plugin/note.h"
#include "shoji/plugin/shim.h"
SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("shim", "com.example.p", "1", "Example", "MIT")
                  SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.shim/1", "0"));
%s
SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host *h, shoji_plugin *p, shoji_error *e) {
  (void)h; (void)p; (void)e;
  return SHOJI_OK;
}
"""


class CMakePackage(SdkTest):
    def setUp(self):
        super().setUp()
        self.sdk = self.install_sdk()
        self.source = self.dir / "source"
        self.source.mkdir()
        self.write_plugin("SHOJI_EXPORT int a_second_export(void);\n"
                          "int a_second_export(void) { return 1; }")

    def write_plugin(self, more):
        (self.source / "p.c").write_text(PLUGIN_C % more, encoding="utf-8")

    def project(self, text, *arguments, status=0, version="0.1"):
        (self.source / "CMakeLists.txt").write_text(HEAD.format(version=version) + text,
                                                    encoding="utf-8")
        shutil.rmtree(self.dir / "build", ignore_errors=True)
        text = self.configure(self.source, self.dir / "build", f"-DCMAKE_PREFIX_PATH={self.sdk}",
                              *arguments, status=status)
        return " ".join(text.split())

    def refused(self, text, says, **how):
        self.assertIn(says, self.project(text, status=1, **how))

    def test_wrong_use_is_named(self):
        form = "shoji_add_plugin(TARGET name KIND kind SOURCES file...)"
        for call, says in (
                ("shoji_add_plugin(p shim p.c)", 'does not understand "p shim p.c"'),
                ("shoji_add_plugin(KIND shim SOURCES p.c)", "TARGET is missing"),
                ("shoji_add_plugin(TARGET p SOURCES p.c)", "KIND is missing"),
                ("shoji_add_plugin(TARGET p KIND shim)", "SOURCES is missing"),
                ("shoji_add_plugin(TARGET p KIND shim SOURCES)", "SOURCES is missing"),
                ("shoji_add_plugin(TARGET p KIND teapot SOURCES p.c)",
                 'KIND "teapot" is not known; the kinds are store, hypervisor'),
                ('shoji_add_plugin(TARGET "a b" KIND shim SOURCES p.c)', "is not made of")):
            with self.subTest(call):
                self.refused(call, says)
                self.refused(call, form)
        self.refused("add_library(p STATIC p.c)\n"
                     "shoji_add_plugin(TARGET p KIND shim SOURCES p.c)",
                     'there is a target "p" already')
        self.refused("shoji_plugin_test(TARGET p)", 'there is no target "p"')
        self.refused("shoji_plugin_test(p)", "TARGET is missing")
        self.refused("add_library(p STATIC p.c)\nset(SHOJI_VALIDATE x)\n"
                     "shoji_plugin_test(TARGET p)", "was not made by shoji_add_plugin()")

    def test_another_major_version_is_refused(self):
        self.refused("", 'compatible with requested version "7.0"', version="7.0")

    def test_one_export_in_an_installation_that_was_moved(self):
        moved = self.dir / "moved"
        self.sdk.rename(moved)
        self.sdk = moved
        self.project("shoji_add_plugin(TARGET p KIND shim SOURCES p.c)")
        self.run_it("cmake", "--build", self.dir / "build")
        self.assertEqual(self.exports(self.dir / "build" / "shim-p.so"), ["shoji_plugin_open_v1"])

    def test_an_undefined_symbol_ends_the_build(self):
        self.write_plugin("extern int nobody_has_it(void);\n"
                          "int use_it(void) { return nobody_has_it(); }\n"
                          "int (*keep)(void) = use_it;")
        self.project("shoji_add_plugin(TARGET p KIND shim SOURCES p.c)")
        self.assertIn("nobody_has_it",
                      self.run_it("cmake", "--build", self.dir / "build", status=None))

    def test_the_kit_becomes_a_test_when_it_is_installed(self):
        call = "enable_testing()\nshoji_add_plugin(TARGET p KIND shim SOURCES p.c)\n" \
               "shoji_plugin_test(TARGET p ARGS --quick)"
        kit = self.sdk / "bin" / "shoji-validate"
        kit.unlink(missing_ok=True)
        self.assertIn("shoji-validate is not installed", self.project(call))
        kit.parent.mkdir(exist_ok=True)
        kit.write_text('#!/bin/sh\ntest "$1" = --quick && test -f "$2"\n', encoding="utf-8")
        kit.chmod(0o755)
        self.project(call)
        self.run_it("cmake", "--build", self.dir / "build")
        self.assertIn("p_validate", self.run_it("ctest", "--test-dir", self.dir / "build"))


if __name__ == "__main__":
    unittest.main()
