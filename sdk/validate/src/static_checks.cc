// What the file says before a byte of it runs.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "check.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "shoji/elf/elf_file.h"
#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"

namespace shoji::validate {
namespace {

constexpr std::size_t kMaxExports = 10000;
// Mangled and C names of libraries of which a process must not hold two copies.
constexpr std::array<std::string_view, 7> kForeign = {
    "google8protobuf", "google::protobuf", "grpc", "_upb", "N5boost", "boost_", "4absl"};

struct File {
  UniqueFd fd;
  ElfFile elf;
};

Result<File> OpenFile(const Target& target) {
  UniqueFd fd(open(target.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + target.path);
  SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(fd.get()));
  return File{std::move(fd), std::move(elf)};
}

Result<std::string> NoteText(const Target& target) {
  SHOJI_ASSIGN_OR_RETURN(File file, OpenFile(target));
  return file.elf.FindNote(SHOJI_NOTE_OWNER, SHOJI_NOTE_TYPE);
}

Verdict FailWith(const std::vector<std::string>& problems) {
  return problems.empty() ? Pass() : Fail(Join(problems, "; "));
}

Verdict IsElf(const Target& target) {
  KIT_ASSIGN(const File file, OpenFile(target));
  return Pass();
}

Verdict NotePresent(const Target& target) {
  KIT_ASSIGN(const std::string text, NoteText(target));
  KIT_EXPECT(!text.empty(), "the note is empty; use SHOJI_PLUGIN_NOTE()");
  return Pass();
}

Verdict NoteForm(const Target& target) {
  KIT_ASSIGN(const std::string text, NoteText(target));
  return FailWith(NoteFormProblems(text));
}

Verdict OnlyTheEntry(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const std::vector<ElfSymbol> exports, file.elf.Exports(kMaxExports));
  std::vector<std::string> others;
  bool entry = false;
  for (const ElfSymbol& symbol : exports) {
    entry = entry || symbol.name == SHOJI_PLUGIN_OPEN_SYMBOL;
    if (symbol.name != SHOJI_PLUGIN_OPEN_SYMBOL) others.push_back(symbol.name);
  }
  KIT_EXPECT(entry, "does not export " SHOJI_PLUGIN_OPEN_SYMBOL);
  if (others.empty()) return Pass();
  const std::string count = std::to_string(others.size());
  others.resize(std::min<std::size_t>(others.size(), 5));
  return Fail("exports " + count + " symbols besides the entry: " + Join(others, ", ") +
              "; build with the CMake function of the SDK, or a version script");
}

Verdict NoUniqueSymbol(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const std::vector<ElfSymbol> exports, file.elf.Exports(kMaxExports));
  for (const ElfSymbol& symbol : exports) {
    KIT_EXPECT(!symbol.unique, "symbol " + symbol.name +
                                   " is unique in the process (STB_GNU_UNIQUE): two copies of the "
                                   "plugin would share it; compile with -fno-gnu-unique");
  }
  return Pass();
}

Verdict NoForeignSymbol(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const std::vector<ElfSymbol> exports, file.elf.Exports(kMaxExports));
  for (const ElfSymbol& symbol : exports) {
    for (const std::string_view word : kForeign) {
      KIT_EXPECT(symbol.name.find(word) == std::string::npos,
                 "exports " + symbol.name + ", which a library of the host or of another plugin " +
                     "may define too; hide it");
    }
  }
  return Pass();
}

bool IsFullProtobuf(const std::string& library) { return library.rfind("libprotobuf.so", 0) == 0; }

Verdict Libraries(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const ElfDynamic dynamic, file.elf.DynamicSection());
  const std::string all = dynamic.needed.empty() ? "none" : Join(dynamic.needed, " ");
  const auto& needed = dynamic.needed;
  if (std::any_of(needed.begin(), needed.end(), IsFullProtobuf)) {
    return Warn(
        "needs the full protobuf runtime: a second plugin with the same .proto file ends "
        "the process while it is loaded; use optimize_for = LITE_RUNTIME (needs " +
        all + ")");
  }
  return {Outcome::kPass, "needs " + all};
}

Verdict BindsAtOnce(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const ElfDynamic dynamic, file.elf.DynamicSection());
  KIT_EXPECT(dynamic.bind_now,
             "symbols are bound late: a missing one ends the process in the middle of a call; link "
             "with -Wl,-z,now");
  return Pass();
}

Verdict NoTextRelocation(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  KIT_ASSIGN(const ElfDynamic dynamic, file.elf.DynamicSection());
  KIT_EXPECT(!dynamic.text_relocations, "has text relocations; compile everything with -fPIC");
  return Pass();
}

const Elf64_Phdr* FindSegment(const ElfFile& elf, std::uint32_t type) {
  const auto& all = elf.segments();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Elf64_Phdr& s) { return s.p_type == type; });
  return found == all.end() ? nullptr : &*found;
}

Verdict Relro(const Target& target) {
  KIT_ASSIGN(const File file, OpenFile(target));
  KIT_EXPECT(FindSegment(file.elf, PT_GNU_RELRO) != nullptr,
             "has no read-only relocations (PT_GNU_RELRO); link with -Wl,-z,relro");
  return Pass();
}

Verdict StackNotExecutable(const Target& target) {
  KIT_ASSIGN(const File file, OpenFile(target));
  const Elf64_Phdr* const stack = FindSegment(file.elf, PT_GNU_STACK);
  KIT_EXPECT(stack != nullptr && (stack->p_flags & PF_X) == 0,
             "asks for an executable stack, which makes the stacks of the whole process so; link "
             "with -Wl,-z,noexecstack");
  return Pass();
}

Verdict BuildId(const Target& target) {
  KIT_ASSIGN(File file, OpenFile(target));
  if (file.elf.FindNote("GNU", NT_GNU_BUILD_ID).ok()) return Pass();
  return Warn(
      "has no build id, so a crash report cannot tell which build it was; link with "
      "-Wl,--build-id");
}

using NoteProblems = std::vector<std::string> (*)(const Note&);

Check NoteCheck(std::string name, std::string description, NoteProblems problems) {
  return {std::move(name),
          std::move(description),
          2,
          "",
          {kNotePresent},
          [problems](const Target& target) { return FailWith(problems(*target.note)); }};
}

}  // namespace

std::vector<Check> StaticChecks() {
  const std::vector<std::string> elf = {kIsElf};
  return {
      {kIsElf, "the file is a shared object for this machine", 1, "", {}, IsElf},
      {kNotePresent, "the file has the ELF note of a plugin", 2, "", elf, NotePresent},
      {"note-form", "every record of the note is known and whole", 2, "", {kNotePresent}, NoteForm},
      NoteCheck("note-identity", "kind, id, version, vendor and licence are well-formed",
                NoteIdentityProblems),
      NoteCheck("note-abi", "the note has a range of host ABIs", NoteAbiProblems),
      NoteCheck("note-interfaces", "interface ids are well-formed and the kind's own is announced",
                NoteInterfaceProblems),
      NoteCheck("note-options", "options have a valid name, type, default, flags and a help text",
                NoteOptionProblems),
      {"elf-exports", "exports shoji_plugin_open_v1 and nothing else", 1, "", elf, OnlyTheEntry},
      {"elf-unique-symbols", "no exported symbol is STB_GNU_UNIQUE", 1, "", elf, NoUniqueSymbol},
      {"elf-foreign-symbols", "no symbol of protobuf, gRPC, Abseil or Boost is exported", 1, "",
       elf, NoForeignSymbol},
      {"elf-libraries", "which libraries are needed; the full protobuf runtime is a risk", 3, "",
       elf, Libraries},
      {"elf-bind-now", "symbols are bound when the plugin is loaded", 3, "", elf, BindsAtOnce},
      {"elf-relro", "relocations are read-only after loading", 3, "", elf, Relro},
      {"elf-stack", "the stack is not executable", 3, "", elf, StackNotExecutable},
      {"elf-text-relocations", "code is not patched while it is loaded", 3, "", elf,
       NoTextRelocation},
      {"elf-build-id", "the file has a build id", 3, "", elf, BuildId},
  };
}

}  // namespace shoji::validate
