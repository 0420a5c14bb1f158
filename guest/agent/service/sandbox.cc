#include "service/sandbox.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

constexpr char kSandboxDir[] = "/run/kata-containers/sandbox";
constexpr char kNameService[] = "/run/kata-containers/sandbox/resolv.conf";
constexpr char kSystemNameService[] = "/etc/resolv.conf";
constexpr char kCgroupRoot[] = "/sys/fs/cgroup";
constexpr std::size_t kMaxContainers = 512;

bool HasUnifiedCgroups() {
  struct statfs info {};
  return statfs(kCgroupRoot, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

// An id becomes a name of directories and cgroups.
Status CheckId(const std::string& id) {
  if (id.empty() || id.size() > 200 || id == "." || id == ".." ||
      id.find('/') != std::string::npos) {
    return InvalidArgument("container id \"" + id + "\" is empty, too long or has a slash");
  }
  return OkStatus();
}

}  // namespace

Status Sandbox::Create(const grpc::CreateSandboxRequest& request) {
  if (created_) return AlreadyExists("the sandbox was created already");
  if (!request.guest_hook_path().empty()) {
    return Unimplemented("guest hooks (" + request.guest_hook_path() + ") are not run");
  }
  if (request.kernel_modules_size() > 0) {
    return Unimplemented("kernel module " + request.kernel_modules(0).name() +
                         " cannot be loaded by name; add it to the image");
  }
  SHOJI_RETURN_IF_ERROR(prepare_());
  SHOJI_ASSIGN_OR_RETURN(Storages::MountPoints mounts, storages_.Add(request.storages()));
  mounts_ = std::move(mounts);
  Status status = [&] {
    SHOJI_ASSIGN_OR_RETURN(namespaces_,
                           SharedNamespaces::Create(request.hostname(), request.sandbox_pidns()));
    return SetNameService(request);
  }();
  created_ = true;
  if (!status.ok()) {
    const Status undone = DestroyRest();
    if (!undone.ok()) Log(LogLevel::kError, undone.message());
  }
  return status;
}

Status Sandbox::SetNameService(const grpc::CreateSandboxRequest& request) {
  if (request.dns_size() == 0) return OkStatus();
  std::string text;
  for (const std::string& line : request.dns()) text += line + "\n";
  SHOJI_RETURN_IF_ERROR(MakeDirs(kSandboxDir));
  SHOJI_RETURN_IF_ERROR(WriteFile(kNameService, text));
  if (!PathExists(kSystemNameService)) {
    SHOJI_RETURN_IF_ERROR(MakeDirs("/etc"));
    SHOJI_RETURN_IF_ERROR(WriteFile(kSystemNameService, ""));
  }
  if (mount(kNameService, kSystemNameService, nullptr, MS_BIND, nullptr) < 0) {
    return ErrnoStatus(errno, std::string("cannot put the name service on ") + kSystemNameService);
  }
  name_service_ = true;
  return OkStatus();
}

Status Sandbox::DestroyRest() {
  Status status = storages_.Release(mounts_);
  mounts_.clear();
  if (std::exchange(name_service_, false) && umount2(kSystemNameService, MNT_DETACH) < 0 &&
      status.ok()) {
    status = ErrnoStatus(errno, std::string("cannot unmount ") + kSystemNameService);
  }
  namespaces_.reset();
  created_ = false;
  sync();
  return status;
}

void Sandbox::Destroy(Done done) {
  if (!created_ && containers_.empty()) return done(OkStatus());
  if (containers_.empty()) return done(DestroyRest());
  std::vector<std::string> ids;
  for (const auto& [id, entry] : containers_) ids.push_back(id);
  struct Count {
    std::size_t left;
    Status first;
  };
  auto count = std::make_shared<Count>(Count{ids.size(), {}});
  for (const std::string& id : ids) {
    RemoveContainer(id, [this, count, done](const Status& status) {
      if (count->first.ok()) count->first = status;
      if (--count->left > 0) return;
      const Status rest = DestroyRest();
      done(count->first.ok() ? rest : count->first);
    });
  }
}

Result<Container*> Sandbox::Find(const std::string& id) {
  const auto it = containers_.find(id);
  if (it == containers_.end()) return NotFound("there is no container \"" + id + "\"");
  return it->second.container.get();
}

Status Sandbox::Check(const grpc::CreateContainerRequest& request) const {
  SHOJI_RETURN_IF_ERROR(CheckId(request.container_id()));
  if (!created_) return FailedPrecondition("there is no sandbox; call CreateSandbox first");
  if (containers_.count(request.container_id()) != 0) {
    return AlreadyExists("container " + request.container_id() + " exists already");
  }
  if (containers_.size() >= kMaxContainers) {
    return ResourceExhausted("there are " + std::to_string(kMaxContainers) + " containers already");
  }
  if (!request.has_oci()) return InvalidArgument("the OCI specification is missing");
  if (request.has_string_user()) {
    return InvalidArgument("string_user is not supported; give numeric ids in process.user");
  }
  if (request.devices_size() > 0) {
    return InvalidArgument("device " + request.devices(0).container_path() + " has type \"" +
                           request.devices(0).type() + "\"; the agent knows no device types");
  }
  if (request.agent_pidns()) return Unimplemented("agent_pidns is not supported");
  for (const auto& entry : request.oci().linux().namespaces()) {
    if (entry.type() == "pid") {
      return FailedPrecondition(
          "the specification has a pid namespace; leave it out, the agent "
          "makes one or takes the sandbox's (sandbox_pidns)");
    }
  }
  return OkStatus();
}

Result<jail::Environment> Sandbox::EnvironmentFor(
    const grpc::CreateContainerRequest& request) const {
  jail::Environment environment;
  environment.cgroup_root = HasUnifiedCgroups() ? kCgroupRoot : "";
  environment.warn = [](const std::string& text) { Log(LogLevel::kWarning, text); };
  environment.ipc_ns = namespaces_->ipc();
  environment.uts_ns = namespaces_->uts();
  if (!request.sandbox_pidns()) return environment;
  environment.pid_ns = namespaces_->pid();
  if (environment.pid_ns.empty()) {
    return FailedPrecondition("the sandbox was created without a shared pid namespace");
  }
  return environment;
}

Status Sandbox::CreateContainer(const grpc::CreateContainerRequest& request) {
  SHOJI_RETURN_IF_ERROR(Check(request));
  SHOJI_ASSIGN_OR_RETURN(const jail::Environment environment, EnvironmentFor(request));
  SHOJI_ASSIGN_OR_RETURN(Storages::MountPoints mounts, storages_.Add(request.storages()));
  auto made = Container::Create(context_, request, environment);
  if (!made.ok()) {
    const Status undone = storages_.Release(mounts);
    if (!undone.ok()) Log(LogLevel::kError, undone.message());
    return made.status();
  }
  containers_[request.container_id()] = Entry{std::move(made).value(), std::move(mounts)};
  return OkStatus();
}

void Sandbox::RemoveContainer(const std::string& id, Done done) {
  const Result<Container*> found = Find(id);
  if (!found.ok()) return done(found.status());
  (*found)->Remove(
      [this, id, done = std::move(done)](const Status& status) { done(Removed(id, status)); });
}

Status Sandbox::Removed(const std::string& id, Status status) {
  if (!status.ok()) return status;
  auto node = containers_.extract(id);
  if (node.empty()) return status;  // another call was told first
  // Not at once: this runs inside the container.
  context_.loop->Defer([gone = std::shared_ptr<Container>(std::move(node.mapped().container))] {});
  return storages_.Release(node.mapped().mounts);
}

}  // namespace shoji::agent
