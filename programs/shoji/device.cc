// shoji device add|remove|list: disks and other devices of a sandbox that runs.
#include <cstdio>

#include "attach_options.h"
#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "table.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeAdd(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()                                                                           //
      ("id", po::value<std::string>()->value_name("DEVICE"), "its id; \"disk\" else")             //
      ("kind", po::value<std::string>()->value_name("KIND"), "block (default) or vfio")           //
      ("image-format", po::value<std::string>()->value_name("FORMAT"), "raw (default) or qcow2")  //
      ("read-only", "the guest may not write it")                                                 //
      ("scsi", "on the SCSI bus");
}

Result<DeviceInfo> DeviceOf(const Invocation& invocation) {
  DeviceInfo out;
  const std::string& path = invocation.words[1];
  const std::string kind = invocation.Text("kind");
  if (kind == "vfio") {
    out.kind = DeviceInfo::Kind::kVfio;
    out.host_path = path;
  } else if (kind.empty() || kind == "block") {
    SHOJI_ASSIGN_OR_RETURN(const DeviceWord word, ParseDevice(path + ":/dev/disk", "disk"));
    out = word.device;
    out.read_only = false;
  } else {
    return InvalidArgument("--kind \"" + kind + "\" is not block or vfio");
  }
  out.id = invocation.Has("id") ? invocation.Text("id") : "disk";
  if (invocation.Has("image-format")) out.format = invocation.Text("image-format");
  out.read_only = invocation.Has("read-only");
  out.scsi = invocation.Has("scsi");
  return out;
}

Result<DeviceStatus> Add(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const DeviceInfo device, DeviceOf(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(invocation.words[0]));
  return sandbox->AddDevice(device);
}

int RunAdd(const Invocation& invocation) {
  if (invocation.words.size() != 2) {
    return Fail(InvalidArgument("shoji device add takes the id of a sandbox and a path"));
  }
  const auto added = Add(invocation);
  if (!added.ok()) return Fail(added.status());
  puts(invocation.json() ? ToJson(*added).c_str() : added->info.id.c_str());
  return 0;
}

Status Remove(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(invocation.words[0]));
  return sandbox->RemoveDevice(invocation.words[1]);
}

int RunRemove(const Invocation& invocation) {
  if (invocation.words.size() != 2) {
    return Fail(InvalidArgument("shoji device remove takes the ids of a sandbox and a device"));
  }
  const Status removed = Remove(invocation);
  if (!removed.ok()) return Fail(removed);
  const std::string& id = invocation.words[1];
  puts(invocation.json() ? OutcomeJson(id, "removed").c_str() : id.c_str());
  return 0;
}

Result<std::vector<DeviceStatus>> List(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(SandboxStatus status, runtime->StatusSandbox(invocation.words[0]));
  return std::move(status.devices);
}

int RunList(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji device list takes the id of one sandbox"));
  }
  const auto devices = List(invocation);
  if (!devices.ok()) return Fail(devices.status());
  if (invocation.json()) {
    puts(ToJson(*devices).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const DeviceStatus& device : *devices) {
    rows.push_back(
        {device.info.id, KindName(device.info.kind), device.info.host_path, device.address});
  }
  PrintTable({"ID", "KIND", "HOST", "GUEST"}, rows);
  return 0;
}

}  // namespace

const Command kDeviceAdd = {"device add", "ID PATH", "Give a sandbox a disk or a PCI device.",
                            DescribeAdd, RunAdd};
const Command kDeviceRemove = {"device remove", "ID DEVICE", "Take a device away again.",
                               DescribeFormat, RunRemove};
const Command kDeviceList = {"device list", "ID", "List the devices of a sandbox.", DescribeFormat,
                             RunList};

}  // namespace shoji::cli
