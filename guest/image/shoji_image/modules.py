"""Which kernel modules, in which order."""

import pathlib

from . import elf
from .error import ImageError

BOOT = "boot"
PACKED = "packed"


def read_list(path):
    """[(feature, name, packed)] of a modules.txt."""
    wanted = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) not in (2, 3) or words[2:] not in ([], [PACKED]):
            raise ImageError(f'{path}:{number}: "{line}" is not "FEATURE NAME [{PACKED}]"')
        wanted.append((words[0], words[1], len(words) == 3))
    return wanted


def packed(wanted, resolved):
    """Paths that every feature which loads them wants packed."""
    loose = {feature for feature, _, is_packed in wanted if not is_packed}
    return ({path for _, path in resolved} -
            {path for feature, path in resolved if feature in loose})


def resolve(tree, wanted):
    """[(feature, path)] in load order: a feature names a module after everything that one
    depends on, and leaves out what is loaded at boot.

    `tree` is lib/modules/<release>; paths are relative to it. Dependencies are read out of
    the modules themselves: a package as it comes has no modules.dep yet.
    """
    tree = pathlib.Path(tree)
    files = {_key(path.stem): path for path in sorted(tree.rglob("*.ko"))}
    built_in = {_key(pathlib.PurePath(line).stem)
                for line in (tree / "modules.builtin").read_text().splitlines()}
    features = list(dict.fromkeys([BOOT] + [feature for feature, _, _ in wanted]))
    orders = {feature: {} for feature in features}
    for feature in features:
        # What boot loads is there already for every other feature.
        known = dict(orders[BOOT]) if feature != BOOT else {}
        for mine, name, _ in wanted:
            if mine == feature:
                _visit(_key(name), files, built_in, known, [])
        orders[feature] = {path: None for path in known
                           if feature == BOOT or path not in orders[BOOT]}
    return [(feature, path.relative_to(tree)) for feature in features for path in orders[feature]]


def _visit(key, files, built_in, order, parents):
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
        _visit(_key(needed), files, built_in, order, [*parents, key])
    order[path] = None


def _key(name):
    return name.replace("-", "_")
