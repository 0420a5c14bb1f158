"""Which kernel modules, in which order."""

import pathlib

from . import elf
from .error import ImageError

WHEN = ("boot", "lazy")


def read_list(path):
    """[(when, name)] of a modules.txt."""
    wanted = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in WHEN:
            raise ImageError(f'{path}:{number}: "{line}" is not "boot NAME" or "lazy NAME"')
        wanted.append((words[0], words[1]))
    return wanted


def resolve(tree, wanted):
    """[(when, path)] in load order: each module once, after everything it depends on.

    `tree` is lib/modules/<release>; paths are relative to it. Dependencies are read out of
    the modules themselves: a package as it comes has no modules.dep yet.
    """
    tree = pathlib.Path(tree)
    files = {_key(path.stem): path for path in sorted(tree.rglob("*.ko"))}
    built_in = {_key(pathlib.PurePath(line).stem)
                for line in (tree / "modules.builtin").read_text().splitlines()}
    order = {}
    # All boot modules first, so that one needed by both groups is loaded for boot.
    for group in WHEN:
        for when, name in wanted:
            if when == group:
                _visit(_key(name), group, files, built_in, order, [])
    return [(when, path.relative_to(tree)) for path, when in order.items()]


def _visit(key, when, files, built_in, order, parents):
    if key in built_in:
        return
    if key not in files:
        because = f" (needed by {parents[-1]})" if parents else ""
        raise ImageError(f'the kernel has no module "{key}"{because}; correct modules.txt')
    path = files[key]
    if path in order:
        return
    if key in parents:
        raise ImageError(f"modules depend on each other in a circle: {' '.join(parents)} {key}")
    info = elf.module_info(path.read_bytes(), str(path))
    for needed in filter(None, info.get("depends", "").split(",")):
        _visit(_key(needed), when, files, built_in, order, [*parents, key])
    order[path] = when


def _key(name):
    return name.replace("-", "_")
