"""Takes a bootable vmlinux and the modules out of a kernel package."""

import gzip
import json
import lzma
import pathlib
import shutil
import struct
import tempfile

from . import debian, elf, modules, slim
from .error import ImageError


def vmlinux(bzimage, name):
    """The ELF file inside a bzImage (Documentation/arch/x86/boot.rst)."""
    if len(bzimage) < 0x250 or bzimage[0x202:0x206] != b"HdrS":
        raise ImageError(f"{name} is not a Linux boot image")
    setup = (bzimage[0x1F1] or 4) + 1
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    payload = bzimage[setup * 512 + offset:setup * 512 + offset + length]
    if len(payload) != length:
        raise ImageError(f"{name} is cut off: its payload lies behind its end")
    return elf.compact(_decompress(payload, name), name)


def _decompress(payload, name):
    # The build appends the unpacked size to the payload, hence no one-shot functions.
    try:
        if payload.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
        if payload.startswith(b"\x1f\x8b"):
            return gzip.decompress(payload[:-4])
    except (lzma.LZMAError, OSError, EOFError) as error:
        raise ImageError(f"{name}: its payload is damaged: {error}") from error
    raise ImageError(f"{name} is compressed in a way this builder does not know "
                     f"(it begins with {payload[:6].hex()}); known: xz, gzip")


def unpack(deb, wanted, output):
    """Fills `output` with vmlinux, modules/ and kernel.json; at its place only when whole."""
    output = pathlib.Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".unpack-") as scratch:
        debian.extract(deb, f"{scratch}/package")
        made = pathlib.Path(scratch, "made")
        made.mkdir()
        _take(deb, pathlib.Path(scratch, "package"), wanted, made)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)


def _take_module(source, target):
    # Checking a signature takes the kernel longer than all the rest of loading, and the whole
    # archive comes from the host that started the VM: it adds no trust.
    data = slim.slim(elf.without_signature(source.read_bytes()), source.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, 9, mtime=0) if target.suffix == ".gz" else data)


def _take(deb, package, wanted, made):
    images = sorted((package / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise ImageError(f"{deb} holds {len(images)} files boot/vmlinuz-*, not one: "
                         "it is not a kernel package")
    release = images[0].name.removeprefix("vmlinuz-")
    (made / "vmlinux").write_bytes(vmlinux(images[0].read_bytes(), images[0].name))
    tree = package / "lib/modules" / release
    if not (tree / "modules.builtin").exists():
        raise ImageError(f"{deb} has no lib/modules/{release}/modules.builtin")
    resolved = modules.resolve(tree, wanted)
    packed = modules.packed(wanted, resolved)
    taken = []
    for when, path in resolved:
        inside = f"{path}.gz" if path in packed else str(path)
        if not (made / "modules" / inside).exists():
            _take_module(tree / path, made / "modules" / inside)
        taken.append([when, inside])
    facts = {"package": debian.deb_field(deb, "Package"),
             "version": debian.deb_field(deb, "Version"), "release": release, "modules": taken}
    (made / "kernel.json").write_text(json.dumps(facts))
