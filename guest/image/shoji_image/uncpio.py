"""Reads the archives that cpio.py writes."""

import dataclasses
import stat

from .cpio import TRAILER
from .error import ImageError

HEAD = 110


@dataclasses.dataclass
class Entry:
    name: str
    mode: int
    data: bytes

    @property
    def is_directory(self):
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self):
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self):
        return stat.S_ISLNK(self.mode)


def entries(data):
    """Every entry before the trailer. ImageError for what is no such archive."""
    at = 0
    while True:
        head = data[at:at + HEAD]
        if len(head) < HEAD or head[:6] != b"070701":
            raise ImageError("the initrd is not an uncompressed newc archive")
        fields = [int(head[6 + 8 * i:14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + HEAD:at + HEAD + name_size - 1].decode()
        begin = (at + HEAD + name_size + 3) // 4 * 4
        if begin + size > len(data):
            raise ImageError(f"the initrd is cut off within {name}")
        if name == TRAILER:
            return
        if name.startswith("/") or ".." in name.split("/"):
            raise ImageError(f"the initrd holds {name!r}, which is no path within it")
        yield Entry(name, mode, data[begin:begin + size])
        at = (begin + size + 3) // 4 * 4
