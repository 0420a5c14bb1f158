"""The layout of the ABI headers: collected from the compiler, written and read as text.

Purpose  One Layout holds everything of the headers that a compiled plugin depends on.
Format   One fact a line, so that a change of the ABI is one changed line in a review:
             struct NAME size BYTES [frozen]
               OFFSET SIZE NAME : TYPE
             opaque NAME             a handle, only ever behind a pointer
             type NAME = TYPE
             constant NAME TYPE VALUE
             id NAME "INTERFACE/MAJOR"
             macro NAME(PARAMETERS) TEXT
             break REASON            an accepted break of this file
"""
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile

import dwarf

# Structs without struct_size: passed by value or in arrays, so they can never grow.
FROZEN = frozenset({"shoji_fd_map", "shoji_option", "shoji_process_ref", "shoji_str"})

_FIXED = re.compile(r"^u?int(8|16|32|64)_t$")
_ID = re.compile(r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+/[0-9]+$")
_DEFINE = re.compile(r"^#define (\w+)(\([^)]*\))? ?(.*)$")
_SHOW = r"""
#include <stdio.h>
static void Number(const char *n, const char *t, long long v) { printf("%s %s %lld\n", n, t, v); }
static void Text(const char *n, const char *t, const char *v) {
  printf("%s %s ", n, t);
  for (; *v != 0; ++v) printf("%02x", (unsigned)(unsigned char)*v);
  printf("\n");
}
#define TYPE(x) _Generic((x), char *: "string", int: "int", unsigned: "unsigned", long: "long", \
  unsigned long: "unsigned-long", long long: "long-long", unsigned long long: "unsigned-long-long")
#define SHOW(name, x) _Generic((x), char *: Text, default: Number)(name, TYPE(x), x);
int main(void) {
"""


class LayoutError(Exception):
    """The headers or a snapshot cannot be read; the text says why."""


@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    offset: int
    size: int
    type: str

    @property
    def word(self):
        return "slot" if "(*)" in self.type else "field"


@dataclasses.dataclass
class Struct:
    size: int
    fields: list


@dataclasses.dataclass
class Layout:
    structs: dict = dataclasses.field(default_factory=dict)
    opaque: dict = dataclasses.field(default_factory=dict)
    types: dict = dataclasses.field(default_factory=dict)
    constants: dict = dataclasses.field(default_factory=dict)
    ids: dict = dataclasses.field(default_factory=dict)
    macros: dict = dataclasses.field(default_factory=dict)
    breaks: list = dataclasses.field(default_factory=list)
    # What is wrong with the headers whatever came before; found while collecting.
    flaws: list = dataclasses.field(default_factory=list)

    @property
    def abi_version(self):
        return self.constants["SHOJI_ABI_VERSION"].split()[-1]

    @property
    def sdk_version(self):
        return self.constants["SHOJI_SDK_VERSION"].split()[-1].strip('"')


# ---- from the compiler -------------------------------------------------------------------

def collect(include_dir, compiler=None):
    """Compiles all headers below `include_dir` and returns their Layout."""
    compiler = compiler or os.environ.get("CC", "cc")
    headers = sorted(pathlib.Path(include_dir, "shoji", "plugin").glob("*.h"))
    if not headers:
        raise LayoutError(f"no headers in {include_dir}/shoji/plugin; give the directory that "
                          "holds shoji/plugin/base.h with --include")
    includes = "".join(f'#include "shoji/plugin/{h.name}"\n' for h in headers)
    with tempfile.TemporaryDirectory(prefix="shoji-abi-") as scratch:
        build = _Build(compiler, include_dir, scratch)
        out = Layout()
        _collect_types(out, build.debug_info(includes))
        _collect_macros(out, build, includes)
    return out


class _Build:
    """Runs the compiler in a scratch directory."""

    def __init__(self, compiler, include_dir, scratch):
        self._command = compiler.split() + ["-std=c11", f"-I{include_dir}"]
        self._scratch = scratch

    def _run(self, arguments, source):
        done = subprocess.run(self._command + arguments + ["-x", "c", "-"], input=source, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise LayoutError(f"the headers do not compile with {self._command[0]}:\n{done.stderr}")
        return done.stdout

    def debug_info(self, source):
        path = os.path.join(self._scratch, "all.o")
        self._run(["-gdwarf-4", "-fno-eliminate-unused-debug-types", "-c", "-o", path], source)
        return dwarf.read(path)

    def macros(self, source):
        return set(self._run(["-E", "-dM"], source).splitlines())

    def output_of(self, source):
        path = os.path.join(self._scratch, "show")
        self._run(["-o", path], source)
        return subprocess.run([path], check=True, text=True, stdout=subprocess.PIPE).stdout


def _collect_types(out, unit):
    if unit.pointer_size != 8:
        raise LayoutError(f"the compiler makes {8 * unit.pointer_size}-bit code; snapshots are of "
                          "64-bit layouts")
    for die in unit.top("structure_type"):
        if not die.name.startswith("shoji_"):
            continue
        if die.declaration:
            out.opaque[die.name] = ""
            continue
        fields = []
        for member in die.members():
            fields.append(Field(member.name, member.number("data_member_location"),
                                member.type.size, dwarf.declare(member.type)))
            where = f"struct {die.name}: {fields[-1].word} {member.name or '(unnamed)'}"
            if {"bit_size", "data_bit_offset"} & set(member.attributes):
                out.flaws.append(f"{where}: a bit field has no fixed place; use flag bits")
            out.flaws += [f"{where}: {flaw}" for flaw in _type_flaws(member.type)]
        out.structs[die.name] = Struct(die.size, fields)
    for die in unit.top("typedef"):
        target = die.type
        if not die.name.startswith("shoji_") or (target is not None and target.name == die.name):
            continue
        out.types[die.name] = dwarf.declare(target)
        out.flaws += [f"type {die.name}: {flaw}" for flaw in _type_flaws(target)]
    for die in unit.top("enumeration_type"):
        out.flaws.append(f"enum {die.name or '(unnamed)'}: the compiler chooses the size of an "
                         "enum; use #define and a fixed-width integer")


def _type_flaws(die, by_value=True):
    """What makes a type unfit to cross: its size depends on the compiler, or it cannot grow."""
    if die is None or _FIXED.match(die.name):
        return []
    if die.tag == "pointer_type":
        return _type_flaws(die.type, by_value=False)
    if die.tag == "structure_type":
        if not die.name:
            return ["a struct without a name cannot be followed"]
        if by_value and die.name not in FROZEN:
            return [f"{die.name} is held by value but may grow; use a pointer to it"]
        return []
    if die.tag == "subroutine_type":
        flaws = _type_flaws(die.type)
        for parameter in die.parameters():
            if parameter.tag == "unspecified_parameters":
                flaws.append("variable arguments cannot be forwarded")
            flaws += _type_flaws(parameter.type)
        return flaws
    if die.tag == "union_type":
        return ["a union changes size with its members; use tagged structs"]
    if die.tag == "enumeration_type":
        return [f"enum {die.name} used; use a fixed-width integer"]
    if die.tag == "base_type":
        return _base_flaws(die)
    return _type_flaws(die.type, by_value)  # const, array, typedef


def _base_flaws(die):
    if die.name == "char":
        return []
    if die.name == "_Bool":
        return ["bool used; use int32_t or a flag bit"]
    return [f"{die.name} is not of fixed width; use int32_t, uint64_t, ..."]


def _collect_macros(out, build, includes):
    libc = build.macros("#include <stddef.h>\n#include <stdint.h>\n")
    values = []
    for line in sorted(build.macros(includes) - libc):
        name, parameters, text = _DEFINE.match(line).groups()
        # How a macro is laid out on the page is no part of the contract.
        text = re.sub(r"\s*([{}()\[\];,])\s*", r"\1", " ".join(text.split()))
        if not name.startswith("SHOJI_"):
            out.flaws.append(f"macro {name}: names of the ABI begin with SHOJI_")
        elif parameters is not None:
            out.macros[name + parameters.replace(" ", "")] = text
        elif text.startswith("__attribute__"):
            out.macros[name] = text
        elif text:  # an include guard has none
            values.append(name)
    _collect_values(out, build, includes, values)


def _collect_values(out, build, includes, names):
    body = "".join(f'  SHOW("{name}", {name})\n' for name in names)
    for line in build.output_of(includes + _SHOW + body + "  return 0;\n}\n").splitlines():
        name, kind, value = line.split(" ")
        if kind != "string":
            out.constants[name] = f"{kind} {value}"
            continue
        text = bytes.fromhex(value).decode()
        if _ID.match(text):
            out.ids[name] = f'"{text}"'
        else:
            out.constants[name] = f'string "{text}"'


# ---- as text ---------------------------------------------------------------------------------

_HEADER = """\
# Layout of the plugin ABI, 64-bit, little-endian. Written by check-layout --update.
# struct: OFFSET SIZE NAME : TYPE
"""


def to_text(layout):
    lines = [_HEADER]
    lines += [f"break {reason}" for reason in layout.breaks]
    for name, struct in sorted(layout.structs.items()):
        frozen = " frozen" if name in FROZEN else ""
        lines.append(f"struct {name} size {struct.size}{frozen}")
        lines += [f"  {f.offset} {f.size} {f.name} : {f.type}" for f in struct.fields]
        lines.append("")
    lines += [f"opaque {name}" for name in sorted(layout.opaque)]
    lines += [f"type {name} = {text}" for name, text in sorted(layout.types.items())]
    lines += [f"constant {name} {text}" for name, text in sorted(layout.constants.items())]
    lines += [f"id {name} {text}" for name, text in sorted(layout.ids.items())]
    lines += [f"macro {name} {text}" for name, text in sorted(layout.macros.items())]
    return "\n".join(lines) + "\n"


_FIELD_LINE = re.compile(r"^  (\d+) (\d+) (\w+) : (.+)$")
_STRUCT_LINE = re.compile(r"^struct (\w+) size (\d+)( frozen)?$")
_WORD_LINE = re.compile(r"^(opaque|type|constant|id|macro) (\w+(?:\([^)]*\))?)(?: = | |$)(.*)$")


def from_text(text, where):
    """Reads what to_text() wrote; `where` names the file in errors."""
    out, struct = Layout(), None
    tables = {"opaque": out.opaque, "type": out.types, "constant": out.constants, "id": out.ids,
              "macro": out.macros}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("break "):
            out.breaks.append(line[len("break "):])
        elif match := _STRUCT_LINE.match(line):
            struct = out.structs[match[1]] = Struct(int(match[2]), [])
        elif (match := _FIELD_LINE.match(line)) and struct is not None:
            struct.fields.append(Field(match[3], int(match[1]), int(match[2]), match[4]))
        elif match := _WORD_LINE.match(line):
            tables[match[1]][match[2]] = match[3]
        else:
            raise LayoutError(f"{where}:{number}: not a line of a layout: {line!r}; write the "
                              "file with check-layout --update")
    return out
