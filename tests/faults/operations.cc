#include "operations.h"

#include <stdexcept>

namespace shoji::fault_test {
namespace {

using api_test::Bed;
using api_test::kIdle;

SandboxConfig Pod() { return Bed::Pod(kPod, {Bed::Container("one", kIdle)}); }

Status Nothing(Runtime& /*runtime*/, const std::string& /*files*/) { return OkStatus(); }

Status Create(Runtime& runtime, const std::string& /*files*/) {
  return runtime.CreateSandbox(Pod()).status();
}

Status RunPod(Runtime& runtime, const std::string& /*files*/) {
  return runtime.RunSandbox(Pod()).status();
}

Status RunAndStop(Runtime& runtime, const std::string& /*files*/) {
  SHOJI_RETURN_IF_ERROR(runtime.RunSandbox(Pod()).status());
  return runtime.StopSandbox(kPod);
}

Status Start(Runtime& runtime, const std::string& /*files*/) {
  return runtime.StartSandbox(kPod).status();
}

Status AddContainer(Runtime& runtime, const std::string& /*files*/) {
  SHOJI_ASSIGN_OR_RETURN(const auto pod, runtime.FetchSandbox(kPod));
  return pod->CreateContainer(Bed::Container("two", kIdle)).status();
}

Status Exec(Runtime& runtime, const std::string& /*files*/) {
  SHOJI_ASSIGN_OR_RETURN(const auto pod, runtime.FetchSandbox(kPod));
  Cmd cmd;
  cmd.args = {"/bin/true"};
  SHOJI_ASSIGN_OR_RETURN(const std::string process, pod->EnterContainer("one", cmd));
  return pod->WaitProcess("one", process).status();
}

Status AddDevice(Runtime& runtime, const std::string& files) {
  SHOJI_ASSIGN_OR_RETURN(const auto pod, runtime.FetchSandbox(kPod));
  DeviceInfo device;
  device.id = "disk";
  device.host_path = files + "/disk.img";
  return pod->AddDevice(device).status();
}

Status Stop(Runtime& runtime, const std::string& /*files*/) { return runtime.StopSandbox(kPod); }

Status Delete(Runtime& runtime, const std::string& /*files*/) {
  return runtime.DeleteSandbox(kPod);
}

}  // namespace

const std::vector<Operation>& Operations() {
  static const std::vector<std::string> kBoot = {"create", "start", "agent_endpoint", "save_state",
                                                 "pids"};
  static const std::vector<Operation> kAll = {
      {"create", Nothing, Create, true, kBoot, {}},
      {"start", Create, Start, true, {"attach"}, {}},
      {"restart", RunAndStop, Start, true, kBoot, {}},
      {"container", RunPod, AddContainer, true, {"attach"}, {}},
      {"exec", RunPod, Exec, true, {"attach"}, {}},
      {"add-device", RunPod, AddDevice, true, {"attach", "attach_device"}, {}},
      {"stop", RunPod, Stop, true, {"attach", "destroy"}, {"stop"}},
      {"delete", RunPod, Delete, false, {"destroy"}, {"attach", "stop"}},
  };
  return kAll;
}

const Operation& FindOperation(const std::string& name) {
  for (const Operation& operation : Operations()) {
    if (operation.name == name) return operation;
  }
  throw std::invalid_argument("no operation " + name);
}

}  // namespace shoji::fault_test
