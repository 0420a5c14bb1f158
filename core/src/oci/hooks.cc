#include "oci/hooks.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <nlohmann/json.hpp>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr const char* kOciVersion = "1.0.2";
constexpr std::size_t kLastWords = 400;

Status BadField(const std::string& field, const std::string& what) {
  return InvalidArgument(field + " of the OCI specification " + what);
}

Status CheckHook(const Hook& hook, const std::string& field) {
  if (hook.path.empty() || hook.path[0] != '/') {
    return InvalidArgument(field + ".path \"" + hook.path + "\" is not an absolute path");
  }
  for (const std::string& env : hook.envs) {
    const std::size_t equals = env.find('=');
    if (equals == 0 || equals == std::string::npos || env.find('\0') != std::string::npos) {
      return InvalidArgument(field + ".env: \"" + env + "\" is not of the form NAME=value");
    }
  }
  return OkStatus();
}

std::vector<std::string> OurEnvironment() {
  std::vector<std::string> out;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string variable = *each;
    const std::size_t equals = variable.find('=');
    if (equals != 0 && equals != std::string::npos) out.push_back(variable);
  }
  return out;
}

Result<Hook> ReadHook(const json& in, const std::string& field) {
  if (!in.is_object()) return BadField(field, "is not an object");
  Hook out;
  out.path = in.value("path", std::string());
  out.args = in.value("args", std::vector<std::string>());
  // As everywhere else: an empty environment has to be asked for.
  const auto env = in.find("env");
  out.envs =
      env == in.end() || env->is_null() ? OurEnvironment() : env->get<std::vector<std::string>>();
  if (const auto it = in.find("timeout"); it != in.end() && !it->is_null()) {
    if (!it->is_number_unsigned() || *it == 0 || *it > 1'000'000'000) {
      return BadField(field + ".timeout", "is " + it->dump() + ", not a number of seconds over 0");
    }
    out.timeout_s = it->get<std::uint32_t>();
  }
  return out;
}

Status AddHooks(const json& hooks, const char* kind, std::vector<Hook>* out) {
  const auto list = hooks.find(kind);
  if (list == hooks.end() || list->is_null()) return OkStatus();
  const std::string field = std::string("hooks.") + kind;
  if (!list->is_array()) return BadField(field, "is not a list");
  for (std::size_t i = 0; i < list->size(); ++i) {
    SHOJI_ASSIGN_OR_RETURN(Hook hook, ReadHook((*list)[i], field + "[" + std::to_string(i) + "]"));
    out->push_back(std::move(hook));
  }
  return OkStatus();
}

Status AddSpecHooks(const std::string& text, HostHooks* out) {
  const json spec = json::parse(text, nullptr, false);
  if (!spec.is_object()) return InvalidArgument("OCI specification is not a JSON object");
  const auto hooks = spec.find("hooks");
  if (hooks == spec.end() || hooks->is_null()) return OkStatus();
  if (!hooks->is_object()) return BadField("hooks", "is not an object");
  SHOJI_RETURN_IF_ERROR(AddHooks(*hooks, "prestart", &out->hooks.prestart));
  SHOJI_RETURN_IF_ERROR(AddHooks(*hooks, "createRuntime", &out->create_runtime));
  SHOJI_RETURN_IF_ERROR(AddHooks(*hooks, "poststart", &out->hooks.poststart));
  SHOJI_RETURN_IF_ERROR(AddHooks(*hooks, "poststop", &out->hooks.poststop));
  return AddHooks(*hooks, "createContainer", &out->create_container);
}

Status CheckAll(const std::vector<Hook>& hooks, const std::string& kind) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    SHOJI_RETURN_IF_ERROR(CheckHook(hooks[i], "hooks." + kind + "[" + std::to_string(i) + "]"));
  }
  return OkStatus();
}

void Append(const std::vector<Hook>& from, std::vector<Hook>* to) {
  to->insert(to->end(), from.begin(), from.end());
}

// A file and not a pipe: a hook that does not read its input holds nobody up.
Result<UniqueFd> StateFile(const std::string& text) {
  UniqueFd file(memfd_create("state", MFD_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "cannot make a file for the state");
  SHOJI_RETURN_IF_ERROR(WriteAll(file.get(), text));
  if (lseek(file.get(), 0, SEEK_SET) < 0) return ErrnoStatus(errno, "cannot rewind the state");
  return file;
}

// The end of what it said, on one line.
std::string LastWords(const std::string& output) {
  std::string text(Trim(output));
  if (text.size() > kLastWords) text = "..." + text.substr(text.size() - kLastWords);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text.empty() ? text : ": " + text;
}

Status RunHook(const Hook& hook, const std::string& state, std::chrono::nanoseconds limit) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd input, StateFile(state));
  if (hook.timeout_s != 0) limit = std::chrono::seconds(hook.timeout_s);
  SpawnOptions options;
  options.program = hook.path;
  options.argv = hook.args;
  if (options.argv.empty() || options.argv[0].empty()) options.argv = {hook.path};
  options.env = hook.envs;
  options.only_env = true;
  options.fds = {{input.get(), STDIN_FILENO}};
  options.new_session = true;
  const auto run = RunCommand(options, Deadline::After(limit));
  if (!run.ok() && run.status().code() == StatusCode::kDeadlineExceeded) {
    return DeadlineExceeded(
        "it does not end within " +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
        " s and was killed with its process group");
  }
  SHOJI_RETURN_IF_ERROR(run.status());
  if (run->exit.code == 0 && run->exit.signal == 0) return OkStatus();
  return Aborted(run->exit.ToString() + LastWords(run->output));
}

Status RunNamed(const std::vector<Hook>& hooks, std::size_t index, const std::string& kind,
                const HookState& state, std::chrono::nanoseconds limit) {
  return RunHook(hooks[index], FormatState(state), limit)
      .WithContext(kind + " hook " + std::to_string(index) + " (" + hooks[index].path +
                   ") of container \"" + state.id + "\"");
}

}  // namespace

Result<HostHooks> HooksOf(const ContainerConfig& config) {
  HostHooks out;
  try {
    if (!config.oci_spec.empty()) SHOJI_RETURN_IF_ERROR(AddSpecHooks(config.oci_spec, &out));
  } catch (const std::exception& e) {
    return InvalidArgument(std::string("a hook of the OCI specification has a field of the wrong "
                                       "type: ") +
                           e.what());
  }
  Append(config.hooks.prestart, &out.hooks.prestart);
  Append(config.hooks.poststart, &out.hooks.poststart);
  Append(config.hooks.poststop, &out.hooks.poststop);
  SHOJI_RETURN_IF_ERROR(CheckAll(out.hooks.prestart, "prestart"));
  SHOJI_RETURN_IF_ERROR(CheckAll(out.create_runtime, "createRuntime"));
  SHOJI_RETURN_IF_ERROR(CheckAll(out.create_container, "createContainer"));
  SHOJI_RETURN_IF_ERROR(CheckAll(out.hooks.poststart, "poststart"));
  SHOJI_RETURN_IF_ERROR(CheckAll(out.hooks.poststop, "poststop"));
  return out;
}

std::string FormatState(const HookState& state) {
  json out = {{"ociVersion", kOciVersion},
              {"id", state.id},
              {"status", state.status},
              {"bundle", state.bundle}};
  if (state.pid > 0) out["pid"] = state.pid;
  if (!state.annotations.empty()) out["annotations"] = state.annotations;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status RunHooks(const std::vector<Hook>& hooks, const std::string& kind, const HookState& state,
                std::chrono::nanoseconds limit) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    SHOJI_RETURN_IF_ERROR(RunNamed(hooks, i, kind, state, limit));
  }
  return OkStatus();
}

void RunAllHooks(const std::vector<Hook>& hooks, const std::string& kind, const HookState& state,
                 std::chrono::nanoseconds limit,
                 const std::function<void(const std::string&)>& report) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const Status status = RunNamed(hooks, i, kind, state, limit);
    if (!status.ok()) report(status.message());
  }
}

}  // namespace shoji
