#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxState = 64U << 10U;

}  // namespace

Vm::Vm(const shoji_hypervisor_v1* table, shoji_vm* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Vm::~Vm() {
  if (handle_ != nullptr && SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, close_vm)) {
    table_->close_vm(handle_);
  }
}

Status Vm::Stop(const Call& call, bool force) {
  if (handle_ == nullptr) return NoHandle(name_, "stop");
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, stop)) return NoSlot(name_, "stop");
  const CallArg arg(call);
  PluginError error;
  const std::uint32_t flags = force ? SHOJI_VM_STOP_FORCE : 0;
  return error.ToStatus(name_, "stop", table_->stop(handle_, arg.get(), flags, error.get()));
}

int Vm::wait_fd() const {
  if (handle_ == nullptr || !SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, wait_fd)) return -1;
  return table_->wait_fd(handle_);
}

Result<std::vector<std::int32_t>> Vm::Pids() {
  if (handle_ == nullptr) return NoHandle(name_, "pids");
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, pids)) return NoSlot(name_, "pids");
  TextSink sink(kMaxState);
  PluginError error;
  SHOJI_RETURN_IF_ERROR(
      error.ToStatus(name_, "pids", table_->pids(handle_, sink.get(), error.get())));
  std::vector<std::int32_t> pids;
  for (const std::string& line : Split(sink.text(), '\n')) {
    if (line.empty()) continue;
    const Result<std::int64_t> pid = ParseInt(line);
    if (!pid.ok() || *pid < 1 || *pid > INT32_MAX) {
      return Internal("plugin " + name_ + ": call pids gave \"" + OneLine(line) +
                      "\", not a process id");
    }
    pids.push_back(static_cast<std::int32_t>(*pid));
  }
  return pids;
}

Result<std::string> Vm::AgentEndpoint() {
  if (handle_ == nullptr) return NoHandle(name_, "agent_endpoint");
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, agent_endpoint)) {
    return NoSlot(name_, "agent_endpoint");
  }
  TextSink sink(kMaxText);
  PluginError error;
  const std::int32_t code = table_->agent_endpoint(handle_, sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "agent_endpoint", code));
  return sink.Take();
}

std::string Vm::LastWords() {
  if (handle_ == nullptr || !SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, last_words)) return {};
  TextSink sink(kMaxText);
  PluginError error;
  // A failure here must not hide the one whose reason is asked for.
  (void)table_->last_words(handle_, sink.get(), error.get());
  return sink.Take();
}

Result<std::string> Vm::SaveState() {
  if (handle_ == nullptr) return NoHandle(name_, "save_state");
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, save_state)) return NoSlot(name_, "save_state");
  TextSink sink(kMaxState);
  PluginError error;
  const std::int32_t code = table_->save_state(handle_, sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "save_state", code));
  return sink.Take();
}

Status Vm::Destroy(const Call& call) {
  if (handle_ == nullptr) return OkStatus();
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, destroy)) return NoSlot(name_, "destroy");
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code =
      table_->destroy(std::exchange(handle_, nullptr), arg.get(), error.get());
  return error.ToStatus(name_, "destroy", code);
}

}  // namespace shoji
