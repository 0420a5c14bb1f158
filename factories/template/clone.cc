#include "clone.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/sdk/other_plugin.h"
#include "shoji/sdk/wait.h"
#include "workshop.h"

namespace shoji::templates {
namespace {

using factories::Assembly;

// What a guest touches of its memory while it boots, at least.
constexpr std::uint64_t kBootTouches = 96U << 20U;
// A guest is quiet when its CPUs worked less than a tenth of the time, some looks in a row.
constexpr std::int64_t kSettleNanos = 30'000'000;
constexpr std::uint64_t kQuietNanos = 3'000'000;
constexpr int kQuietLooks = 4;
constexpr int kSettleLooks = 40;

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

// As far as the caller's struct goes.
shoji_vm_config CopyOf(const shoji_vm_config& config) {
  shoji_vm_config copy{};
  std::memcpy(&copy, &config, std::min<std::size_t>(config.struct_size, sizeof copy));
  copy.struct_size = sizeof copy;
  return copy;
}

// A VM that is not started: the optional interfaces hang on VMs.
class Probe {
 public:
  Probe(const Assembly& vm, const shoji_vm_request& request, const shoji_call* call,
        const shoji_vm_config& config, shoji_error* error)
      : table_(vm.hypervisor()),
        code_(table_.create(request.hypervisor, call, &config, &vm_, error)) {}
  ~Probe() {
    if (vm_ != nullptr) table_.close_vm(vm_);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  Status status() const { return Assembly::Code(code_); }
  template <typename Table>
  const Table* Get(const char* id) const {
    return static_cast<const Table*>(table_.get_extension(vm_, id));
  }

 private:
  const shoji_hypervisor_v1& table_;
  shoji_vm* vm_ = nullptr;
  const std::int32_t code_;
};

std::uint64_t FreeMemory() {
  const auto text = ReadFile("/proc/meminfo", 1U << 20U);
  for (const std::string& line : text.ok() ? Split(*text, '\n') : std::vector<std::string>()) {
    constexpr std::string_view kName = "MemAvailable:";
    if (!line.starts_with(kName)) continue;
    const auto words = Split(Trim(line.substr(kName.size())), ' ');
    const auto kilobytes = words.empty() ? Result<std::int64_t>(0) : ParseInt(words[0]);
    return kilobytes.ok() ? static_cast<std::uint64_t>(*kilobytes) << 10U : 0;
  }
  return UINT64_MAX;  // unknown
}

}  // namespace

shoji_vm_config CloneMaker::BareConfig(const std::string& memory) const {
  shoji_vm_config config = CopyOf(*request_.config);
  config.vcpus = base_.vcpus;
  config.memory_bytes = base_.memory_bytes;
  config.flags |= SHOJI_VM_MEMORY_FILE;
  config.memory_path = sdk::ToStr(memory);
  config.devices = nullptr;
  config.device_count = 0;
  return config;
}

Status CloneMaker::Look() {
  const shoji_vm_config asked = CopyOf(*request_.config);
  if ((asked.flags & SHOJI_VM_MEMORY_FILE) != 0) {
    return FailedPrecondition("it asks for a memory file of its own");
  }
  SHOJI_RETURN_IF_ERROR(shelf_.Open());
  Assembly vm(host_, call_, error_);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request_));
  const shoji_options* options = vm.hypervisor_options();
  wanted_ = base_ = BaseSize({asked.vcpus, asked.memory_bytes}, UsualSize(options), false);
  const std::string memory = shelf_.dir() + "/memory";
  shoji_vm_config config = BareConfig(memory);
  config.id = sdk::ToStr("template");
  config.run_dir = sdk::ToStr(shelf_.dir());
  config.shares = nullptr;
  config.share_count = 0;
  const Probe probe(vm, request_, call_, config, error_);
  SHOJI_RETURN_IF_ERROR(probe.status());
  snapshots_ = probe.Get<shoji_hypervisor_snapshot_v1>(SHOJI_HYPERVISOR_SNAPSHOT_V1);
  pausing_ = probe.Get<shoji_hypervisor_pause_v1>(SHOJI_HYPERVISOR_PAUSE_V1);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, snapshots_, await_agent_port) ||
      !SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, pausing_, resume)) {
    return Unimplemented("hypervisor \"" + sdk::String(request_.hypervisor_id) +
                         "\" cannot save VMs and tell when their agent is ready");
  }
  const bool hotplug = probe.Get<void>(SHOJI_HYPERVISOR_HOTPLUG_V1) != nullptr;
  if (asked.device_count > 0 && !hotplug) {
    return FailedPrecondition("this machine takes its " + std::to_string(asked.device_count) +
                              " devices (disks, network) only at boot");
  }
  const bool can_grow = probe.Get<void>(SHOJI_HYPERVISOR_RESIZE_V1) != nullptr;
  base_ = BaseSize(wanted_, UsualSize(options), can_grow);
  SHOJI_ASSIGN_OR_RETURN(recipe_, RecipeOf(request_, options, base_));
  return OkStatus();
}

// `why` is what is wrong with the one that is there.
Result<Stored> CloneMaker::FindOr(Status* why) const {
  auto found = shelf_.Find(recipe_);
  if (!found.ok()) *why = found.status();
  return found;
}

Result<Stored> CloneMaker::Obtain(const Limits& limits) {
  Status why;
  if (auto found = FindOr(&why); found.ok()) return found;
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, shelf_.LockMaker(recipe_, call_));
  if (auto found = FindOr(&why); found.ok()) return found;  // another process was quicker
  if (why.code() == StatusCode::kDataLoss) {
    host_.Log(SHOJI_LOG_INFO, why.message() + "; it is made again");
    Discard();
  }
  SHOJI_RETURN_IF_ERROR(MakeTemplate(limits));
  return shelf_.Find(recipe_);
}

void CloneMaker::Discard() {
  const Status gone = shelf_.Discard(recipe_);
  if (!gone.ok()) host_.Log(SHOJI_LOG_WARN, gone.message());
}

Status CloneMaker::CheckRoom(const Limits& limits) const {
  struct statvfs fs {};
  if (statvfs(shelf_.dir().c_str(), &fs) < 0) {
    return ErrnoStatus(errno, "directory \"" + shelf_.dir() + "\"");
  }
  const std::uint64_t need =
      base_.memory_bytes == 0 ? kBootTouches : std::min(kBootTouches, base_.memory_bytes);
  const std::uint64_t room = std::uint64_t{fs.f_bavail} * std::uint64_t{fs.f_frsize};
  if (room < need + limits.min_free) {
    return ResourceExhausted(InMiB(room) + " are free in \"" + shelf_.dir() + "\", a template " +
                             "takes " + InMiB(need) + " and leaves " + InMiB(limits.min_free) +
                             "; set factory.template.dir to where there is more");
  }
  const std::uint64_t memory = FreeMemory();
  if (memory >= 2 * need) return OkStatus();
  return ResourceExhausted("this machine has " + InMiB(memory) + " of free memory, too little " +
                           "for a template");
}

// The caller holds the maker's lock.
Status CloneMaker::MakeTemplate(const Limits& limits) {
  const std::int64_t begin = Deadline::NowNanos();
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, host_.Dir(SHOJI_DIR_RUN));
  ClearDeadWorkshops(run_dir);
  SHOJI_ASSIGN_OR_RETURN(const std::size_t others, shelf_.Collect(limits.templates - 1));
  if (others >= limits.templates) {
    return ResourceExhausted(std::to_string(others) + " templates are in use; raise " +
                             "factory.template.max_templates for another one");
  }
  SHOJI_RETURN_IF_ERROR(CheckRoom(limits));
  Status made = BootAndSave(shelf_.BegunPath(recipe_));
  if (made.ok()) made = shelf_.Finish(recipe_);
  if (!made.ok()) {
    static_cast<void>(shelf_.Drop(recipe_));
    return made;
  }
  const std::int64_t end = Deadline::NowNanos();
  host_.Span("template.make", begin, end);
  host_.Count("made");
  host_.Log(SHOJI_LOG_INFO, "made template \"" + shelf_.dir() + "/" + recipe_.key + "\" in " +
                                std::to_string((end - begin) / 1'000'000) + " ms");
  return OkStatus();
}

Status CloneMaker::BootAndSave(const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, host_.Dir(SHOJI_DIR_RUN));
  // Before the first file, so that whoever collects knows of it.
  SHOJI_ASSIGN_OR_RETURN(const Workshop shop, Workshop::Open(run_dir, dir));
  SHOJI_RETURN_IF_ERROR(shelf_.Begin(recipe_).status());
  const std::string memory = dir + "/memory";
  const std::string vm_dir = shop.vm_dir();
  shoji_vm_config config = BareConfig(memory);
  config.id = sdk::ToStr(shop.id());
  config.run_dir = sdk::ToStr(vm_dir);
  std::vector<std::string> paths(config.share_count);
  std::vector<shoji_share> shares(config.share_count);
  std::vector<const shoji_share*> list(config.share_count);
  for (std::uint32_t i = 0; i < config.share_count; ++i) {
    SHOJI_ASSIGN_OR_RETURN(paths[i], shop.Share(i));
    shares[i] = {sizeof(shoji_share), config.shares[i]->flags, config.shares[i]->tag,
                 sdk::ToStr(paths[i])};
    list[i] = &shares[i];
  }
  config.shares = list.data();
  Assembly vm(host_, call_, error_);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request_));
  SHOJI_RETURN_IF_ERROR(vm.Create(request_.hypervisor, config));
  SHOJI_RETURN_IF_ERROR(vm.Start());
  return Save(vm, dir);
}

// The agent waits, but what the kernel has put off while it booted every clone would do again.
Status CloneMaker::LetSettle(const Assembly& vm) const {
  const auto* table = vm.Extension<shoji_hypervisor_stats_v1>(SHOJI_HYPERVISOR_STATS_V1);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_stats_v1, table, stats)) return OkStatus();
  shoji_vm_stats before{};
  for (int look = 0, quiet = 0; look < kSettleLooks && quiet < kQuietLooks; ++look) {
    shoji_call pause = *sdk::CallView(call_).get();
    pause.deadline_ns = Deadline::NowNanos() + kSettleNanos;
    const Status waited = sdk::WaitUntilReady(&pause, -1, 0, "a guest that settles");
    if (waited.code() != StatusCode::kDeadlineExceeded) return waited;
    shoji_vm_stats now{};
    now.struct_size = sizeof now;
    const std::int32_t code = table->stats(vm.vm(), call_, &now, error_);
    if (code != SHOJI_OK) return vm.Explain(code);
    quiet = now.cpu_ns - before.cpu_ns < kQuietNanos ? quiet + 1 : 0;
    before = now;
  }
  return OkStatus();
}

// Nobody has spoken to the agent by then.
Status CloneMaker::Save(Assembly& vm, const std::string& dir) const {
  const std::int32_t ready = snapshots_->await_agent_port(vm.vm(), call_, error_);
  if (ready != SHOJI_OK) return vm.Explain(ready);
  SHOJI_RETURN_IF_ERROR(LetSettle(vm));
  SHOJI_RETURN_IF_ERROR(Assembly::Code(pausing_->pause(vm.vm(), call_, error_)));
  const std::string state = dir + "/state";
  const std::int32_t saved =
      snapshots_->save(vm.vm(), call_, sdk::ToStr(state), SHOJI_SNAPSHOT_SHARED_MEMORY, error_);
  return saved == SHOJI_OK ? OkStatus() : vm.Explain(saved);
}

Status CloneMaker::Restore(Assembly& vm, const Stored& stored) {
  shoji_vm_config config = BareConfig(stored.memory);
  shoji_vm* made = nullptr;
  const std::int64_t begin = Deadline::NowNanos();
  const std::int32_t code =
      snapshots_->restore(request_.hypervisor, call_, sdk::ToStr(stored.state), &config,
                          SHOJI_SNAPSHOT_SHARED_MEMORY, &made, error_);
  if (code == SHOJI_OK) vm.Adopt(made, begin);
  bad_template_ =
      code == SHOJI_DATA_LOSS || code == SHOJI_NOT_FOUND || code == SHOJI_INVALID_ARGUMENT;
  return Assembly::Code(code);
}

Status CloneMaker::AttachDevices(Assembly& vm) const {
  const shoji_vm_config asked = CopyOf(*request_.config);
  if (asked.device_count == 0) return OkStatus();
  const auto* table = vm.Extension<shoji_hypervisor_hotplug_v1>(SHOJI_HYPERVISOR_HOTPLUG_V1);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_hotplug_v1, table, attach)) {
    return Unimplemented("the clone takes no devices");
  }
  for (std::uint32_t i = 0; i < asked.device_count; ++i) {
    std::string where;  // the host asks again when it wants to know
    const shoji_sink sink = sdk::SinkTo(&where);
    const std::int32_t code = table->attach(vm.vm(), call_, asked.devices[i], &sink, error_);
    if (code != SHOJI_OK) return vm.Explain(code);
  }
  return OkStatus();
}

Result<sdk::NewVm> CloneMaker::Clone(const Stored& stored) {
  Assembly vm(host_, call_, error_);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request_));
  SHOJI_RETURN_IF_ERROR(Restore(vm, stored));
  SHOJI_RETURN_IF_ERROR(AttachDevices(vm));
  // The guest wakes while the way to it is made: it waits for a host to come.
  const std::int32_t resumed = pausing_->resume(vm.vm(), call_, error_);
  if (resumed != SHOJI_OK) return vm.Explain(resumed);
  SHOJI_RETURN_IF_ERROR(vm.Connect(*request_.config));
  SHOJI_RETURN_IF_ERROR(vm.AwaitGuest("guest.wake"));
  // Its clock is the template's, and so are the numbers it would draw.
  SHOJI_RETURN_IF_ERROR(vm.Reseed());
  SHOJI_RETURN_IF_ERROR(vm.SetClock());
  sdk::NewVm made = vm.Release(SHOJI_NEW_VM_CLONED);
  if (!(base_ == wanted_)) {
    made.boot_vcpus = base_.vcpus;
    made.boot_memory_bytes = base_.memory_bytes;
  }
  return made;
}

}  // namespace shoji::templates
