#include "oci/engine.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

constexpr std::size_t kMaxIdSize = 64;

}  // namespace

Status NoSuchContainer(const std::string& id) {
  return NotFound("container `" + id + "` does not exist");
}

Result<ContainerStatus> FindContainer(Runtime& runtime, const std::string& id) {
  const auto sandbox_id = runtime.SandboxOfContainer(id);
  if (!sandbox_id.ok()) {
    const StatusCode code = sandbox_id.status().code();
    // An id that cannot be one names nothing either.
    const bool none = code == StatusCode::kNotFound || code == StatusCode::kInvalidArgument;
    return none ? NoSuchContainer(id) : sandbox_id.status();
  }
  const auto sandbox = runtime.StatusSandbox(*sandbox_id);
  if (!sandbox.ok()) {
    const bool none = sandbox.status().code() == StatusCode::kNotFound;
    return none ? NoSuchContainer(id) : sandbox.status();
  }
  for (const ContainerStatus& container : sandbox->containers) {
    if (container.id == id) return container;
  }
  return NoSuchContainer(id);
}

const char* OciState(State state) {
  switch (state) {
    case State::kReady:
      return "created";
    case State::kRunning:
      return "running";
    case State::kPaused:
      return "paused";
    case State::kStopped:
      break;
  }
  return "stopped";
}

Result<std::string> TheId(const Invocation& invocation) {
  if (invocation.words.size() == 1 && !invocation.words[0].empty()) return invocation.words[0];
  return InvalidArgument("one container id is needed, " + std::to_string(invocation.words.size()) +
                         " words were given");
}

Result<std::string> NewId(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, TheId(invocation));
  const bool good = std::all_of(id.begin(), id.end(), [](char c) {
    return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
  });
  if (good && id.size() <= kMaxIdSize && id != "." && id != "..") return id;
  return InvalidArgument(std::string(good ? "invalid" : "invalid character in") +
                         " container ID `" + id + "`: take 1 to 64 of A-Z a-z 0-9 _ . -");
}

Result<std::unique_ptr<Runtime>> OpenEngineRuntime(const Invocation& invocation,
                                                   RuntimeOptions extra) {
  extra.defaults = {{"sandbox.proxy", "kataproxy"}, {"sandbox.shim", "katashim"}};
  return OpenRuntime(invocation, std::move(extra));
}

Result<std::int32_t> PidFor(Sandbox& sandbox, const std::string& container_id,
                            const std::string& process_id) {
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t pid, sandbox.ShimPid(container_id, process_id));
  if (pid > 0) return pid;
  SHOJI_ASSIGN_OR_RETURN(const SandboxStatus status, sandbox.GetStatus());
  return status.vm_pids.empty() ? 0 : status.vm_pids.front();
}

Status WritePidFile(const std::string& path, std::int32_t pid) {
  return WriteFileAtomic(path, std::to_string(pid), 0644).WithContext("--pid-file");
}

Status CheckPreserveFds(const Invocation& invocation) {
  if (!invocation.Has("preserve-fds")) return OkStatus();
  const std::string text = invocation.Text("preserve-fds");
  const auto number = ParseInt(text);
  if (!number.ok() || *number < 0) {
    return InvalidArgument("--preserve-fds \"" + text + "\" is not a number of descriptors");
  }
  if (*number == 0) return OkStatus();
  return InvalidArgument("--preserve-fds " + text +
                         ": descriptors of the host cannot be handed into a VM; use 0");
}

}  // namespace shoji::cli
