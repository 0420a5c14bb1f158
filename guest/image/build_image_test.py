"""Tests build-image on a small kernel package; apt is replaced by scripts, no network."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import fake_kernel  # noqa: E402  (the path comes first)
from shoji_image import build, elf, kernel, slim  # noqa: E402
from shoji_image.error import ImageError  # noqa: E402

MODULES = "boot virtio_pci # comment\n\n9p 9p\nother 9p\nrng virtio-rng\n9p crc32c_generic\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shoji-image-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.agent = self.dir / "agent"
        self.agent.write_bytes(fake_kernel.program([(elf.PT_LOAD, 0x1000, b"agent", 5)]))
        self.modules = self.dir / "modules.txt"
        self.modules.write_text(MODULES)
        self.cache = self.dir / "cache"
        self.deb = fake_kernel.package(self.dir)

    def run_builder(self, *more, deb=True, output="out", path=None):
        command = [sys.executable, HERE / "build-image", "--agent", self.agent,
                   "--output", self.dir / output, "--cache", self.cache,
                   "--modules", self.modules, *more]
        command += ["--kernel-deb", self.deb] if deb else []
        env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
        return subprocess.run(command, text=True, capture_output=True, check=False, env=env)

    def made(self, *more, **how):
        result = self.run_builder(*more, **how)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def refused(self, expected, *more, **how):
        result = self.run_builder(*more, **how)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(expected, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        return result

    def initrd(self, output="out"):
        """{path: (mode, bytes)} as cpio's own format has them."""
        data = (self.dir / output / "initrd.img").read_bytes()
        entries, at = {}, 0
        while True:
            self.assertEqual(data[at:at + 6], b"070701")
            field = [int(data[at + 6 + i * 8:at + 14 + i * 8], 16) for i in range(13)]
            name = data[at + 110:at + 110 + field[11] - 1].decode()
            if name == "TRAILER!!!":
                return entries
            begin = (at + 110 + field[11] + 3) & ~3
            self.assertEqual(field[2:4] + field[5:6], [0, 0, 0], f"{name}: owner or date")
            self.assertNotIn(name, entries)
            entries[name] = (field[1], data[begin:begin + field[6]])
            at = (begin + field[6] + 3) & ~3


class Content(Case):
    def test_manifest_describes_the_files(self):
        self.made("--shoji-version", "1.2.3")
        manifest = build.check(self.dir / "out")
        self.assertEqual(manifest["kernel"], {"package": fake_kernel.PACKAGE, "version": "6.1.1-1",
                                              "release": fake_kernel.RELEASE})
        self.assertEqual(manifest["shoji_version"], "1.2.3")
        self.assertEqual(manifest["agent"]["sha256"], build.sha256(self.agent.read_bytes()))
        entries = self.initrd()
        for module in manifest["modules"]:
            data = entries[module["path"].lstrip("/")][1]
            self.assertEqual((module["size"], module["sha256"]), (len(data), build.sha256(data)))

    def test_initrd_holds_agent_console_and_directories(self):
        self.made()
        entries = self.initrd()
        self.assertEqual(entries["init"], (0o100755, self.agent.read_bytes()))
        self.assertEqual(entries["dev/console"][0], 0o020600)
        self.assertEqual(entries["tmp"][0], 0o041777)
        for name in ("proc", "sys", "dev", "run", "etc", "var"):
            self.assertEqual(entries[name][0], 0o040755)

    def test_modules_come_after_what_they_need(self):
        self.made()
        lines = self.initrd()["etc/shoji/modules"][1].decode().splitlines()
        self.assertEqual([(line.split("\t")[0], pathlib.Path(line.split("\t")[1]).stem)
                          for line in lines],
                         [("boot", "virtio_ring"), ("boot", "virtio"), ("boot", "virtio_pci"),
                          ("9p", "9pnet"), ("9p", "9p"), ("other", "9pnet"), ("other", "9p"),
                          ("rng", "virtio-rng")])

    def test_vmlinux_is_the_program_without_zeros_at_the_end(self):
        self.made()
        data = (self.dir / "out/vmlinux").read_bytes()
        first, second = elf.program_headers(data, "vmlinux")
        self.assertEqual(data[first[2]:first[2] + first[5]], b"text")
        self.assertEqual(data[second[2]:second[2] + second[5]], b"data")
        self.assertEqual(second[6], 10004)
        self.assertLess(len(data), 10000)

    def test_tampered_file_is_found(self):
        self.made()
        for name in ("vmlinux", "initrd.img"):
            path = self.dir / "out" / name
            good = path.read_bytes()
            path.write_bytes(good[:-1] + b"!")
            with self.assertRaisesRegex(ImageError, f"{name} is not the file"):
                build.check(self.dir / "out")
            path.write_bytes(good)
        (self.dir / "out/manifest.json").write_text("{")
        with self.assertRaisesRegex(ImageError, "manifest.json is damaged"):
            build.check(self.dir / "out")


class Signature(unittest.TestCase):
    def test_is_cut_off(self):
        signed = b"module" + b"sig" * 9 + bytes(8) + (27).to_bytes(4, "big")
        self.assertEqual(elf.without_signature(signed + b"~Module signature appended~\n"), b"module")
        self.assertEqual(elf.without_signature(b"unsigned"), b"unsigned")


class Cache(Case):
    def read_all(self, output):
        return {path.name: path.read_bytes() for path in (self.dir / output).iterdir()}

    def test_two_builds_without_a_cache_are_equal(self):
        self.made()
        shutil.rmtree(self.cache)
        self.made(output="again")
        self.assertEqual(self.read_all("out"), self.read_all("again"))

    def test_second_run_does_nothing(self):
        self.made()
        before = {path: path.stat().st_mtime_ns for path in self.dir.rglob("*") if path.is_file()
                  and path.name != "lock"}
        result = self.made()
        self.assertIn("up to date", result.stdout)
        self.assertEqual(result.stderr, "")
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in before})

    def test_new_agent_does_not_unpack_the_kernel_again(self):
        self.assertIn("unpacking", self.made().stderr)
        self.agent.write_bytes(fake_kernel.program([(elf.PT_LOAD, 0x1000, b"other", 5)]))
        self.assertNotIn("unpacking", self.made().stderr)
        self.assertEqual(self.initrd()["init"][1], self.agent.read_bytes())

    def test_new_module_list_is_followed(self):
        self.made()
        self.modules.write_text("boot virtio_console\n")
        self.made()
        self.assertNotIn(b"9p.ko", self.initrd()["etc/shoji/modules"][1])

    def test_damaged_part_of_the_cache_is_made_again(self):
        self.made()
        good = self.read_all("out")
        shutil.rmtree(self.dir / "out")
        next(self.cache.glob("image/*/initrd.img")).write_bytes(b"cut")
        self.made()
        self.assertEqual(self.read_all("out"), good)

    def test_old_images_are_forgotten(self):
        for number in range(build.KEEP["image"] + 2):
            self.agent.write_bytes(fake_kernel.program([(elf.PT_LOAD, number, b"agent", 5)]))
            self.made()
        self.assertEqual(len(list((self.cache / "image").iterdir())), build.KEEP["image"])


class Slim(unittest.TestCase):
    """On an object that the compiler made, with the sections of a kernel module."""

    SOURCE = r"""
        .globl wanted
        .section .text, "ax"
        wanted: call __fentry__
        lost: ret
        call other
        .section .BTF; .long 1
        .section __mcount_loc, "a"; .quad wanted
        .section .data, "aw"; .quad wanted; .quad beside
        beside: .quad 0
    """

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shoji-image-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.object = self.dir / "object.o"
        subprocess.run(["gcc", "-c", "-x", "assembler", "-o", self.object, "-"], check=True,
                       input=self.SOURCE, text=True)

    def readelf(self, *what):
        return subprocess.run(["readelf", "-W", *what, self.object], check=True, text=True,
                              capture_output=True).stdout

    def test_keeps_what_is_linked_and_nothing_else(self):
        self.object.write_bytes(slim.slim(self.object.read_bytes(), "object"))
        sections, symbols, links = (self.readelf(what) for what in ("-S", "-s", "-r"))
        for gone in (".BTF", "__mcount_loc"):
            self.assertNotIn(gone, sections)
        for gone in ("__fentry__", "lost"):
            self.assertNotIn(gone, symbols + links)
        for kept in ("wanted", "other"):
            self.assertIn(kept, symbols)
            self.assertIn(kept, links)
        text = elf.section(self.object.read_bytes(), "object", ".text")
        self.assertEqual(text[:7], slim.NOP + b"\xc3\xe8")

    def test_links_as_before(self):
        # The linker checks more than the kernel does.
        self.object.write_bytes(slim.slim(self.object.read_bytes(), "object"))
        subprocess.run(["ld", "--defsym", "other=wanted", "-e", "wanted", "-o", self.dir / "out",
                        self.object], check=True)

    def test_a_hook_that_is_no_call_is_refused(self):
        data = self.object.read_bytes()
        at = data.index(b"\xe8\0\0\0\0\xc3")
        with self.assertRaisesRegex(ImageError, "thing.ko: no call at 0x0"):
            slim.slim(data[:at] + b"\x90" + data[at + 1:], "thing.ko")

    def test_cut_off(self):
        data = self.object.read_bytes()
        for size in (10, 100, len(data) - 1):
            with self.assertRaisesRegex(ImageError, "cut off"):
                slim.slim(data[:size], "thing.ko")


class Packed(Case):
    MODULES = "boot virtio_pci\nrng virtio-rng packed\n9p 9p packed\nother 9pnet\n"

    def test_only_what_no_other_feature_needs(self):
        self.modules.write_text(self.MODULES)
        self.made()
        initrd = self.initrd()
        lines = [line.split("\t") for line in initrd["etc/shoji/modules"][1].decode().splitlines()]
        packed = {path for _, path in lines if path.endswith(".gz")}
        self.assertEqual({pathlib.Path(path).name for path in packed},
                         {"virtio-rng.ko.gz", "9p.ko.gz"})
        for path in packed:
            self.assertIn(b"license=GPL", gzip.decompress(initrd[path[1:]][1]))

    def test_another_third_word_is_refused(self):
        self.modules.write_text("boot virtio_pci pressed\n")
        self.refused('modules.txt:1: "boot virtio_pci pressed"')


class Mirror(Case):
    """apt-cache and apt-get are scripts in front of PATH."""

    def setUp(self):
        super().setUp()
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        self.script("apt-cache", 'printf "Package: linux-image-amd64\\nVersion: 6.1.1-1\\n'
                    f'Depends: {fake_kernel.PACKAGE} (= 6.1.1-1)\\n"')

    def script(self, name, text):
        (self.bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self.dir}/calls\n{text}\n')
        (self.bin / name).chmod(0o755)

    def offline(self):
        self.script("apt-get", 'echo "E: Failed to fetch: no route to host" >&2; exit 100')

    def calls(self):
        return (self.dir / "calls").read_text()

    def test_package_is_fetched_once(self):
        self.script("apt-get", f"cp {self.deb} .")
        self.made(deb=False, path=self.bin)
        self.made(deb=False, path=self.bin)
        self.assertEqual(self.calls().count("apt-get"), 1)
        self.assertIn(f"{fake_kernel.PACKAGE}=6.1.1-1", self.calls())

    def test_outdated_lists_are_fetched_anew_into_the_cache(self):
        self.script("apt-get", f'case "$*" in *"lists "*download*) cp {self.deb} . ;;\n'
                    '*update*) ;; *) echo "E: 404 Not Found" >&2; exit 100 ;; esac')
        self.made(deb=False, path=self.bin)
        self.assertIn(f"Dir::State::lists={self.cache}/apt/lists", self.calls())

    def test_no_network_and_no_cache_says_what_to_do(self):
        self.offline()
        result = self.refused(f"{fake_kernel.PACKAGE} 6.1.1-1", deb=False, path=self.bin)
        for part in ("no route to host", "--kernel-deb", str(self.cache / "debs")):
            self.assertIn(part, result.stderr)
        self.assertFalse((self.dir / "out").exists())

    def test_no_network_but_a_cached_package(self):
        self.offline()
        (self.cache / "debs").mkdir(parents=True)
        shutil.copy(self.deb, self.cache / "debs")
        self.made(deb=False, path=self.bin)

    def test_no_network_uses_an_older_package_with_a_warning(self):
        self.offline()
        (self.cache / "debs").mkdir(parents=True)
        fake_kernel.package(self.cache / "debs", "6.1.0-1")
        result = self.made(deb=False, path=self.bin)
        self.assertIn("warning", result.stderr)
        self.assertEqual(build.check(self.dir / "out")["kernel"]["version"], "6.1.0-1")

    def test_empty_lists_and_no_network(self):
        self.offline()
        self.script("apt-cache", 'echo "E: No packages found" >&2; exit 100')
        self.refused("linux-image-amd64", deb=False, path=self.bin)

    def test_empty_lists_but_a_cached_package(self):
        self.offline()
        self.script("apt-cache", "exit 100")
        (self.cache / "debs").mkdir(parents=True)
        shutil.copy(self.deb, self.cache / "debs")
        self.made(deb=False, path=self.bin)


class BadInput(Case):
    def test_agent_missing(self):
        self.agent.unlink()
        self.refused("No such file or directory; build the target shoji_agent")

    def test_agent_no_program(self):
        self.agent.write_bytes(b"#!/bin/sh\n")
        self.refused("is not an ELF file")

    def test_agent_dynamic(self):
        self.agent.write_bytes(fake_kernel.program([(elf.PT_INTERP, 0, b"/lib/ld.so\0", 11)]))
        self.refused("link it with -static")

    def test_agent_cut_off(self):
        self.agent.write_bytes(self.agent.read_bytes()[:70])
        self.refused("is cut off")

    def test_package_missing(self):
        self.deb.unlink()
        self.refused("no such file")

    def test_package_cut_off(self):
        whole = self.deb.read_bytes()
        for length in (0, 100, len(whole) // 2):
            self.deb.write_bytes(whole[:length])
            self.refused(str(self.deb))
        self.assertEqual(list(self.cache.glob("kernel/*")), [], "half a kernel was kept")

    def test_damaged_kernel(self):
        good = fake_kernel.boot_image(fake_kernel.vmlinux())
        for image, expected in ((good[:1100], "cut off"), (b"MZ" + bytes(3000), "not a Linux boot"),
                                (good[:1024] + b"\x28\xb5\x2f\xfd" + good[1028:], "28b52ffd"),
                                (good[:1060] + bytes(20) + good[1080:], "damaged")):
            with self.assertRaisesRegex(ImageError, expected):
                kernel.vmlinux(image, "vmlinuz")

    def test_unknown_module(self):
        self.modules.write_text("boot virtio_pci\nwarp warp_drive\n")
        self.refused('no module "warp_drive"')

    def test_bad_line_in_module_list(self):
        self.modules.write_text("boot virtio_pci\nboot 9p soon\n")
        self.refused('modules.txt:2: "boot 9p soon"')

    def test_cache_that_cannot_be_made(self):
        self.cache.write_text("a file")
        self.refused("choose another with --cache")

    def test_output_that_cannot_be_made(self):
        (self.dir / "out").write_text("a file")
        self.refused("out")
        self.assertEqual(json.loads(next(self.cache.glob("image/*/manifest.json")).read_text())
                         ["schema"], build.SCHEMA)


if __name__ == "__main__":
    unittest.main(verbosity=2)
