// Not built yet; nothing of this is merged.
#include "sandbox/object.h"

namespace shoji {
namespace {
Status Pending() { return Unimplemented("not built yet"); }
}  // namespace

// core-dev
Status SandboxObject::UpdateContainer(const std::string&, const Resources&) { return Pending(); }
Result<DeviceStatus> SandboxObject::AddDevice(const DeviceInfo&) { return Pending(); }
Status SandboxObject::RemoveDevice(const std::string&) { return Pending(); }
Status SandboxObject::LimitDevice(const std::string&, const std::optional<DiskLimits>&) {
  return Pending();
}
Result<StorageStatus> SandboxObject::AddStorage(const StorageInfo&) { return Pending(); }
Status SandboxObject::RemoveStorage(const std::string&) { return Pending(); }
Result<InterfaceInfo> SandboxObject::AddInterface(const InterfaceInfo&) { return Pending(); }
Status SandboxObject::RemoveInterface(const std::string&) { return Pending(); }
Status SandboxObject::LimitInterface(const std::string&, const std::optional<InterfaceLimits>&) {
  return Pending();
}
Result<std::vector<InterfaceInfo>> SandboxObject::ListInterfaces() { return Pending(); }
Result<std::vector<Route>> SandboxObject::UpdateRoutes(const std::vector<Route>&) {
  return Pending();
}
Result<std::vector<Route>> SandboxObject::ListRoutes() { return Pending(); }

}  // namespace shoji
