#include "store.h"

#include "patience.h"

namespace shoji::oneprocess {
namespace {

std::int32_t AppendTo(void* ctx, const void* data, std::uint64_t size) noexcept {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                         static_cast<std::size_t>(size));
  return SHOJI_OK;
}

Result<std::string> DefaultPath(const sdk::Host& host, const std::string& engine) {
  const auto* dirs = host.Service<shoji_dirs_v1>(SHOJI_DIRS_V1);
  std::string dir;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &dir, AppendTo};
  if (!SHOJI_HAS_SLOT(shoji_dirs_v1, dirs, path) ||
      dirs->path(host.raw(), SHOJI_DIR_STATE, &sink, nullptr) != SHOJI_OK || dir.empty()) {
    return FailedPrecondition("the host names no state directory; set store." + engine + ".path");
  }
  return dir + "/" + engine;
}

// During a long scan; before the work the SDK looks.
Status CheckInTime(const Patience& patience) {
  if (!patience.callers || !patience.deadline.passed()) return OkStatus();
  return DeadlineExceeded("the deadline of the call has passed");
}

}  // namespace

Result<StoreSettings> SettingsOf(const sdk::Host& host, const sdk::OptionMap& options,
                                 std::string_view engine) {
  StoreSettings settings;
  settings.path = options.Get("path");
  if (settings.path.empty()) {
    SHOJI_ASSIGN_OR_RETURN(settings.path, DefaultPath(host, std::string(engine)));
  }
  if (!options.Get("lock_timeout").empty()) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t timeout, options.GetNumber("lock_timeout"));
    settings.lock_timeout = std::chrono::nanoseconds(timeout);
  }
  return settings;
}

template <typename Work>
Status Store::With(Access access, const shoji_call* call, Work work) {
  const Patience patience = Patience::Of(call, settings_.lock_timeout);
  SHOJI_ASSIGN_OR_RETURN(Engine* const engine, shared_->Enter(access, patience, settings_.opener));
  Status status;
  try {
    status = work(*engine);
  } catch (...) {  // e.g. no memory for the value: the engine must be left all the same
    shared_->Leave(access, Internal(""));
    throw;
  }
  shared_->Leave(access, status);
  return status;
}

Status Store::Save(const shoji_call* call, std::string_view key, std::string_view value) {
  return Apply(call, {{false, key, value}});
}

Result<std::string> Store::Load(const shoji_call* call, std::string_view key) {
  std::string value;
  const Status status = With(Access::kRead, call, [&](Engine& engine) -> Status {
    SHOJI_ASSIGN_OR_RETURN(value, engine.Get(key));
    return OkStatus();
  });
  if (!status.ok()) return status;
  return value;
}

Status Store::Remove(const shoji_call* call, std::string_view key) {
  return Apply(call, {{true, key, {}}});
}

Result<std::vector<std::string>> Store::Scan(const shoji_call* call, std::string_view prefix) {
  constexpr std::size_t kCheckEvery = 1024;
  const Patience patience = Patience::Of(call, settings_.lock_timeout);
  std::vector<std::string> keys;
  Status late;
  Status status = With(Access::kRead, call, [&](Engine& engine) {
    return engine.Walk(prefix, [&](std::string_view key) {
      if (key.substr(0, prefix.size()) != prefix) return false;
      keys.emplace_back(key);
      if (keys.size() % kCheckEvery == 0) late = CheckInTime(patience);
      return late.ok();
    });
  });
  if (status.ok()) status = std::move(late);
  if (!status.ok()) return status;
  return keys;
}

Status Store::Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops) {
  return With(Access::kWrite, call, [&](Engine& engine) { return engine.Write(ops); });
}

}  // namespace shoji::oneprocess
