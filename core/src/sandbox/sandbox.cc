// shoji::Sandbox: every function goes to the object.
#include "shoji/sandbox.h"

#include <utility>

#include "sandbox/management.h"
#include "sandbox/sandbox_impl.h"

namespace shoji {

Sandbox::Sandbox(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sandbox::~Sandbox() = default;

const std::string& Sandbox::id() const { return impl_->object->id(); }

Status Sandbox::Start() { return impl_->object->Start(); }
Status Sandbox::Stop(bool force) { return impl_->object->Stop(force); }
Status Sandbox::Delete() { return impl_->object->Delete(); }
Status Sandbox::Release() { return impl_->object->Release(); }

Result<SandboxStatus> Sandbox::GetStatus() { return Management(impl_->context).GetStatus(id()); }

Result<ContainerStatus> Sandbox::CreateContainer(const ContainerConfig& config) {
  return impl_->object->CreateContainer(config);
}
Status Sandbox::DeleteContainer(const std::string& container_id) {
  return impl_->object->DeleteContainer(container_id);
}
Status Sandbox::StartContainer(const std::string& container_id) {
  return impl_->object->StartContainer(container_id);
}
Status Sandbox::StopContainer(const std::string& container_id, bool force) {
  return impl_->object->StopContainer(container_id, force);
}
Result<std::string> Sandbox::EnterContainer(const std::string& container_id, const Cmd& cmd) {
  return impl_->object->EnterContainer(container_id, cmd);
}
Status Sandbox::KillContainer(const std::string& container_id, int signal, bool all) {
  return impl_->object->KillContainer(container_id, signal, all);
}
Result<ContainerStatus> Sandbox::StatusContainer(const std::string& container_id) {
  return impl_->object->StatusContainer(container_id);
}

Result<std::int32_t> Sandbox::WaitProcess(const std::string& container_id,
                                          const std::string& process_id) {
  return impl_->object->WaitProcess({container_id, process_id});
}
Status Sandbox::SignalProcess(const std::string& container_id, const std::string& process_id,
                              int signal, bool all) {
  if (all) return impl_->object->KillContainer(container_id, signal, true);
  return impl_->object->SignalOne({container_id, process_id}, signal);
}
Status Sandbox::WinsizeProcess(const std::string& container_id, const std::string& process_id,
                               std::uint16_t rows, std::uint16_t columns) {
  return impl_->object->WinsizeProcess({container_id, process_id}, rows, columns);
}
Result<std::int32_t> Sandbox::ShimPid(const std::string& container_id,
                                      const std::string& process_id) {
  return impl_->object->ShimPid({container_id, process_id});
}
Result<std::unique_ptr<ProcessIo>> Sandbox::IOStream(const std::string& container_id,
                                                     const std::string& process_id) {
  return impl_->object->IOStream({container_id, process_id});
}

Result<SandboxStats> Sandbox::Stats() { return impl_->object->Stats(); }
Result<std::unique_ptr<SandboxMonitor>> Sandbox::Monitor() { return impl_->object->Monitor(); }
Status Sandbox::Pause() { return impl_->object->Pause(); }
Status Sandbox::Resume() { return impl_->object->Resume(); }
Status Sandbox::Save(const std::string& dir) { return impl_->object->Save(dir); }

Status Sandbox::PauseContainer(const std::string& container_id) {
  return impl_->object->PauseContainer(container_id);
}
Status Sandbox::ResumeContainer(const std::string& container_id) {
  return impl_->object->ResumeContainer(container_id);
}
Result<ContainerStats> Sandbox::StatsContainer(const std::string& container_id) {
  return impl_->object->StatsContainer(container_id);
}
Result<std::string> Sandbox::ProcessListContainer(const std::string& container_id,
                                                  const std::string& format,
                                                  const std::vector<std::string>& args) {
  return impl_->object->ProcessListContainer(container_id, format, args);
}
Status Sandbox::UpdateContainer(const std::string& container_id, const Resources& resources) {
  return impl_->object->UpdateContainer(container_id, resources);
}

Result<DeviceStatus> Sandbox::AddDevice(const DeviceInfo& device) {
  return impl_->object->AddDevice(device);
}
Status Sandbox::RemoveDevice(const std::string& device_id) {
  return impl_->object->RemoveDevice(device_id);
}
Status Sandbox::LimitDevice(const std::string& device_id, const std::optional<DiskLimits>& limits) {
  return impl_->object->LimitDevice(device_id, limits);
}
Result<StorageStatus> Sandbox::AddStorage(const StorageInfo& storage) {
  return impl_->object->AddStorage(storage);
}
Status Sandbox::RemoveStorage(const std::string& storage_id) {
  return impl_->object->RemoveStorage(storage_id);
}
Result<InterfaceInfo> Sandbox::AddInterface(const InterfaceInfo& interface) {
  return impl_->object->AddInterface(interface);
}
Status Sandbox::RemoveInterface(const std::string& name) {
  return impl_->object->RemoveInterface(name);
}
Status Sandbox::LimitInterface(const std::string& name,
                               const std::optional<InterfaceLimits>& limits) {
  return impl_->object->LimitInterface(name, limits);
}
Result<std::vector<InterfaceInfo>> Sandbox::ListInterfaces() {
  return impl_->object->ListInterfaces();
}
Result<std::vector<Route>> Sandbox::UpdateRoutes(const std::vector<Route>& routes) {
  return impl_->object->UpdateRoutes(routes);
}
Result<std::vector<Route>> Sandbox::ListRoutes() { return impl_->object->ListRoutes(); }

}  // namespace shoji
