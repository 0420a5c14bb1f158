#!/usr/bin/env python3
"""Tests of build-root-image: out of archives that the test makes, and damaged ones."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from shoji_image import cpio  # noqa: E402  (the path comes first)


class RootImageTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="root-image-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        archive = cpio.Archive()
        archive.directory("tmp", 0o1777)
        archive.device("dev/console", 5, 1)
        archive.symlink("var/run", "/run")
        archive.file("init", b"the agent", 0o755)
        archive.file("etc/shoji/modules", b"boot\t/lib/a.ko\n")
        self.initrd = archive.bytes()

    def build(self, initrd, *more):
        (self.dir / "initrd").write_bytes(initrd)
        return subprocess.run(
            [HERE / "build-root-image", "--initrd", self.dir / "initrd",
             "--output", self.dir / "root.img", *more],
            check=False, capture_output=True, text=True)

    def debugfs(self, command):
        path = shutil.which("debugfs", path="/sbin:/usr/sbin:/bin:/usr/bin")
        return subprocess.run([path, "-R", command, self.dir / "root.img"], check=True,
                              capture_output=True, text=True).stdout

    def test_holds_what_the_archive_holds(self):
        (self.dir / "more").mkdir()
        (self.dir / "more" / "added").write_text("too")
        done = self.build(self.initrd, "--add", str(self.dir / "more"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.dir / "root.img").stat().st_size % (2 << 20), 0)
        self.assertEqual(self.debugfs("cat /init"), "the agent")
        self.assertEqual(self.debugfs("cat /added"), "too")
        self.assertEqual(self.debugfs("cat /etc/shoji/modules"), "boot\t/lib/a.ko\n")
        self.assertIn("Mode:  0755", self.debugfs("stat /init"))
        self.assertIn('Fast link dest: "/run"', self.debugfs("stat /var/run"))
        self.assertIn("Mode:  01777", self.debugfs("stat /tmp"))

    def test_refuses_what_is_no_archive(self):
        archive = cpio.Archive()
        archive.file("etc/hostname", b"x")
        for bad, text in ((b"", "newc"), (b"\x1f\x8b" + bytes(200), "newc"),
                          (self.initrd[:700], ""), (archive.bytes(), "no program /init")):
            done = self.build(bad)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertTrue(done.stderr.startswith("root-image: "), done.stderr)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertEqual(sorted(path.name for path in self.dir.iterdir()), ["initrd"])

    def test_names_a_missing_tool(self):
        if shutil.which("mkfs.erofs"):
            self.skipTest("mkfs.erofs is installed")
        done = self.build(self.initrd, "--format", "erofs")
        self.assertEqual(done.returncode, 1)
        self.assertIn("install erofs-utils", done.stderr)


if __name__ == "__main__":
    unittest.main()
