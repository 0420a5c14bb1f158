"""Writes an initramfs: a "newc" cpio archive that depends on nothing but its content."""

import stat

TRAILER = "TRAILER!!!"


class Archive:
    """Collects entries; bytes() gives them sorted, owned by root, dated 1970."""

    def __init__(self):
        self._entries = {}

    def directory(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode, b"", 0, 0)

    def file(self, path, data, mode=0o644):
        self._parents(path)
        self._add(path, stat.S_IFREG | mode, data, 0, 0)

    def symlink(self, path, target):
        self._parents(path)
        self._add(path, stat.S_IFLNK | 0o777, target.encode(), 0, 0)

    def device(self, path, major, minor, mode=0o600):
        self._parents(path)
        self._add(path, stat.S_IFCHR | mode, b"", major, minor)

    def bytes(self):
        # Sorted, a directory comes before what is in it.
        out = bytearray()
        for inode, path in enumerate(sorted(self._entries), start=1):
            out += _entry(inode, path, *self._entries[path])
        out += _entry(0, TRAILER, 0, b"", 0, 0)
        out += bytes(-len(out) % 512)
        return bytes(out)

    def _parents(self, path):
        parent = path.rpartition("/")[0]
        if parent and parent not in self._entries:
            self._parents(parent)
            self.directory(parent)

    def _add(self, path, mode, data, major, minor):
        if path.startswith("/") or path in ("", TRAILER):
            raise ValueError(f"not a path of an archive: {path!r}")
        self._entries[path] = (mode, data, major, minor)


def _entry(inode, path, mode, data, major, minor):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)
