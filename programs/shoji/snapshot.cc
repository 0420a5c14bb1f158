// shoji save ID DIR, shoji restore ID DIR: a sandbox as files and back.
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

// The API takes absolute paths; people give those of where they are.
Result<std::string> Absolute(const std::string& path) {
  if (path.empty()) return InvalidArgument("the directory of the snapshot is empty");
  if (path[0] == '/') return path;
  char here[PATH_MAX];
  if (realpath(".", here) == nullptr) return NotFound("the current directory does not exist");
  return std::string(here) + "/" + path;
}

Status CheckWords(const Invocation& invocation, const char* command) {
  if (invocation.words.size() == 2) return OkStatus();
  return InvalidArgument(std::string("shoji ") + command +
                         " takes the id of a sandbox and a directory");
}

int Report(const Invocation& invocation, const Status& status, const char* outcome) {
  if (!status.ok()) return Fail(status);
  const std::string& id = invocation.words[0];
  puts(invocation.json() ? OutcomeJson(id, outcome).c_str() : id.c_str());
  return 0;
}

Status Save(const Invocation& invocation) {
  SHOJI_RETURN_IF_ERROR(CheckWords(invocation, "save"));
  SHOJI_ASSIGN_OR_RETURN(const std::string dir, Absolute(invocation.words[1]));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(invocation.words[0]));
  return sandbox->Save(dir);
}

// It runs on when this command has ended, so nobody's end may take it away.
Status Restore(const Invocation& invocation, const SignalRelay& relay) {
  SHOJI_RETURN_IF_ERROR(CheckWords(invocation, "restore"));
  SHOJI_ASSIGN_OR_RETURN(const std::string dir, Absolute(invocation.words[1]));
  RuntimeOptions options;
  options.cancel_fd = relay.cancel_fd();
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation, std::move(options)));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->RestoreSandbox(invocation.words[0], dir));
  return sandbox->Release();
}

int RunSave(const Invocation& invocation) { return Report(invocation, Save(invocation), "saved"); }

int RunRestore(const Invocation& invocation) {
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return Fail(relay.status());
  const Status status = Restore(invocation, **relay);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  return Report(invocation, status, "running");
}

}  // namespace

const Command kSave = {"save", "ID DIR", "Write a sandbox into a directory; it goes on.",
                       DescribeFormat, RunSave};
const Command kRestore = {"restore", "ID DIR", "Make a sandbox from what shoji save wrote.",
                          DescribeFormat, RunRestore};

}  // namespace shoji::cli
