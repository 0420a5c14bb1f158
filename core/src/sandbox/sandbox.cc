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
                              int signal) {
  return impl_->object->SignalOne({container_id, process_id}, signal);
}
Status Sandbox::WinsizeProcess(const std::string& container_id, const std::string& process_id,
                               std::uint16_t rows, std::uint16_t columns) {
  return impl_->object->WinsizeProcess({container_id, process_id}, rows, columns);
}
Result<std::unique_ptr<ProcessIo>> Sandbox::IOStream(const std::string& container_id,
                                                     const std::string& process_id) {
  return impl_->object->IOStream({container_id, process_id});
}

}  // namespace shoji
