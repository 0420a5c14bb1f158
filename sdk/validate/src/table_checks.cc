// The tables a plugin gives: whether they are there, whole, and those that it announced.
#include <cstring>

#include "kinds.h"
#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

constexpr std::uint32_t kTableMax = 4096;

// What is wrong with a table; empty: nothing.
std::string TableProblem(const TableShape& shape, const void* table) {
  if (table == nullptr) return "is NULL";
  std::uint32_t head[2];
  std::memcpy(head, table, sizeof(head));
  if (head[0] < shape.first_size || head[0] > kTableMax || head[0] % sizeof(void*) != 0) {
    return "has struct_size " + std::to_string(head[0]) + "; the first release has " +
           std::to_string(shape.first_size);
  }
  if (head[1] != 0) return "has reserved0 = " + std::to_string(head[1]) + "; it is 0";
  for (const Slot& slot : shape.slots) {
    const void* function = nullptr;
    std::memcpy(&function, static_cast<const char*>(table) + slot.offset, sizeof(function));
    if (function == nullptr) return "has no " + std::string(slot.name) + "()";
  }
  return {};
}

Verdict RequiredInterface(const Target& target) {
  const Kind* const kind = FindKind(target.note->kind);
  if (kind == nullptr) return Skip("kind \"" + target.note->kind + "\" is unknown");
  KIT_ASSIGN(const auto session, Session::Open(target));
  KIT_EXPECT(session->FindRaw(kind->table.id) != nullptr,
             std::string("get_interface(\"") + kind->table.id + "\") gives NULL");
  return Pass();
}

Verdict RequiredTable(const Target& target) {
  const Kind* const kind = FindKind(target.note->kind);
  KIT_ASSIGN(const auto session, Session::Open(target));
  const std::string problem = TableProblem(kind->table, session->FindRaw(kind->table.id));
  KIT_EXPECT(problem.empty(), std::string(kind->table.id) + " " + problem);
  return Pass();
}

Verdict ExtensionTables(const Target& target) {
  const Kind* const kind = FindKind(target.note->kind);
  if (kind->extensions.empty()) return Skip("an instance that has some takes a machine");
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto given = kind->given_extensions(*session);
  KIT_EXPECT(given.has_value(), "no instance can be opened");
  for (std::size_t i = 0; i < kind->extensions.size(); ++i) {
    if ((*given)[i] == nullptr) continue;
    const std::string problem = TableProblem(kind->extensions[i], (*given)[i]);
    KIT_EXPECT(problem.empty(), std::string(kind->extensions[i].id) + " " + problem);
  }
  return Pass();
}

// The interfaces of whole kinds; the optional ones are answered by instances.
Verdict NoteIsTrue(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  for (const std::string& name : KnownKinds()) {
    const std::string id = "shoji." + name + "/1";
    const bool announced = target.note->Announces(id);
    const bool given = session->FindRaw(id) != nullptr;
    KIT_EXPECT(given || !announced, "the note announces " + id + ", get_interface() gives NULL");
    KIT_EXPECT(announced || !given, "get_interface() gives " + id + ", the note does not say so");
  }
  return Pass();
}

Verdict NoteTellsExtensions(const Target& target) {
  const Kind* const kind = FindKind(target.note->kind);
  if (kind->extensions.empty()) return Skip("an instance that has some takes a machine");
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto given = kind->given_extensions(*session);
  KIT_EXPECT(given.has_value(), "no instance can be opened");
  for (std::size_t i = 0; i < kind->extensions.size(); ++i) {
    const std::string id = kind->extensions[i].id;
    const bool announced = target.note->Announces(id);
    const bool is_given = (*given)[i] != nullptr;
    KIT_EXPECT(is_given || !announced, "the note announces " + id + ", get_extension() gives NULL");
    KIT_EXPECT(announced || !is_given,
               "get_extension() gives " + id + ", the note does not say so");
  }
  return Pass();
}

Verdict InstanceOpens(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const Verdict verdict = FindKind(target.note->kind)->live(*session);
  session->Shutdown();
  return verdict;
}

Verdict InstanceAgain(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  for (int round = 0; round < 10; ++round) {
    const Verdict verdict = FindKind(target.note->kind)->live(*session);
    KIT_EXPECT(verdict.outcome != Outcome::kFail,
               "round " + std::to_string(round + 1) + " of 10: " + verdict.reason);
  }
  return Pass();
}

}  // namespace

std::vector<Check> TableChecks() {
  return {
      {kInterface,
       "get_interface() gives the interface of the kind",
       9,
       "",
       {kOpens},
       RequiredInterface},
      {kTable,
       "the required table has its size, its slots, and zero in reserved fields",
       4,
       "",
       {kInterface},
       RequiredTable},
      {"note-is-true",
       "get_interface() gives what the note announces, and nothing else",
       2,
       "",
       {kInterface},
       NoteIsTrue},
      {kInstance, "an instance opens, works and closes", 9, "", {kTable}, InstanceOpens},
      {"instance-again", "opens and closes ten times", 15, "", {kInstance}, InstanceAgain},
      {"table-extension-slots",
       "optional tables have their size, slots and zeroes",
       4,
       "",
       {kInstance},
       ExtensionTables},
      {"note-extensions",
       "get_extension() gives what the note announces, and nothing else",
       2,
       "",
       {kInstance},
       NoteTellsExtensions},
  };
}

}  // namespace shoji::validate
