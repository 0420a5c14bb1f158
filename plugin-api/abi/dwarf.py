"""Reads the types of an object file from its debug information.

Purpose  What the compiler laid out, in the compiler's own words: names, offsets, sizes and
         types come from DWARF, printed by readelf, never from a guess at the source text.
Example  for die in dwarf.read("all.o").top("structure_type"): print(die.name, die.size)
"""
import os
import re
import subprocess

_ENTRY = re.compile(r"^ <(\w+)><(\w+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
_POINTER_SIZE = re.compile(r"^   Pointer Size:\s+(\d+)")
_ATTRIBUTE = re.compile(r"^\s+<\w+>\s+DW_AT_(\w+)\s*: ?(.*)$")
_INDIRECT = re.compile(r"^\((?:indirect|indexed)[^)]*\): ")
_REFERENCE = re.compile(r"<0x(\w+)>")
_QUALIFIERS = {"const_type": "const", "volatile_type": "volatile", "restrict_type": "restrict"}


class Die:
    """One debug information entry."""

    def __init__(self, tag, pointer_size):
        self.tag = tag
        self._pointer_size = pointer_size
        self.attributes = {}
        self.children = []
        self.type = None  # the entry DW_AT_type points to; None stands for void

    @property
    def name(self):
        return self.attributes.get("name", "")

    @property
    def declaration(self):
        return "declaration" in self.attributes

    def number(self, attribute, default=0):
        return int(self.attributes.get(attribute, str(default)), 0)

    @property
    def size(self):
        """Bytes an object of this type needs."""
        if self.tag == "pointer_type":  # clang leaves the size out
            return self._pointer_size
        if self.tag == "array_type":
            return self.type.size * self.count()
        if "byte_size" in self.attributes or self.tag == "subroutine_type" or self.type is None:
            return self.number("byte_size")
        return self.type.size

    def count(self):
        total = 1
        for child in self.children:
            if child.tag == "subrange_type":
                bound = child.attributes.get("upper_bound")
                total *= child.number("count") if bound is None else int(bound, 0) + 1
        return total

    def parameters(self):
        return [c for c in self.children if c.tag in ("formal_parameter",
                                                      "unspecified_parameters")]

    def members(self):
        return [c for c in self.children if c.tag == "member"]


class Unit:
    """All entries of one object file."""

    def __init__(self, roots, pointer_size):
        self._roots = roots
        self.pointer_size = pointer_size

    def top(self, *tags):
        return [d for root in self._roots for d in root.children if d.tag in tags]


def declare(die, inner=""):
    """The C text of type `die`, declared as `inner` (which may be empty)."""
    if die is None:
        return _join("void", inner)
    if die.tag == "pointer_type":
        target = die.type
        around = target is not None and target.tag in ("subroutine_type", "array_type")
        return declare(target, f"(*{inner})" if around else f"*{inner}")
    if die.tag in _QUALIFIERS:
        word = _QUALIFIERS[die.tag]
        if die.type is not None and die.type.tag == "pointer_type":
            return declare(die.type, _join(word, inner))
        return f"{word} {declare(die.type, inner)}"
    if die.tag == "subroutine_type":
        parameters = ", ".join("..." if p.tag == "unspecified_parameters" else declare(p.type)
                               for p in die.parameters())
        return declare(die.type, f"{inner}({parameters or 'void'})")
    if die.tag == "array_type":
        return declare(die.type, f"{inner}[{die.count()}]")
    kind = {"structure_type": "struct ", "union_type": "union ", "enumeration_type": "enum "}
    return _join(kind.get(die.tag, "") + die.name, inner)


def _join(left, right):
    return f"{left} {right}" if right else left


def read(path):
    """Reads the object file `path`, which was compiled with -g."""
    text = subprocess.run(["readelf", "--debug-dump=info", path], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "LC_ALL": "C"}).stdout
    roots, by_offset, stack, pointer_size = [], {}, [], 0
    for line in text.splitlines():
        if unit := _POINTER_SIZE.match(line):
            pointer_size = int(unit[1])
        elif entry := _ENTRY.match(line):
            depth, die = int(entry[1], 16), Die(entry[3], pointer_size)
            by_offset[int(entry[2], 16)] = die
            del stack[depth:]
            (stack[-1].children if stack else roots).append(die)
            stack.append(die)
        elif (attribute := _ATTRIBUTE.match(line)) and stack:
            stack[-1].attributes[attribute[1]] = _INDIRECT.sub("", attribute[2]).strip()
    for die in by_offset.values():
        reference = _REFERENCE.match(die.attributes.get("type", ""))
        die.type = by_offset[int(reference[1], 16)] if reference else None
    return Unit(roots, pointer_size)
