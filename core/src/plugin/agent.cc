#include <algorithm>
#include <cstring>

#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

// AgentStorage values in the ABI's form; valid as long as they are.
class StorageList {
 public:
  explicit StorageList(const std::vector<AgentStorage>& storages) {
    for (const AgentStorage& storage : storages) Add(storage);
    for (const Item& item : items_) pointers_.push_back(&item.raw);
  }
  StorageList(const StorageList&) = delete;
  StorageList& operator=(const StorageList&) = delete;

  const shoji_storage* const* data() const { return pointers_.data(); }
  std::uint32_t size() const { return Count(pointers_.size()); }

 private:
  struct Item {
    std::vector<shoji_str> options;
    std::vector<shoji_str> driver_options;
    shoji_storage raw{};
  };

  void Add(const AgentStorage& storage) {
    Item item{ToStrs(storage.options), ToStrs(storage.driver_options), {}};
    item.raw.struct_size = sizeof(shoji_storage);
    item.raw.option_count = Count(item.options.size());
    item.raw.driver_option_count = Count(item.driver_options.size());
    item.raw.driver = ToStr(storage.driver);
    item.raw.source = ToStr(storage.source);
    item.raw.fstype = ToStr(storage.fstype);
    item.raw.mount_point = ToStr(storage.mount_point);
    item.raw.options = item.options.data();
    item.raw.driver_options = item.driver_options.data();
    items_.push_back(std::move(item));  // a moved vector keeps its buffer
  }

  std::vector<Item> items_;
  std::vector<const shoji_storage*> pointers_;
};

// The same for AgentDevice.
class DeviceList {
 public:
  explicit DeviceList(const std::vector<AgentDevice>& devices) {
    options_.reserve(devices.size());
    raw_.reserve(devices.size());
    for (const AgentDevice& device : devices) {
      options_.push_back(ToStrs(device.options));
      shoji_agent_device raw{};
      raw.struct_size = sizeof(raw);
      raw.option_count = Count(options_.back().size());
      raw.id = ToStr(device.id);
      raw.type = ToStr(device.type);
      raw.vm_path = ToStr(device.vm_path);
      raw.container_path = ToStr(device.container_path);
      raw.options = options_.back().data();
      raw_.push_back(raw);
      pointers_.push_back(&raw_.back());
    }
  }
  DeviceList(const DeviceList&) = delete;
  DeviceList& operator=(const DeviceList&) = delete;

  const shoji_agent_device* const* data() const { return pointers_.data(); }
  std::uint32_t size() const { return Count(pointers_.size()); }

 private:
  std::vector<std::vector<shoji_str>> options_;
  std::vector<shoji_agent_device> raw_;
  std::vector<const shoji_agent_device*> pointers_;
};

shoji_process_ref ToRef(const ProcessRef& process) {
  return {ToStr(process.container_id), ToStr(process.exec_id)};
}

// Writes into the caller's buffer without a copy between.
struct BufferSink {
  char* buffer;
  std::size_t size;
  std::size_t used = 0;

  static std::int32_t Write(void* ctx, const void* data, std::uint64_t size) noexcept {
    auto* self = static_cast<BufferSink*>(ctx);
    if (size > self->size - self->used) return SHOJI_RESOURCE_EXHAUSTED;
    if (size > 0) std::memcpy(self->buffer + self->used, data, static_cast<std::size_t>(size));
    self->used += static_cast<std::size_t>(size);
    return SHOJI_OK;
  }
};

using ReadSlot = std::int32_t (*)(shoji_agent*, const shoji_call*, shoji_process_ref, std::uint32_t,
                                  const shoji_sink*, shoji_error*);

struct Reader {
  const std::string& plugin;
  const char* slot_name;
  ReadSlot slot;
};

Result<std::size_t> Read(const Reader& reader, shoji_agent* handle, const Call& call,
                         const ProcessRef& process, BufferSink target) {
  if (reader.slot == nullptr) return NoSlot(reader.plugin, reader.slot_name);
  const shoji_sink sink = {sizeof(shoji_sink), 0, &target, BufferSink::Write};
  const auto max = static_cast<std::uint32_t>(std::min<std::size_t>(target.size, UINT32_MAX));
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = reader.slot(handle, arg.get(), ToRef(process), max, &sink, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(reader.plugin, reader.slot_name, code));
  return target.used;
}

}  // namespace

// Calls slot `slot` with the handle, the call and what follows, then the error.
#define SHOJI_AGENT_CALL(slot, ...)                                               \
  if (!SHOJI_HAS_SLOT(shoji_agent_v1, table_, slot)) return NoSlot(name_, #slot); \
  const CallArg arg(call);                                                        \
  PluginError error;                                                              \
  Status status = error.ToStatus(                                                 \
      name_, #slot, table_->slot(handle_, arg.get() __VA_OPT__(, ) __VA_ARGS__, error.get()))

Agent::Agent(const shoji_agent_v1* table, shoji_agent* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Agent::~Agent() {
  if (SHOJI_HAS_SLOT(shoji_agent_v1, table_, close)) table_->close(handle_);
}

Status Agent::Check(const Call& call) {
  SHOJI_AGENT_CALL(check);
  return status;
}

Result<std::string> Agent::GuestDetails(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_CALL(guest_details, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::CreateSandbox(const Call& call, const SandboxRequest& request) {
  const std::vector<shoji_str> dns = ToStrs(request.dns);
  const StorageList storages(request.storages);
  shoji_sandbox_request raw{};
  raw.struct_size = sizeof(raw);
  raw.sandbox_id = ToStr(request.sandbox_id);
  raw.hostname = ToStr(request.hostname);
  raw.dns = dns.data();
  raw.dns_count = Count(dns.size());
  raw.storages = storages.data();
  raw.storage_count = storages.size();
  raw.flags = request.shared_pid_namespace ? SHOJI_SANDBOX_SHARED_PIDNS : 0;
  raw.guest_hook_path = ToStr(request.guest_hook_path);
  SHOJI_AGENT_CALL(create_sandbox, &raw);
  return status;
}

Status Agent::DestroySandbox(const Call& call) {
  SHOJI_AGENT_CALL(destroy_sandbox);
  return status;
}

Status Agent::CreateContainer(const Call& call, const ContainerRequest& request) {
  const StorageList storages(request.storages);
  shoji_container_request raw{};
  raw.struct_size = sizeof(raw);
  raw.container_id = ToStr(request.container_id);
  raw.exec_id = ToStr(request.container_id);
  raw.spec_json = ToStr(request.spec_json);
  raw.storages = storages.data();
  raw.storage_count = storages.size();
  const DeviceList devices(request.devices);
  raw.devices = devices.data();
  raw.device_count = devices.size();
  raw.flags = request.shared_pid_namespace ? SHOJI_SANDBOX_SHARED_PIDNS : 0;
  SHOJI_AGENT_CALL(create_container, &raw);
  return status;
}

Status Agent::StartContainer(const Call& call, const std::string& container_id) {
  SHOJI_AGENT_CALL(start_container, ToStr(container_id));
  return status;
}

Status Agent::RemoveContainer(const Call& call, const std::string& container_id,
                              std::uint32_t timeout_s) {
  SHOJI_AGENT_CALL(remove_container, ToStr(container_id), timeout_s);
  return status;
}

Status Agent::ExecProcess(const Call& call, const ProcessRef& process,
                          const std::string& process_json) {
  shoji_exec_request raw{};
  raw.struct_size = sizeof(raw);
  raw.container_id = ToStr(process.container_id);
  raw.exec_id = ToStr(process.exec_id);
  raw.process_json = ToStr(process_json);
  SHOJI_AGENT_CALL(exec_process, &raw);
  return status;
}

Status Agent::SignalProcess(const Call& call, const ProcessRef& process, int signal) {
  SHOJI_AGENT_CALL(signal_process, ToRef(process), static_cast<std::uint32_t>(signal));
  return status;
}

Result<std::int32_t> Agent::WaitProcess(const Call& call, const ProcessRef& process) {
  std::int32_t exit_status = 0;
  SHOJI_AGENT_CALL(wait_process, ToRef(process), &exit_status);
  if (!status.ok()) return status;
  return exit_status;
}

Result<std::size_t> Agent::WriteStdin(const Call& call, const ProcessRef& process,
                                      std::string_view data) {
  std::uint64_t written = 0;
  SHOJI_AGENT_CALL(write_stdin, ToRef(process), ToStr(data), &written);
  if (!status.ok()) return status;
  if (written > data.size()) {
    return Internal("plugin " + name_ + ": call write_stdin took " + std::to_string(written) +
                    " of " + std::to_string(data.size()) + " bytes");
  }
  return static_cast<std::size_t>(written);
}

Status Agent::CloseStdin(const Call& call, const ProcessRef& process) {
  SHOJI_AGENT_CALL(close_stdin, ToRef(process));
  return status;
}

Result<std::size_t> Agent::ReadStdout(const Call& call, const ProcessRef& process, char* buffer,
                                      std::size_t size) {
  const ReadSlot slot =
      SHOJI_HAS(shoji_agent_v1, table_, read_stdout) ? table_->read_stdout : nullptr;
  return Read({name_, "read_stdout", slot}, handle_, call, process, {buffer, size});
}

Result<std::size_t> Agent::ReadStderr(const Call& call, const ProcessRef& process, char* buffer,
                                      std::size_t size) {
  const ReadSlot slot =
      SHOJI_HAS(shoji_agent_v1, table_, read_stderr) ? table_->read_stderr : nullptr;
  return Read({name_, "read_stderr", slot}, handle_, call, process, {buffer, size});
}

Status Agent::TtyWinResize(const Call& call, const ProcessRef& process, std::uint32_t rows,
                           std::uint32_t columns) {
  SHOJI_AGENT_CALL(tty_win_resize, ToRef(process), rows, columns);
  return status;
}

Status Agent::ReseedRandom(const Call& call, std::string_view data) {
  SHOJI_AGENT_CALL(reseed_random, ToStr(data));
  return status;
}

Status Agent::SetTime(const Call& call, std::int64_t seconds, std::int64_t microseconds) {
  SHOJI_AGENT_CALL(set_time, seconds, microseconds);
  return status;
}

#undef SHOJI_AGENT_CALL

}  // namespace shoji
