"""For tests: a kernel package in the shape of Debian's, a few kilobytes small."""

import lzma
import pathlib
import struct
import subprocess
import tempfile

from shoji_image import elf

RELEASE = "6.1.0-99-amd64"
PACKAGE = f"linux-image-{RELEASE}"
MODULES = {  # path below kernel/ -> what it depends on
    "drivers/virtio/virtio_ring.ko": "",
    "drivers/virtio/virtio.ko": "virtio_ring",
    "drivers/virtio/virtio_pci.ko": "virtio,virtio_ring",
    "drivers/char/virtio_console.ko": "virtio",
    "drivers/char/virtio-rng.ko": "virtio",
    "net/9p/9pnet.ko": "",
    "fs/9p/9p.ko": "9pnet",
}


def module(depends):
    """An ELF object with nothing but a .modinfo section."""
    info = b"license=GPL\0depends=" + depends.encode() + b"\0"
    names = b"\0.modinfo\0.shstrtab\0"
    body = info + names
    sections = [elf.SHDR.pack(*[0] * 10),
                elf.SHDR.pack(1, 1, 0, 0, 64, len(info), 0, 0, 1, 0),
                elf.SHDR.pack(10, 3, 0, 0, 64 + len(info), len(names), 0, 0, 1, 0)]
    head = elf.EHDR.pack(b"\x7fELF\2\1\1".ljust(16, b"\0"), 1, 62, 1, 0, 0, 64 + len(body), 0, 64,
                         0, 0, 64, 3, 2)
    return head + body + b"".join(sections)


def program(segments, kind=2):
    """An ELF program; `segments` are (type, virtual address, data, size in memory)."""
    offset = 64 + 56 * len(segments)
    headers, body = b"", b""
    for what, address, data, size in segments:
        headers += elf.PHDR.pack(what, 5, offset + len(body), address, address, len(data), size, 1)
        body += data
    head = elf.EHDR.pack(b"\x7fELF\2\1\1".ljust(16, b"\0"), kind, 62, 1, 0x1000, 64, 0, 0, 64, 56,
                         len(segments), 64, 0, 0)
    return head + headers + body


def vmlinux():
    return program([(elf.PT_LOAD, 0x1000, b"text", 4),
                    (elf.PT_LOAD, 0x5000, b"data" + bytes(10000), 10004)])


def boot_image(payload):
    """A bzImage with one setup sector around a compressed `payload`."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    packed = lzma.compress(payload) + struct.pack("<I", len(payload))
    struct.pack_into("<II", head, 0x248, 0, len(packed))
    return bytes(head) + packed


def package(directory, version="6.1.1-1", image=None):
    """The path of a made .deb."""
    deb = pathlib.Path(directory, f"{PACKAGE}_{version}_amd64.deb")
    with tempfile.TemporaryDirectory() as root:
        tree = pathlib.Path(root, "lib/modules", RELEASE)
        for name, depends in MODULES.items():
            path = tree / "kernel" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(module(depends))
        (tree / "modules.builtin").write_text("kernel/crypto/crc32c_generic.ko\n")
        boot = pathlib.Path(root, "boot")
        boot.mkdir()
        (boot / f"vmlinuz-{RELEASE}").write_bytes(image or boot_image(vmlinux()))
        control = pathlib.Path(root, "DEBIAN")
        control.mkdir(mode=0o755)
        (control / "control").write_text(
            f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: amd64\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: a kernel for tests\n")
        subprocess.run(["dpkg-deb", "-b", "-Znone", root, deb], check=True, capture_output=True)
    return deb
