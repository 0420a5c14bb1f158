#include "wake.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "assembly.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/plugin/hypervisor_state.h"

namespace shoji::cache {
namespace {

// A guest that does not answer must leave time for another VM.
constexpr std::chrono::seconds kWakeLimit{20};

Status MoveToSandbox(Place& place, const std::string& sandbox_dir) {
  if (place.moved()) return OkStatus();
  const std::string held = HeldDir(sandbox_dir);
  if (mkdir(held.c_str(), 0700) < 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "cannot create directory " + held);
  }
  return place.MoveTo(sandbox_dir);
}

// One that the hypervisor could not pause runs already.
Status Resume(factories::Assembly& vm, const shoji_call* call, shoji_error* error) {
  const auto* pause = vm.Extension<shoji_hypervisor_pause_v1>(SHOJI_HYPERVISOR_PAUSE_V1);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, pause, resume)) return OkStatus();
  const std::int32_t code = pause->resume(vm.vm(), call, error);
  return code == SHOJI_OK ? OkStatus() : vm.Explain(code);
}

Result<sdk::NewVm> BringUp(const sdk::Host& host, const shoji_call* call,
                           const shoji_vm_request& request, Waiting& waiting, shoji_error* error) {
  factories::Assembly vm(host, call, error);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request));
  SHOJI_RETURN_IF_ERROR(MoveToSandbox(waiting.place(), SandboxDirOf(request)));
  vm.Adopt(waiting.Release());
  SHOJI_RETURN_IF_ERROR(vm.Connect(*request.config));
  SHOJI_RETURN_IF_ERROR(Resume(vm, call, error));
  SHOJI_RETURN_IF_ERROR(vm.AwaitGuest("guest.wake"));
  SHOJI_RETURN_IF_ERROR(vm.Reseed());
  SHOJI_RETURN_IF_ERROR(vm.SetClock());
  sdk::NewVm out = vm.Release(SHOJI_NEW_VM_CLONED | SHOJI_NEW_VM_HELD);
  out.boot_vcpus = waiting.made().vcpus();
  out.boot_memory_bytes = waiting.made().memory_bytes();
  return out;
}

}  // namespace

std::string SandboxDirOf(const shoji_vm_request& request) {
  std::string dir = sdk::String(request.config->run_dir);
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  return dir.substr(0, dir.rfind('/'));
}

Result<sdk::NewVm> Wake(const sdk::Host& host, const shoji_call* call,
                        const shoji_vm_request& request, std::unique_ptr<Waiting> waiting,
                        shoji_error* error) {
  shoji_call limited = *sdk::CallView(call).get();
  limited.deadline_ns =
      Deadline::FromNanos(limited.deadline_ns).Min(Deadline::After(kWakeLimit)).nanos();
  auto woken = BringUp(host, &limited, request, *waiting, error);
  if (woken.ok()) {
    waiting->place().Keep();
    return woken;
  }
  // The VM first, if it was not released.
  Place place = std::move(waiting->place());
  waiting.reset();
  static_cast<void>(place.Remove());
  return woken;
}

}  // namespace shoji::cache
