#include "sandbox_options.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "attach_options.h"
#include "process_options.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

std::string RandomId() {
  unsigned char bytes[6] = {};
  while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
  }
  char text[2 * sizeof(bytes) + 1];
  for (std::size_t i = 0; i < sizeof(bytes); ++i) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
  return text;
}

Result<std::string> AbsolutePath(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) {
    return NotFound("\"" + path + "\" does not exist");
  }
  return std::string(resolved);
}

// HOST:GUEST[:ro|rw]
Result<Mount> ParseVolume(const std::string& word) {
  const std::vector<std::string> parts = Split(word, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[1].empty() || parts[1][0] != '/') {
    return InvalidArgument("--volume \"" + word +
                           "\" is not HOST:GUEST[:ro] with an absolute path in the guest");
  }
  const std::string mode = parts.size() == 3 ? parts[2] : "rw";
  if (mode != "ro" && mode != "rw") {
    return InvalidArgument("--volume \"" + word + "\": mode \"" + mode + "\" is not ro or rw");
  }
  Result<std::string> source = AbsolutePath(parts[0]);
  if (!source.ok()) return std::move(source).status().WithContext("--volume " + word);
  Mount mount;
  mount.source = *source;
  mount.destination = parts[1];
  mount.type = "bind";
  mount.options = {"rbind", mode};
  return mount;
}

Result<std::uint32_t> ParseCpus(const std::string& text) {
  const Result<std::int64_t> number = ParseInt(text);
  if (!number.ok() || *number < 1 || *number > 1024) {
    return InvalidArgument("--cpus \"" + text + "\" is not a whole number from 1 to 1024");
  }
  return static_cast<std::uint32_t>(*number);
}

Result<std::uint64_t> ParseMemory(const std::string& text) {
  Result<std::uint64_t> bytes = ParseSize(text);
  if (!bytes.ok()) return std::move(bytes).status().WithContext("--memory");
  return bytes;
}

Result<std::string> SampleRootfs() {
  SHOJI_ASSIGN_OR_RETURN(const std::string program, ExecutablePath());
  const std::string prefix = program.substr(0, program.rfind("/bin/"));
  const std::string path = prefix + "/share/shoji/rootfs/busybox";
  if (PathExists(path)) return path;
  return NotFound("the sample root file system " + path +
                  " is missing; run scripts/quickstart once, or give --rootfs or --bundle");
}

// Fills `container` from DIR/config.json.
Status TakeBundle(const std::string& dir, const Invocation& invocation,
                  ContainerConfig& container) {
  Result<std::string> bundle = AbsolutePath(dir);
  if (!bundle.ok()) return std::move(bundle).status().WithContext("--bundle");
  container.bundle = *bundle;
  Result<std::string> spec = ReadFile(*bundle + "/config.json");
  if (!spec.ok()) return std::move(spec).status().WithContext("--bundle " + dir);
  container.oci_spec = *spec;
  for (const char* option : {"rootfs", "env", "workdir", "user", "volume"}) {
    if (invocation.Has(option)) {
      return InvalidArgument(std::string("--") + option +
                             " cannot be given with --bundle; write it into config.json");
    }
  }
  if (!invocation.words.empty()) {
    return InvalidArgument("a command cannot be given with --bundle; write it into config.json");
  }
  return OkStatus();
}

Status TakeRootfs(const Invocation& invocation, ContainerConfig& container) {
  if (invocation.words.empty()) {
    return InvalidArgument("no command; write shoji run [options] -- COMMAND [ARG...]");
  }
  SHOJI_ASSIGN_OR_RETURN(container.cmd, CmdOf(invocation, invocation.words));
  if (invocation.Has("rootfs")) {
    Result<std::string> path = AbsolutePath(invocation.Text("rootfs"));
    if (!path.ok()) return std::move(path).status().WithContext("--rootfs");
    container.rootfs.source = *path;
  } else {
    SHOJI_ASSIGN_OR_RETURN(container.rootfs.source, SampleRootfs());
    container.rootfs.ephemeral = true;  // shared by all who try Shoji
  }
  for (const std::string& word : invocation.Texts("volume")) {
    SHOJI_ASSIGN_OR_RETURN(Mount mount, ParseVolume(word));
    container.mounts.push_back(std::move(mount));
  }
  return OkStatus();
}

}  // namespace

void DescribeSandbox(po::options_description& options) {
  options.add_options()                                                                   //
      ("rootfs", po::value<std::string>()->value_name("DIR"),                             //
       "directory with the container's root file system")                                 //
      ("bundle,b", po::value<std::string>()->value_name("DIR"),                           //
       "OCI bundle: its config.json says everything")                                     //
      ("name", po::value<std::string>()->value_name("ID"),                                //
       "id of the sandbox; a random one else")                                            //
      ("cpus", po::value<std::string>()->value_name("N"), "virtual CPUs of the VM")       //
      ("memory,m", po::value<std::string>()->value_name("SIZE"),                          //
       "memory of the VM, e.g. 512M")                                                     //
      ("hostname", po::value<std::string>()->value_name("NAME"),                          //
       "host name inside; the id else")                                                   //
      ("volume,v", po::value<std::vector<std::string>>()->value_name("HOST:GUEST[:ro]"),  //
       "show a file or directory of the host inside; may be given again");
  DescribeAttached(options);
}

Result<SandboxConfig> SandboxOf(const Invocation& invocation) {
  SandboxConfig sandbox;
  ContainerConfig container;
  sandbox.id = invocation.Has("name") ? invocation.Text("name") : RandomId();
  sandbox.hostname = invocation.Text("hostname");
  if (invocation.Has("cpus")) {
    SHOJI_ASSIGN_OR_RETURN(sandbox.vcpus, ParseCpus(invocation.Text("cpus")));
  }
  if (invocation.Has("memory")) {
    SHOJI_ASSIGN_OR_RETURN(sandbox.memory_bytes, ParseMemory(invocation.Text("memory")));
  }
  container.id = sandbox.id;
  if (invocation.Has("bundle")) {
    SHOJI_RETURN_IF_ERROR(TakeBundle(invocation.Text("bundle"), invocation, container));
  } else {
    SHOJI_RETURN_IF_ERROR(TakeRootfs(invocation, container));
  }
  SHOJI_RETURN_IF_ERROR(TakeAttached(invocation, sandbox, container));
  sandbox.containers.push_back(std::move(container));
  return sandbox;
}

bool HasTerminal(const SandboxConfig& config) {
  const ContainerConfig& container = config.containers.front();
  if (container.oci_spec.empty()) return container.cmd.terminal;
  // A bundle that cannot be read is refused by CreateSandbox, with a better message.
  const auto spec = nlohmann::json::parse(container.oci_spec, nullptr, false);
  const auto terminal = nlohmann::json::json_pointer("/process/terminal");
  return spec.is_object() && spec.contains(terminal) && spec[terminal].is_boolean() &&
         spec[terminal].get<bool>();
}

}  // namespace shoji::cli
