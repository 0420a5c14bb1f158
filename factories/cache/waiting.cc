#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "warm.h"

namespace shoji::cache {
namespace {

constexpr std::chrono::seconds kMakeLimit{120};
constexpr std::chrono::seconds kUndoLimit{20};
// For a guest to notice that its client has left, before it stands still.
constexpr int kFarewellMs = 100;

shoji_call CallFor(std::chrono::nanoseconds limit, int cancel_fd) {
  shoji_call call{};
  call.struct_size = sizeof call;
  call.cancel_fd = cancel_fd;
  call.deadline_ns = Deadline::After(limit).nanos();
  return call;
}

Status Code(std::int32_t code) { return code == SHOJI_OK ? OkStatus() : sdk::Told(code); }

bool Readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return fd >= 0 && poll(&entry, 1, 0) > 0;
}

std::int64_t FirstNumber(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<Base>> Base::Open(const sdk::Host& host, const std::string& id,
                                         shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(
      const auto found,
      sdk::FindPlugin<shoji_factory_v1>(host, "factory", sdk::ToStr(id), SHOJI_FACTORY_V1, error));
  const auto server = sdk::FindPlugin<shoji_factory_server_v1>(host, "factory", sdk::ToStr(id),
                                                               SHOJI_FACTORY_SERVER_V1, nullptr);
  shoji_factory* factory = nullptr;
  SHOJI_RETURN_IF_ERROR(Code(found.table->open(found.plugin, found.options, &factory, error)));
  return std::unique_ptr<Base>(
      new Base(id, found.table, factory, server.ok() ? server->table : nullptr));
}

Base::~Base() { table_->close(factory_); }

Result<shoji_new_vm> Base::New(const shoji_call* call, const shoji_vm_request& request,
                               shoji_error* error) const {
  shoji_new_vm made{};
  made.struct_size = sizeof made;
  SHOJI_RETURN_IF_ERROR(Code(table_->new_vm(factory_, call, &request, &made, error)));
  return made;
}

Status Base::Prepare(const shoji_call* call, const shoji_vm_request& request,
                     shoji_error* error) const {
  if (!SHOJI_HAS_SLOT(shoji_factory_server_v1, server_, prepare)) return OkStatus();
  return Code(server_->prepare(factory_, call, &request, error));
}

Status Base::Destroy(const shoji_call* call, shoji_error* error) const {
  return Code(table_->destroy(factory_, call, error));
}

Waiting::Waiting(const sdk::Host& host, Place place, Wanted made)
    : host_(host), place_(std::move(place)), made_(std::move(made)) {}

Waiting::~Waiting() {
  if (vm_ == nullptr) return;
  const shoji_call call = CallFor(kUndoLimit, -1);
  if (hypervisor_->destroy(std::exchange(vm_, nullptr), &call, nullptr) != SHOJI_OK) {
    host_.Log(SHOJI_LOG_ERROR, "a VM that waited could not be removed entirely");
  }
  static_cast<void>(place_.Remove());
}

template <typename Table>
const Table* Waiting::Extension(const char* id) const {
  return static_cast<const Table*>(hypervisor_->get_extension(vm_, id));
}

// Takes the handle over and looks at what it can do.
Status Waiting::Adopt(shoji_vm* vm, shoji_error* error) {
  vm_ = vm;
  abilities_.hotplug = Extension<void>(SHOJI_HYPERVISOR_HOTPLUG_V1) != nullptr;
  abilities_.resize = Extension<void>(SHOJI_HYPERVISOR_RESIZE_V1) != nullptr;
  gone_.reset(fcntl(hypervisor_->wait_fd(vm_), F_DUPFD_CLOEXEC, 0));
  if (!gone_) return ErrnoStatus(errno, "cannot watch a VM");
  std::string pids;
  const shoji_sink pid_sink = sdk::SinkTo(&pids);
  SHOJI_RETURN_IF_ERROR(Code(hypervisor_->pids(vm_, &pid_sink, error)));
  pid_ = FirstNumber(pids);
  state_.clear();
  const shoji_sink state_sink = sdk::SinkTo(&state_);
  return Code(hypervisor_->save_state(vm_, &state_sink, error));
}

Result<std::unique_ptr<Waiting>> Waiting::Make(const sdk::Host& host, const Base& base,
                                               const Wanted& wanted, const std::string& run_dir,
                                               int stop_fd, bool warm_up, shoji_error* error) {
  const shoji_call call = CallFor(kMakeLimit, stop_fd);
  SHOJI_ASSIGN_OR_RETURN(Place place, Place::Make(run_dir, !wanted.shares().empty()));
  const std::string id = place.id();
  const RequestFor request(wanted, id, place.dir());
  std::unique_ptr<Waiting> out(new Waiting(host, std::move(place), wanted));
  const shoji_vm_request& raw = request.get();
  SHOJI_ASSIGN_OR_RETURN(const auto hypervisors,
                         sdk::FindPlugin<shoji_hypervisor_v1>(host, "hypervisor", raw.hypervisor_id,
                                                              SHOJI_HYPERVISOR_V1, error));
  SHOJI_ASSIGN_OR_RETURN(
      const auto proxies,
      sdk::FindPlugin<shoji_proxy_v1>(host, "proxy", raw.proxy_id, SHOJI_PROXY_V1, error));
  SHOJI_ASSIGN_OR_RETURN(
      const auto agents,
      sdk::FindPlugin<shoji_agent_v1>(host, "agent", raw.agent_id, SHOJI_AGENT_V1, error));
  out->hypervisor_ = hypervisors.table;
  SHOJI_ASSIGN_OR_RETURN(const shoji_new_vm made, base.New(&call, raw, error));
  if (made.boot_vcpus != 0) out->made_.SetSize(made.boot_vcpus, made.boot_memory_bytes);
  const Status adopted = out->Adopt(made.vm, error);
  const WarmVm warm{hypervisors.table, made.vm, agents.table, made.agent};
  const Status warmed =
      adopted.ok() && warm_up ? Warm(host, warm, out->place_, wanted, &call, error) : OkStatus();
  const Status left = out->LeaveAlone(proxies, agents, made, &call, stop_fd, error);
  SHOJI_RETURN_IF_ERROR(adopted);
  SHOJI_RETURN_IF_ERROR(warmed);
  SHOJI_RETURN_IF_ERROR(left);
  // For who takes it over and never hears our answer.
  SHOJI_RETURN_IF_ERROR(WriteFile(out->place_.dir() + "/state", out->state_, 0600));
  return out;
}

// Its agent's channel serves one client at a time, and that will be another one.
Status Waiting::LeaveAlone(const sdk::OtherPlugin<shoji_proxy_v1>& proxies,
                           const sdk::OtherPlugin<shoji_agent_v1>& agents, const shoji_new_vm& made,
                           const shoji_call* call, int stop_fd, shoji_error* error) {
  agents.table->close(made.agent);
  SHOJI_RETURN_IF_ERROR(Code(proxies.table->stop(made.proxy, call, error)));
  pollfd stop{stop_fd, POLLIN, 0};
  if (poll(&stop, 1, kFarewellMs) > 0) return Cancelled("no VM is kept any more");
  const auto* pause = Extension<shoji_hypervisor_pause_v1>(SHOJI_HYPERVISOR_PAUSE_V1);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, pause, resume)) return OkStatus();
  return Code(pause->pause(vm_, call, error));
}

Result<std::unique_ptr<Waiting>> Waiting::Attach(const sdk::Host& host, Place place,
                                                 const shoji_vm_request& request,
                                                 const std::string& state, Wanted made,
                                                 shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(const auto hypervisors, sdk::FindPlugin<shoji_hypervisor_v1>(
                                                     host, "hypervisor", request.hypervisor_id,
                                                     SHOJI_HYPERVISOR_V1, error));
  std::unique_ptr<Waiting> out(new Waiting(host, std::move(place), std::move(made)));
  out->hypervisor_ = hypervisors.table;
  const shoji_call call = CallFor(kUndoLimit, -1);
  shoji_vm* vm = nullptr;
  const std::int32_t code =
      hypervisors.table->attach(request.hypervisor, &call, sdk::ToStr(state), &vm, error);
  out->vm_ = vm;  // also of one that is gone, to be cleaned up
  SHOJI_RETURN_IF_ERROR(Code(code));
  SHOJI_RETURN_IF_ERROR(out->Adopt(vm, error));
  return out;
}

bool Waiting::alive() const { return vm_ != nullptr && !Readable(gone_.get()); }

shoji_vm* Waiting::Release() { return std::exchange(vm_, nullptr); }

// With QEMU come the helpers that were started for it: a virtiofsd for each share.
std::vector<UniqueFd> Waiting::GiveAway() {
  std::vector<UniqueFd> processes;
  std::string pids;
  const shoji_sink sink = sdk::SinkTo(&pids);
  static_cast<void>(hypervisor_->pids(vm_, &sink, nullptr));
  for (const std::string& line : Split(pids, '\n')) {
    const std::int64_t pid = FirstNumber(line);
    if (pid <= 0 || pid == pid_) continue;
    UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (process) processes.push_back(std::move(process));
  }
  hypervisor_->close_vm(std::exchange(vm_, nullptr));
  place_.Keep();
  processes.push_back(std::move(gone_));
  return processes;
}

}  // namespace shoji::cache
