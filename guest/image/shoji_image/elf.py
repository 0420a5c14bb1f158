"""The little of ELF that the builder needs: x86-64, little endian."""

import struct

from .error import ImageError

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
SHT_NOBITS = 8
EM_X86_64 = 62
PAGE = 4096


def _header(data, name):
    if len(data) < EHDR.size or data[:4] != b"\x7fELF":
        raise ImageError(f"{name} is not an ELF file")
    header = EHDR.unpack_from(data)
    if data[4] != 2 or data[5] != 1 or header[2] != EM_X86_64:
        raise ImageError(f"{name} is an ELF file, but not for x86-64")
    return header


def program_headers(data, name):
    header = _header(data, name)
    offset, size, count = header[5], header[9], header[10]
    if offset + size * count > len(data):
        raise ImageError(f"{name} is cut off: its program headers lie behind its end")
    return [PHDR.unpack_from(data, offset + i * size) for i in range(count)]


def is_static(data, name):
    """No dynamic loader asked for: runs as PID 1 of an initrd without libraries."""
    return all(header[0] != PT_INTERP for header in program_headers(data, name))


def section(data, name, wanted):
    """The bytes of the section `wanted`, empty if there is none."""
    header = _header(data, name)
    offset, size, count, names = header[6], header[11], header[12], header[13]
    if count == 0:
        return b""
    if offset + size * count > len(data) or names >= count:
        raise ImageError(f"{name} is cut off: its section headers lie behind its end")
    sections = [SHDR.unpack_from(data, offset + i * size) for i in range(count)]
    strings = sections[names]
    for entry in sections:
        begin = strings[4] + entry[0]
        end = data.find(b"\0", begin)
        if data[begin:end] == wanted.encode() and entry[1] != SHT_NOBITS:
            return data[entry[4]:entry[4] + entry[5]]
    return b""


def without_signature(data):
    """A kernel module without the signature that is appended to it, if there is one."""
    magic = b"~Module signature appended~\n"
    if not data.endswith(magic):
        return data
    # struct module_signature: five bytes, three of padding, the signature's length
    end = len(data) - len(magic)
    length = struct.unpack(">I", data[end - 4:end])[0]
    return data[:end - 12 - length]


def module_info(data, name):
    """The key=value pairs of a kernel module's .modinfo; the last of a key wins."""
    info = {}
    for pair in section(data, name, ".modinfo").split(b"\0"):
        key, equals, value = pair.partition(b"=")
        if equals:
            info[key.decode()] = value.decode(errors="replace")
    return info


def compact(data, name):
    """The same program without section headers and without zeros at a segment's end.

    A loader zeroes memory behind a segment's file part, so a kernel's .bss and .brk, which
    Debian's vmlinux stores as 24 MB of zeros, need not be read at each start.
    """
    header = list(_header(data, name))
    segments = program_headers(data, name)
    out = bytearray(EHDR.size + PHDR.size * len(segments))
    moved = []  # (old begin, old end, new begin) of each loaded part
    for segment in segments:
        if segment[0] == PT_LOAD:
            part = data[segment[2]:segment[2] + segment[5]].rstrip(b"\0")
            out += bytes(-len(out) % PAGE + segment[3] % PAGE)
            moved.append((segment[2], segment[2] + len(part), len(out)))
            out += part
    for index, segment in enumerate(segments):
        PHDR.pack_into(out, EHDR.size + index * PHDR.size, *_move(segment, moved, name))
    header[5], header[6] = EHDR.size, 0  # program headers follow, no section headers
    header[8], header[9] = EHDR.size, PHDR.size
    header[11], header[12], header[13] = SHDR.size, 0, 0
    EHDR.pack_into(out, 0, *header)
    return bytes(out)


def _move(segment, moved, name):
    kind, flags, offset, vaddr, paddr, file_size, memory_size, align = segment
    for begin, end, new in moved:
        if kind == PT_LOAD and begin == offset:
            return (kind, flags, new, vaddr, paddr, end - begin, memory_size, align)
        if kind != PT_LOAD and begin <= offset and offset + file_size <= end:
            return (kind, flags, new + offset - begin, vaddr, paddr, file_size, memory_size, align)
    if file_size == 0:
        return (kind, flags, 0, vaddr, paddr, 0, memory_size, align)
    raise ImageError(f"{name}: the program header of type {kind:#x} is outside what is loaded")
