"""Takes out of a kernel module what only debugging uses.

Loading is slow without KVM: each relocation and each symbol costs. Left out are
  .BTF, .orc_unwind*   types and stack traces; the tables are sorted at each load
  _ftrace_events       what tracing could show
  __mcount_loc         where ftrace could hook in: the kernel turns each of the calls into a
                       no-op while it loads the module, here that is done beforehand
  __versions           checksums of the symbols it uses, compared one by one. Kernel and modules
                       come out of one package; the kernel notes that it was not asked to check
  symbols              that no relocation names
Sections keep their numbers, so that nothing that refers to them has to change.
"""

import struct

from . import elf
from .error import ImageError

RELA = struct.Struct("<QQq")
SYM = struct.Struct("<IBBHQQ")
SHT_NULL, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 0, 2, 4, 8
UNUSED = {b".BTF", b".comment", b".orc_unwind", b".orc_unwind_ip", b"__mcount_loc", b"__versions",
          b"_ftrace_eval_map", b"_ftrace_events"}
CALL, NOP = b"\xe8", b"\x0f\x1f\x44\x00\x00"
HOOK = b"__fentry__"


def slim(data, name):
    """The module with the same effect, smaller and quicker to load."""
    try:
        module = _Module(data)
        if module.symtab is None:
            return data  # nothing to link: no kernel would load it, tests do
        module.drop_sections()
        module.drop_hooks(name)
        module.drop_symbols()
        return module.bytes()
    except (struct.error, IndexError) as error:
        raise ImageError(f"{name} is cut off or damaged: {error}") from error


class _Module:
    def __init__(self, data):
        self.header = list(elf.EHDR.unpack_from(data))
        offset, count, names = self.header[6], self.header[12], self.header[13]
        self.sections = [list(elf.SHDR.unpack_from(data, offset + i * elf.SHDR.size))
                         for i in range(count)]
        self.body = [bytearray() if s[1] in (SHT_NULL, SHT_NOBITS) else
                     bytearray(data[s[4]:s[4] + s[5]]) for s in self.sections]
        self.names = [_string(self.body[names], s[0]) for s in self.sections]
        tables = [i for i, s in enumerate(self.sections) if s[1] == SHT_SYMTAB]
        self.symtab = tables[0] if tables else None

    def relocations(self):
        return [i for i, s in enumerate(self.sections) if s[1] == SHT_RELA]

    def drop_sections(self):
        gone = {i for i, name in enumerate(self.names) if name in UNUSED}
        gone |= {i for i in self.relocations() if self.sections[i][7] in gone}
        for i in gone:
            self.sections[i] = [0] * 10
            self.body[i] = bytearray()

    def symbols(self):
        return list(SYM.iter_unpack(self.body[self.symtab]))

    def strings(self):
        return self.body[self.sections[self.symtab][6]]

    def drop_hooks(self, name):
        strings = self.strings()
        hooks = {i for i, symbol in enumerate(self.symbols())
                 if _string(strings, symbol[0]) == HOOK}
        for i in self.relocations():
            code, entries = self.body[self.sections[i][7]], list(RELA.iter_unpack(self.body[i]))
            for entry in entries:
                if entry[1] >> 32 in hooks:
                    _no_call(code, entry[0] - 1, name)
            self.body[i] = b"".join(RELA.pack(*entry) for entry in entries
                                    if entry[1] >> 32 not in hooks)

    def drop_symbols(self):
        used = {0} | {entry[1] >> 32 for i in self.relocations()
                      for entry in RELA.iter_unpack(self.body[i])}
        old, strings = self.symbols(), self.strings()
        table, texts, number, local = bytearray(), bytearray(b"\0"), {}, 0
        for index in sorted(used):
            symbol = list(old[index])
            text = _string(strings, symbol[0])
            symbol[0] = len(texts) if text else 0
            texts += text + b"\0" if text else b""
            number[index] = len(number)
            local += symbol[1] >> 4 == 0
            table += SYM.pack(*symbol)
        self.body[self.symtab] = table
        self.body[self.sections[self.symtab][6]] = texts
        self.sections[self.symtab][7] = local  # the first that is not local
        for i in self.relocations():
            self.body[i] = b"".join(
                RELA.pack(at, number[info >> 32] << 32 | info & 0xFFFFFFFF, addend)
                for at, info, addend in RELA.iter_unpack(self.body[i]))

    def bytes(self):
        out = bytearray(elf.EHDR.size)
        for section, body in zip(self.sections, self.body):
            if section[1] == SHT_NULL:
                continue
            out += bytes(-len(out) % max(section[8], 1))
            section[4] = len(out)
            if section[1] != SHT_NOBITS:
                section[5] = len(body)
                out += body
        out += bytes(-len(out) % 8)
        self.header[6] = len(out)
        elf.EHDR.pack_into(out, 0, *self.header)
        return bytes(out) + b"".join(elf.SHDR.pack(*section) for section in self.sections)


def _no_call(code, at, name):
    if code[at:at + 1] != CALL:
        raise ImageError(f"{name}: no call at {at:#x}, where {HOOK.decode()} is called")
    code[at:at + len(NOP)] = NOP


def _string(table, at):
    return bytes(table[at:table.index(b"\0", at)])
