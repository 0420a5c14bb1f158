"""What the tests of the SDK share: a scratch directory outside the tree, an installed SDK.

The environment says where things are: SDK_CMAKE, SDK_BUILD_TREE, SDK_SHOJI, SDK_ABI_HOST.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
CMAKE = os.environ["SDK_CMAKE"]
BUILD_TREE = pathlib.Path(os.environ["SDK_BUILD_TREE"])
SHOJI = os.environ["SDK_SHOJI"]
ABI_HOST = os.environ["SDK_ABI_HOST"]


class SdkTest(unittest.TestCase):
    def setUp(self):
        # The real path: a cache of compilers and CMake both ask for it.
        scratch = tempfile.TemporaryDirectory(prefix="sdk-test-")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name).resolve()
        self.env = {**os.environ, "LC_ALL": "C", "CCACHE_BASEDIR": str(self.dir),
                    "CCACHE_NOHASHDIR": "1", "SHOJI_ROOT": str(self.dir / "root")}

    def run_it(self, *command, status=0, cwd=None):
        """Runs a command; returns what it wrote, both streams. Status None: any failure."""
        done = subprocess.run([str(word) for word in command], text=True, cwd=cwd, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=280)
        good = done.returncode != 0 if status is None else done.returncode == status
        self.assertTrue(good, f"{done.returncode}: {' '.join(map(str, command))}\n{done.stdout}")
        return done.stdout

    def install_sdk(self, prefix="sdk"):
        prefix = self.dir / prefix
        self.run_it(CMAKE, "--install", BUILD_TREE, "--prefix", prefix, "--component", "sdk")
        return prefix

    def configure(self, source, build, *arguments, status=0):
        launcher = shutil.which("ccache")
        cached = [f"-DCMAKE_{language}_COMPILER_LAUNCHER={launcher}"
                  for language in ("C", "CXX") if launcher]
        return self.run_it(CMAKE, "-S", source, "-B", build, *cached, *arguments, status=status)

    def exports(self, plugin):
        text = self.run_it("nm", "-D", "--defined-only", plugin)
        return [line.split()[-1] for line in text.splitlines()]

    def new(self, *arguments, status=0):
        return self.run_it(SHOJI, "plugin", "new", *arguments, status=status)
