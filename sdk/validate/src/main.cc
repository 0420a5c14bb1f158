// shoji-validate: does a plugin keep the rules of docs/plugin-abi.md?
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "check.h"
#include "command_line.h"
#include "report.h"
#include "runner.h"
#include "session.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "shoji/elf/elf_file.h"
#include "shoji/plugin/note.h"
#include "waivers.h"

namespace shoji::validate {
namespace {

enum Exit { kConforms = 0, kDoesNotConform = 1, kCannotRun = 2 };

constexpr char kWaiverFile[] = "shoji-validator.toml";

int Complain(const Status& status) {
  fprintf(stderr, "shoji-validate: %s\n", status.message().c_str());
  return kCannotRun;
}

bool MatchesAny(const std::string& name, const std::vector<std::string>& expressions) {
  return std::any_of(expressions.begin(), expressions.end(),
                     [&](const std::string& e) { return std::regex_search(name, std::regex(e)); });
}

// Those that are about `kind`, or about all kinds when it is not known.
std::vector<Check> Chosen(const CommandLine& line, const std::string& kind) {
  const auto& kinds = KnownKinds();
  const bool known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  std::vector<Check> out;
  for (Check& check : AllChecks()) {
    if (known && !check.kind.empty() && check.kind != kind) continue;
    if (!line.include.empty() && !MatchesAny(check.name, line.include)) continue;
    if (!MatchesAny(check.name, line.exclude)) out.push_back(std::move(check));
  }
  return out;
}

std::uint64_t NewSeed() {
  std::random_device device;
  return 1 + device() % 1'000'000'000U;
}

Result<std::string> AbsolutePath(const std::string& path) {
  char buffer[PATH_MAX];
  if (realpath(path.c_str(), buffer) == nullptr) return ErrnoStatus(errno, "cannot open " + path);
  return std::string(buffer);
}

// The note, if there is one; what is wrong with the file is for the checks to say.
std::optional<Note> NoteOf(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  Result<ElfFile> elf = ElfFile::Open(fd.get());
  if (!elf.ok()) return std::nullopt;
  const Result<std::string> text = elf->FindNote(SHOJI_NOTE_OWNER, SHOJI_NOTE_TYPE);
  if (!text.ok()) return std::nullopt;
  return ParseNote(*text);
}

Result<Target> TargetOf(const CommandLine& line) {
  Target target;
  SHOJI_ASSIGN_OR_RETURN(target.path, AbsolutePath(line.plugin));
  const UniqueFd readable(open(target.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable) return ErrnoStatus(errno, "cannot open " + target.path);
  target.note = NoteOf(target.path);
  target.options = line.options;
  target.seed = line.seed.value_or(NewSeed());
  target.durable = !line.is_volatile;
  // A note whose options are wrong is reported by a check.
  if (target.note && NoteOptionProblems(*target.note).empty()) {
    SHOJI_RETURN_IF_ERROR(OptionValues::For(target).status());
  }
  return target;
}

Result<Waivers> WaiversFor(const CommandLine& line, const Target& target) {
  std::vector<std::string> names;
  for (const Check& check : AllChecks()) names.push_back(check.name);
  if (!line.waivers.empty()) return ReadWaivers(line.waivers, names);
  const std::string beside = target.path.substr(0, target.path.rfind('/') + 1) + kWaiverFile;
  if (!PathExists(beside)) return Waivers();
  return ReadWaivers(beside, names);
}

Status Print(const std::string& text, const std::string& path) {
  if (!path.empty()) return WriteFile(path, text);
  return WriteAll(1, text);
}

Result<bool> Validate(const CommandLine& line) {
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(line));
  SHOJI_ASSIGN_OR_RETURN(const Waivers waivers, WaiversFor(line, target));
  const std::vector<Check> checks = Chosen(line, target.note ? target.note->kind : "");
  if (checks.empty()) return InvalidArgument("no check is left; see shoji-validate list");
  Report report;
  report.target = &target;
  SHOJI_ASSIGN_OR_RETURN(report.records, RunChecks(target, checks, line.run));
  for (const std::string& name : ApplyWaivers(waivers, &report.records)) {
    report.warnings.push_back("the waiver of " + name + " is not needed: the check does not fail");
  }
  SHOJI_RETURN_IF_ERROR(Print(Render(report, line.format), line.output));
  return report.conforms();
}

int Main(const std::vector<std::string>& arguments) {
  signal(SIGPIPE, SIG_IGN);
  const Result<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) return Complain(line.status());
  Status printed;
  if (line->help) printed = Print(HelpText(), "");
  if (line->version) printed = Print("shoji-validate " SHOJI_SDK_VERSION "\n", "");
  if (line->list) printed = Print(RenderList(Chosen(*line, ""), line->format), line->output);
  if (!printed.ok()) return Complain(printed);
  if (line->help || line->version || line->list) return kConforms;
  const Result<bool> conforms = Validate(*line);
  if (!conforms.ok()) return Complain(conforms.status());
  return *conforms ? kConforms : kDoesNotConform;
}

}  // namespace
}  // namespace shoji::validate

int main(int argc, char** argv) {
  return shoji::validate::Main(std::vector<std::string>(argv + 1, argv + argc));
}
