// What a caller asked for, checked before anything is made.
//
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field, its value and what is allowed.
// Example  SHOJI_RETURN_IF_ERROR(ValidateSandbox(config));
#ifndef SHOJI_CORE_REQUEST_VALIDATE_H_
#define SHOJI_CORE_REQUEST_VALIDATE_H_

#include <string>
#include <string_view>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// `what`: "sandbox", "container".
Status ValidateId(std::string_view what, std::string_view id);
Status ValidateSignal(int signal);
// Where the shim of a process has its descriptors.
Status ValidateShimStdio(const Cmd& cmd, std::string_view what);
Status ValidateCmd(const Cmd& cmd, std::string_view what);
Status ValidateContainer(const ContainerConfig& config);
Status ValidateSandbox(const SandboxConfig& config);

// -- validate_devices.cc
Status ValidateDevice(const DeviceInfo& device);
Status ValidateStorage(const StorageInfo& storage);
Status ValidateInterface(const InterfaceInfo& interface);
Status ValidateInterfaceName(const std::string& name);
Status ValidateRoute(const Route& route);
Status ValidateNetwork(const NetworkConfig& network);
// `what`: "device \"data\"".
Status ValidateDiskLimits(const DiskLimits& limits, const std::string& what);
Status ValidateInterfaceLimits(const InterfaceLimits& limits, const std::string& what);
// Devices, resources and references to storages; whether those exist is for later.
Status ValidateContainerDevices(const ContainerConfig& config);
// Devices, storages and network of a sandbox, and that its containers use what is there.
Status ValidateAttached(const SandboxConfig& config);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_VALIDATE_H_
