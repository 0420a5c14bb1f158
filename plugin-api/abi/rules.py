"""The rules of the plugin ABI: what a layout must look like and how it may change.

Purpose  check(layout) judges the headers by themselves, compare(old, new) judges a change.
         Both return one line per violation; compare() also says what was appended.
"""
import layout as layout_module

# These say which release the headers are from; they differ in every one.
_VARY = frozenset({"SHOJI_SDK_VERSION"})


def check(layout):
    """Violations that no reason excuses."""
    out = list(layout.flaws)
    for name, struct in sorted(layout.structs.items()):
        out += _check_first(name, struct)
        out += _check_padding(name, struct)
    return out


def _check_first(name, struct):
    if name in layout_module.FROZEN:
        return []
    first = struct.fields[0] if struct.fields else None
    if first is not None and (first.name, first.type) == ("struct_size", "uint32_t"):
        return []
    return [f"struct {name}: struct_size is not first; begin it with uint32_t struct_size, or "
            "list it as frozen in plugin-api/abi/layout.py"]


def _check_padding(name, struct):
    out, end = [], 0
    for field in struct.fields:
        if field.offset > end:
            out.append(f"struct {name}: implicit padding of {field.offset - end} bytes before "
                       f"{field.word} {field.name}; write it as a reserved field")
        end = field.offset + field.size
    if struct.size > end:
        out.append(f"struct {name}: implicit padding of {struct.size - end} bytes at the end; "
                   "write it as a reserved field")
    return out


def compare(old, new):
    """Returns (violations, appended), lists of lines."""
    broken, appended = [], []
    for name, before in sorted(old.structs.items()):
        if name not in new.structs:
            broken.append(f"struct {name}: removed")
            continue
        found, added = _compare_struct(name, before, new.structs[name])
        if name in layout_module.FROZEN:
            broken += [f"{line}; {name} is frozen for ever" for line in found + added]
        else:
            broken += found
            appended += added
    appended += [f"struct {name}: new" for name in sorted(new.structs.keys() - old.structs.keys())]
    for kind in ("opaque", "types", "constants", "ids", "macros"):
        found, added = _compare_words(kind, getattr(old, kind), getattr(new, kind))
        broken += found
        appended += added
    return broken, appended


def _compare_struct(name, old, new):
    before = {f.name: f for f in old.fields}
    after = {f.name: f for f in new.fields}
    broken = [f"struct {name}: {f.word} {f.name} removed" for f in old.fields
              if f.name not in after]
    appended = []
    known = [i for i, f in enumerate(new.fields) if f.name in before]
    last = known[-1] if known else -1
    for i, field in enumerate(new.fields):
        if field.name in before:
            continue
        if i > last and not broken:
            appended.append(f"struct {name}: {field.word} {field.name} appended")
        else:
            broken.append(f"struct {name}: {field.word} {field.name} inserted; new ones go to "
                          "the end")
    broken += _compare_order(name, [f for f in old.fields if f.name in after],
                             [f for f in new.fields if f.name in before])
    for field in old.fields:
        if field.name in after:
            broken += _compare_field(name, field, after[field.name])
    return broken or _compare_places(name, before, after), appended


def _compare_order(name, old, new):
    for a, b in zip(old, new):
        if a.name != b.name:
            return [f"struct {name}: reordered, {b.word} {b.name} stands where {a.name} was"]
    return []


def _compare_field(name, old, new):
    where = f"struct {name}: {old.word} {old.name}"
    if old.size != new.size:
        return [f"{where} resized from {old.size} to {new.size} bytes ({old.type} -> {new.type})"]
    if old.type == new.type:
        return []
    if old.word == "slot" and new.word == "slot":
        return [f"{where} changed signature from {old.type} to {new.type}"]
    return [f"{where} retyped from {old.type} to {new.type}"]


def _compare_places(name, before, after):
    """Same fields, same order, same types, other offsets: packing or alignment changed."""
    return [f"struct {name}: {f.word} {f.name} moved from offset {f.offset} to "
            f"{after[f.name].offset}" for f in before.values() if f.offset != after[f.name].offset]


_WORD = {"opaque": "handle", "types": "type", "constants": "constant", "ids": "interface id",
         "macros": "macro"}


def _compare_words(kind, old, new):
    word, broken = _WORD[kind], []
    for name, text in sorted(old.items()):
        if name not in new:
            broken.append(f"{word} {name} removed (was {text})" if text else
                          f"{word} {name} removed")
        elif new[name] != text and name not in _VARY:
            broken.append(f"{word} {name} changed from {text} to {new[name]}")
    return broken, [f"{word} {name}: new" for name in sorted(new.keys() - old.keys())]
