"""Plugins of another time: built from the headers of the first release, and from headers that
have grown past those of the host. Both load and work."""
import json
import os
import shutil
import unittest

from harness import ABI_HOST, HERE, SHOJI, TREE, SdkTest

FROZEN = HERE / "frozen" / "v1"
KINDS = ("store", "hypervisor", "factory", "shim", "proxy", "agent")
CC = os.environ.get("SDK_CC", "cc")

# What a later release may do to each header: append.
GROWTH = (
    ("base.h", "  void (*error_detail)(shoji_error *err, shoji_str name, shoji_str value);",
     "\n  int32_t (*newer_slot)(const struct shoji_host *host);"),
    ("base.h", "  void (*shutdown)(void *self);", "\n  uint64_t newer_field;"),
    ("store.h", "  const void *(*get_extension)(shoji_store *store, const char *id);",
     "\n  int32_t (*newer_slot)(shoji_store *store, shoji_error *err);"),
    ("hypervisor.h", "  uint32_t device_count;\n  uint32_t reserved0;\n", "  uint64_t newer_field;\n"),
    ("hypervisor.h", "  const void *(*get_extension)(shoji_vm *vm, const char *id);",
     "\n  int32_t (*newer_slot)(shoji_vm *vm);"),
    ("agent.h", "  void (*release)(void *ctx);", "\n  int32_t (*newer_slot)(void *ctx);"),
    ("shim.h", "                      exec id is all it needs */\n",
     "  shoji_str newer_field;\n"),
    ("proxy.h", "  int32_t (*console_watched)(shoji_proxy *proxy);",
     "\n  int32_t (*newer_slot)(shoji_proxy *proxy);"),
)


class OtherTimes(SdkTest):
    def build(self, kind, include, *flags):
        plugin = self.dir / "plugins" / f"{kind}-frozen.so"
        plugin.parent.mkdir(exist_ok=True)
        self.run_it(CC, "-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall",
                    "-Wextra", "-Wno-unused-function", "-Werror", "-Wl,-z,defs,-z,now", *flags,
                    f"-I{include}", FROZEN / "plugins" / f"{kind}.c", "-o", plugin)
        return plugin

    def all_work(self, include, *flags):
        for kind in KINDS:
            with self.subTest(kind):
                plugin = self.build(kind, include, *flags)
                self.assertEqual(self.run_it(ABI_HOST, kind, plugin), f"ok {kind}\n")
        self.load_into_shoji()

    def load_into_shoji(self):
        where = f"--plugins.path={self.dir / 'plugins'}"
        listed = json.loads(self.run_it(SHOJI, "plugin", "list", "--format=json", where))
        self.assertEqual(sorted((p["kind"], p["status"]) for p in listed),
                         sorted((kind, "ok") for kind in KINDS))
        text = self.run_it(SHOJI, "list", where, "--sandbox.store=com.example.frozen",
                           "--log.level=info", "--store.com.example.frozen.label=new")
        self.assertIn("the frozen store is open", text)

    def test_the_first_release(self):
        self.all_work(FROZEN / "include")

    def test_headers_newer_than_the_host(self):
        include = self.dir / "include"
        shutil.copytree(TREE / "plugin-api" / "include", include)
        for header, last, more in GROWTH:
            path = include / "shoji" / "plugin" / header
            text = path.read_text(encoding="utf-8")
            self.assertEqual(text.count(last), 1, f"{last!r} should be in {header} once")
            path.write_text(text.replace(last, last + more), encoding="utf-8")
        check = TREE / "plugin-api" / "abi" / "check-layout"
        self.assertIn("appended: ", self.run_it("python3", "-B", check, "--include", include))
        self.all_work(include, "-DNEWER")

    def test_the_frozen_headers_are_those_of_the_first_release(self):
        """Their layout is the recorded one: nobody has mended them."""
        check = TREE / "plugin-api" / "abi" / "check-layout"
        text = self.run_it("python3", "-B", check, "--include", FROZEN / "include", "--print")
        recorded = (TREE / "plugin-api" / "abi" / "v1-first.layout").read_text(encoding="utf-8")
        self.assertEqual(text, recorded)

    def test_the_host_is_able_to_refuse(self):
        """A test that cannot fail is none."""
        broken = self.dir / "broken"
        shutil.copytree(FROZEN / "include", broken)
        path = broken / "shoji" / "plugin" / "store.h"
        text = path.read_text(encoding="utf-8")
        save = "  int32_t (*save)("
        self.assertEqual(text.count(save), 1)
        path.write_text(text.replace(save, "  int32_t (*inserted)(void *a);\n" + save),
                        encoding="utf-8")
        plugin = self.build("store", broken)
        with self.assertRaises(AssertionError):
            self.run_it(ABI_HOST, "store", plugin)


if __name__ == "__main__":
    unittest.main()
