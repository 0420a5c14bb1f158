#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {

Shim::Shim(const shoji_shim_v1* table, void* plugin, const shoji_options* options, std::string name)
    : table_(table), plugin_(plugin), options_(options), name_(std::move(name)) {}

Result<std::int32_t> Shim::Start(const Call& call, const Params& params) {
  if (!SHOJI_HAS_SLOT(shoji_shim_v1, table_, start)) return NoSlot(name_, "start");
  shoji_shim_params raw{};
  raw.struct_size = sizeof(raw);
  raw.flags =
      (params.terminal ? SHOJI_SHIM_TERMINAL : 0U) | (params.detach ? SHOJI_SHIM_DETACH : 0U);
  raw.sandbox_id = ToStr(params.sandbox_id);
  raw.container_id = ToStr(params.container_id);
  raw.exec_id = ToStr(params.exec_id);
  raw.proxy_url = ToStr(params.proxy_url);
  raw.console = ToStr(params.console);
  raw.netns = ToStr(params.netns);
  raw.join_pid = params.join_pid;
  raw.token = ToStr(params.token);
  const CallArg arg(call);
  PluginError error;
  std::int32_t pid = SHOJI_SHIM_BUILT_IN;
  const std::int32_t code = table_->start(plugin_, options_, arg.get(), &raw, &pid, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "start", code));
  return pid;
}

Status Shim::Signal(const Call& call, const Params& params, std::int32_t pid, int signal) {
  if (!can_signal()) return Unavailable("shim " + name_ + " passes no signals on");
  shoji_shim_params raw{};
  raw.struct_size = sizeof(raw);
  raw.sandbox_id = ToStr(params.sandbox_id);
  raw.container_id = ToStr(params.container_id);
  raw.exec_id = ToStr(params.exec_id);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code =
      table_->signal(plugin_, options_, arg.get(), &raw, pid, signal, error.get());
  return error.ToStatus(name_, "signal", code);
}

Status Shim::Stop(const Call& call, std::int32_t pid) {
  if (!SHOJI_HAS_SLOT(shoji_shim_v1, table_, stop)) return NoSlot(name_, "stop");
  const CallArg arg(call);
  PluginError error;
  return error.ToStatus(name_, "stop", table_->stop(plugin_, arg.get(), pid, error.get()));
}

}  // namespace shoji
