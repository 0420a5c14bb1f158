#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxState = 4U << 10U;

}  // namespace

Proxy::Proxy(const shoji_proxy_v1* table, shoji_proxy* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Proxy::~Proxy() {
  if (handle_ != nullptr && SHOJI_HAS_SLOT(shoji_proxy_v1, table_, release)) {
    table_->release(handle_);
  }
}

Result<Proxy::Info> Proxy::GetInfo() {
  if (handle_ == nullptr) return NoHandle(name_, "info");
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, table_, info)) return NoSlot(name_, "info");
  TextSink sink(kMaxText);
  PluginError error;
  Info info;
  const std::int32_t code = table_->info(handle_, &info.pid, sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "info", code));
  info.url = sink.Take();
  return info;
}

Result<std::string> Proxy::SaveState() {
  if (handle_ == nullptr) return NoHandle(name_, "save_state");
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, table_, save_state)) return NoSlot(name_, "save_state");
  TextSink sink(kMaxState);
  PluginError error;
  const std::int32_t code = table_->save_state(handle_, sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "save_state", code));
  return sink.Take();
}

Status Proxy::Stop(const Call& call) {
  if (handle_ == nullptr) return OkStatus();
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, table_, stop)) return NoSlot(name_, "stop");
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->stop(std::exchange(handle_, nullptr), arg.get(), error.get());
  return error.ToStatus(name_, "stop", code);
}

}  // namespace shoji
