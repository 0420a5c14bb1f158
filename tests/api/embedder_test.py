"""An embedder's program, built against the installed package: find_package(Shoji)."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["API_BUILD_TREE"])
SOURCE = pathlib.Path(os.environ["API_SOURCE_TREE"])
CMAKE = os.environ["API_CMAKE"]
EXPORTED = ("shoji::Runtime::", "shoji::Sandbox::", "shoji::ProcessIo", "shoji::SandboxMonitor",
            "shoji::ApiVersion", "shoji::StateName", "shoji::ParseState", "shoji::MayMove",
            "shoji::CopyStore", "shoji::CheckStore", "shoji::DumpStore")


def run(*command, status=0, **how):
    done = subprocess.run([str(word) for word in command], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400, **how)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
    return done


class Embedder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="embedder-"))
        cls.prefix = cls.dir / "prefix"
        run(CMAKE, "--install", BUILD, "--prefix", cls.prefix, "--component", "library")
        (cls.prefix / "lib").mkdir(exist_ok=True)
        (cls.prefix / "lib" / "shoji").symlink_to(BUILD / "lib" / "shoji")
        (cls.prefix / "share").mkdir(exist_ok=True)
        (cls.prefix / "share" / "shoji").symlink_to(BUILD / "share" / "shoji")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def library(self):
        return next(self.prefix.glob("lib*/**/libshoji.so"))

    def test_only_the_api_is_exported(self):
        names = run("nm", "-DC", "--defined-only", self.library()).stdout.splitlines()
        symbols = [line.split(" ", 2)[2] for line in names]
        self.assertTrue(any(name.startswith("shoji::Runtime::Create(") for name in symbols))
        for name in symbols:
            plain = name.split(" for ", 1)[-1]
            self.assertTrue(plain.startswith(EXPORTED), name)

    def test_it_needs_no_library_of_ours(self):
        needed = [line for line in run("readelf", "-d", self.library()).stdout.splitlines()
                  if "NEEDED" in line]
        self.assertTrue(needed)
        for line in needed:
            self.assertRegex(line, 
                             r"\[(libstdc\+\+|libm|libgcc_s|libc|ld-linux-x86-64|"
                             r"libboost_program_options)\.so")

    def test_headers_compile_alone(self):
        include = self.prefix / "include"
        headers = sorted(path.relative_to(include) for path in include.glob("shoji/*.h"))
        self.assertGreater(len(headers), 5)
        for compiler in filter(shutil.which, ("g++", "clang++-14", "clang++")):
            for header in headers:
                with self.subTest(compiler=compiler, header=str(header)):
                    run(compiler, "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow",
                        "-Werror", "-fsyntax-only", "-x", "c++", "-", "-I", include,
                        input=f'#include "{header}"\n#include "{header}"\n')

    def test_another_version_is_refused(self):
        source = self.dir / "other"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(o LANGUAGES CXX)\n"
            "find_package(Shoji 7.0 REQUIRED)\n", encoding="utf-8")
        text = run(CMAKE, "-S", source, "-B", source / "build",
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", status=1).stdout
        self.assertIn("7.0", text)

    def test_example_builds_and_runs(self):
        build = self.dir / "build"
        run(CMAKE, "-S", SOURCE / "docs/examples/embedder", "-B", build,
            f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(CMAKE, "--build", build)
        environment = {**os.environ, "SHOJI_ROOT": str(self.dir / "root")}
        done = run(build / "embedder", self.prefix / "share/shoji/rootfs/busybox", "/bin/sh", "-c",
                   "echo hello from $(uname -s); exit 3", status=None, env=environment)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("hello from Linux\n", done.stdout)
        left = run(build / "embedder", "relative", "/bin/true", status=125, env=environment)
        self.assertIn("not an absolute path", left.stdout)


if __name__ == "__main__":
    unittest.main()
