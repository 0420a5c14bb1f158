"""Boots a real image in QEMU with boot_check.c as /init: every module has to load."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from shoji_image import build  # noqa: E402  (the path comes first)

OPTIONS = None


class Boot(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shoji-boot-test-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def boot(self, image):
        return subprocess.run(
            ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256",
             "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
             "-no-reboot", "-device", "virtio-serial-pci", "-kernel", image / "vmlinux",
             "-initrd", image / "initrd.img",
             "-append", "console=ttyS0 quiet panic=-1 cryptomgr.notests"],
            text=True, errors="replace", capture_output=True, check=False, timeout=240,
            stdin=subprocess.DEVNULL)

    def test_every_module_loads(self):
        cache = ["--cache", OPTIONS.cache] if OPTIONS.cache else []
        made = subprocess.run([HERE / "build-image", "--agent", OPTIONS.init, "--output", self.dir,
                               *cache], text=True, capture_output=True, check=False,
                              env=os.environ)
        self.assertEqual(made.returncode, 0, made.stderr)
        # A module of two features is loaded twice: the second time is none.
        count = sum(len(module["features"]) for module in build.check(self.dir)["modules"])
        ran = self.boot(self.dir)
        said = re.search(r"boot-check: (\d+) modules loaded, (\d+) failed", ran.stdout)
        self.assertTrue(said, f"the guest never answered:\n{ran.stdout}\n{ran.stderr}")
        self.assertEqual((int(said[1]), int(said[2])), (count, 0), ran.stdout)
        self.assertNotIn("BUG", ran.stdout)
        self.assertNotIn("taint", ran.stdout)
        self.assertEqual(ran.returncode, 0, ran.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--init", required=True)
    parser.add_argument("--cache")
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
