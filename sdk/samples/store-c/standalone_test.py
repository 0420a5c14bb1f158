"""Builds the sample the way a vendor does: away from this tree, against an installed SDK.

Usage: standalone_test.py CMAKE BUILD_TREE TEST_PROGRAM
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CMAKE, BUILD_TREE, TEST_PROGRAM = sys.argv[1:4]
SOURCES = ("*.c", "*.h", "CMakeLists.txt")


class Standalone(unittest.TestCase):
    def run_it(self, *command):
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}\n{done.stdout}")
        return done.stdout

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="shoji-sample-")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        (self.dir / "source").mkdir()
        for pattern in SOURCES:
            for path in HERE.glob(pattern):
                shutil.copy(path, self.dir / "source")

    def test_built_against_the_installed_sdk_it_passes_the_same_tests(self):
        sdk, build = self.dir / "sdk", self.dir / "build"
        self.run_it(CMAKE, "--install", BUILD_TREE, "--prefix", sdk, "--component", "sdk")
        self.run_it(CMAKE, "-S", self.dir / "source", "-B", build, f"-DCMAKE_PREFIX_PATH={sdk}",
                    "-DCMAKE_C_FLAGS=-Werror", f"-DCMAKE_INSTALL_PREFIX={self.dir / 'host'}")
        self.run_it(CMAKE, "--build", build, "--target", "install")
        plugin = self.dir / "host" / "lib" / "shoji" / "plugins" / "store-cstore.so"
        self.assertEqual(self.exports(plugin), ["shoji_plugin_open_v1"])
        self.run_it(TEST_PROGRAM, plugin)

    def exports(self, plugin):
        text = subprocess.run(["nm", "-D", "--defined-only", plugin], check=True, text=True,
                              stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}).stdout
        return [line.split()[-1] for line in text.splitlines()]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
