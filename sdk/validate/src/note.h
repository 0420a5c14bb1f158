// The ELF note of a plugin, read strictly.
//
// Purpose  A host is lenient: it ignores what it does not know. The kit is not: it names
//          everything that an older, a newer or a stricter host might stumble over.
// Threads  Values.
// Example  Note note = ParseNote("plugin\tstore\tcom.example.kv\t1.2.0\tMe\tMIT\t0.1.0\n...");
//          for (const NoteProblem& problem : CheckNote(note)) ...
#ifndef SHOJI_VALIDATE_NOTE_H_
#define SHOJI_VALIDATE_NOTE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoji/status.h"

namespace shoji::validate {

struct NoteOption {
  std::string name;
  std::string type;
  std::string default_value;
  std::string flags;
  std::string help;
  bool HasFlag(std::string_view flag) const;
};

struct Note {
  std::string kind;
  std::string id;
  std::string version;
  std::string vendor;
  std::string licence;
  std::string sdk_version;
  std::int64_t abi_min = 0;
  std::int64_t abi_max = 0;
  std::vector<std::pair<std::string, std::string>> interfaces;  // id, minor
  std::vector<NoteOption> options;

  bool Announces(std::string_view interface_id) const;
};

Note ParseNote(std::string_view text);

// What is wrong with each part, one line each; empty: nothing.
std::vector<std::string> NoteFormProblems(std::string_view text);
std::vector<std::string> NoteIdentityProblems(const Note& note);
std::vector<std::string> NoteAbiProblems(const Note& note);
std::vector<std::string> NoteInterfaceProblems(const Note& note);
std::vector<std::string> NoteOptionProblems(const Note& note);

// The value as a host passes it to open(): sizes and durations in bytes and nanoseconds,
// lists with '\n'. INVALID_ARGUMENT.
Result<std::string> CanonicalValue(std::string_view type, std::string_view text);

const std::vector<std::string>& KnownKinds();

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_NOTE_H_
