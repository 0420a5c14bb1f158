"""Tests build-rootfs with Debian's own busybox."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Rootfs(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shoji-rootfs-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.root = self.dir / "busybox"

    def run_builder(self, *more):
        return subprocess.run([HERE / "build-rootfs", "--output", self.root, *more], text=True,
                              capture_output=True, check=False)

    def test_tree(self):
        result = self.run_builder()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(stat.S_IMODE((self.root / "tmp").stat().st_mode), 0o1777)
        self.assertIn("user:x:1000:1000:", (self.root / "etc/passwd").read_text())
        self.assertIn("nobody:x:65534:", (self.root / "etc/passwd").read_text())
        for name in ("bin/sh", "bin/ls", "bin/cat", "usr/bin/env", "sbin/ip"):
            self.assertEqual((self.root / name).resolve(), self.root / "bin/busybox", name)
        for name in ("proc", "sys", "dev", "etc/hosts", "root", "home/user", "run"):
            self.assertTrue((self.root / name).exists(), name)
        if os.geteuid() == 0:
            self.assertEqual((self.root / "home/user").stat().st_uid, 1000)
            self.assertEqual((self.root / "etc/passwd").stat().st_uid, 0)

    def test_second_run_does_nothing_and_a_broken_tree_is_made_again(self):
        self.run_builder()
        (self.root / "mine").touch()
        self.assertIn("up to date", self.run_builder().stdout)
        self.assertTrue((self.root / "mine").exists())
        (self.root / "bin/sh").unlink()
        self.assertIn("made", self.run_builder().stdout)
        self.assertFalse((self.root / "mine").exists())

    def test_bad_busybox(self):
        missing, script = self.dir / "missing", self.dir / "script"
        script.write_text("#!/bin/sh\n")
        for path, expected in ((missing, "install the package busybox-static"),
                               (script, "is not an ELF file"), ("/bin/bash", "linked dynamically")):
            result = self.run_builder("--busybox", path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(expected, result.stderr)
            self.assertFalse(self.root.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
