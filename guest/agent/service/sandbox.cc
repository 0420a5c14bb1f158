#include "service/sandbox.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "log.h"
#include "service/user_lookup.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

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

Status Sandbox::CheckCreate() const {
  return created_ ? AlreadyExists("the sandbox was created already") : OkStatus();
}

Status Sandbox::LoadModules(const grpc::CreateSandboxRequest& request) const {
  for (const grpc::KernelModule& module : request.kernel_modules()) {
    if (module.name().empty()) return InvalidArgument("a kernel module has no name");
    const std::vector<std::string> words(module.parameters().begin(), module.parameters().end());
    SHOJI_RETURN_IF_ERROR(machine_.load_module(module.name(), Join(words, " ")));
  }
  return OkStatus();
}

Status Sandbox::Create(const grpc::CreateSandboxRequest& request) {
  SHOJI_RETURN_IF_ERROR(CheckCreate());
  SHOJI_RETURN_IF_ERROR(machine_.prepare());
  SHOJI_RETURN_IF_ERROR(LoadModules(request));
  SHOJI_ASSIGN_OR_RETURN(hooks_, FindGuestHooks(request.guest_hook_path()));
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
  hooks_ = {};
  created_ = false;
  sync();
  return status;
}

void Sandbox::Destroy(Done done) {
  const Status why = NotFound("the sandbox was destroyed while the container was made");
  while (!makings_.empty()) GiveUpCreate(std::string(makings_.begin()->first), why);
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
  if (makings_.count(id) != 0)
    return FailedPrecondition("container " + id + " is still being created");
  if (it == containers_.end()) return NotFound("there is no container \"" + id + "\"");
  return it->second.container.get();
}

Status Sandbox::Check(const grpc::CreateContainerRequest& request) const {
  SHOJI_RETURN_IF_ERROR(CheckId(request.container_id()));
  if (!created_) return FailedPrecondition("there is no sandbox; call CreateSandbox first");
  if (containers_.count(request.container_id()) + makings_.count(request.container_id()) != 0) {
    return AlreadyExists("container " + request.container_id() + " exists already");
  }
  if (containers_.size() + makings_.size() >= kMaxContainers) {
    return ResourceExhausted("there are " + std::to_string(kMaxContainers) + " containers already");
  }
  if (!request.has_oci()) return InvalidArgument("the OCI specification is missing");
  SHOJI_RETURN_IF_ERROR(Storages::Check(request.storages()));
  if (request.agent_pidns()) {
    return Unimplemented(
        "agent_pidns is refused: a container among the agent's own processes could signal them; "
        "share the sandbox's (sandbox_pidns)");
  }
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
  environment.mqueue = namespaces_->mqueue();
  environment.uts_ns = namespaces_->uts();
  if (!request.sandbox_pidns()) return environment;
  SHOJI_RETURN_IF_ERROR(namespaces_->EnsurePid());
  environment.pid_ns = namespaces_->pid();
  return environment;
}

void Sandbox::Release(const Storages::MountPoints& mounts) {
  const Status undone = storages_.Release(mounts);
  if (!undone.ok()) Log(LogLevel::kError, undone.message());
}

// When it is OK, `done` will hear.
Status Sandbox::MakeContainer(const grpc::CreateContainerRequest& request, const Done& done) {
  SHOJI_RETURN_IF_ERROR(Check(request));
  SHOJI_ASSIGN_OR_RETURN(const jail::Environment environment, EnvironmentFor(request));
  SHOJI_ASSIGN_OR_RETURN(Storages::MountPoints mounts, storages_.Add(request.storages()));
  const std::string& id = request.container_id();
  auto begun = [&]() -> Result<std::unique_ptr<jail::Pending<jail::Container::Made>>> {
    if (!request.has_string_user())
      return jail::Container::BeginCreate(id, request.oci(), environment);
    grpc::Spec numeric = request.oci();
    SHOJI_RETURN_IF_ERROR(LookUpUser(numeric.root().path(), request.string_user(),
                                     numeric.mutable_process()->mutable_user()));
    return jail::Container::BeginCreate(id, numeric, environment);
  }();
  if (!begun.ok()) {
    Release(mounts);
    return begun.status();
  }
  Making& making = makings_[id];
  making.entry.mounts = std::move(mounts);
  making.entry.described.set_version(request.oci().version());
  *making.entry.described.mutable_root() = request.oci().root();
  *making.entry.described.mutable_annotations() = request.oci().annotations();
  making.init_id = request.exec_id();
  making.done = done;
  making.awaiting = std::make_unique<Awaiting<jail::Container::Made>>(
      context_.loop, context_.reaper, *std::move(begun));
  making.awaiting->Wait(
      [this, id](Result<jail::Container::Made> made) { Made(id, std::move(made)); });
  return OkStatus();
}

void Sandbox::Made(const std::string& id, Result<jail::Container::Made> made) {
  auto node = makings_.extract(id);
  const Done done = node.mapped().done;
  if (made.ok()) {
    Keep(id, std::move(node.mapped()), *std::move(made));
    return RunFirstHooks(id, done);
  }
  node.mapped().awaiting.reset();
  Release(node.mapped().entry.mounts);
  done(made.status());
}

void Sandbox::Keep(const std::string& id, Making making, jail::Container::Made made) {
  Entry& entry = containers_[id] = std::move(making.entry);
  entry.container =
      std::make_unique<Container>(context_, id, std::move(making.init_id), std::move(made));
  const std::string group = entry.container->cgroup();
  if (group.empty()) return;
  const Status watched = oom_->Watch(id, group);
  if (!watched.ok()) Log(LogLevel::kDebug, watched.message());
}

void Sandbox::GiveUpCreate(const std::string& id) {
  GiveUpCreate(id, Cancelled("the client gave up"));
}

// The child first: it uses the storages.
void Sandbox::GiveUpCreate(const std::string& id, const Status& why) {
  auto node = makings_.extract(id);
  if (node.empty()) return;
  node.mapped().awaiting.reset();
  Release(node.mapped().entry.mounts);
  node.mapped().done(why);
}

void Sandbox::GiveUpStart(const std::string& id) {
  const auto it = containers_.find(id);
  if (it != containers_.end()) it->second.container->GiveUpStart(Cancelled("the client gave up"));
}

std::string Sandbox::StateOf(const std::string& id, const std::string& status, int pid) const {
  const auto it = containers_.find(id);
  return it == containers_.end() ? "" : StateJson(id, status, pid, it->second.described);
}

void Sandbox::CreateContainer(const grpc::CreateContainerRequest& request, Done done) {
  const Status making = MakeContainer(request, done);
  if (!making.ok()) done(making);
}

void Sandbox::RunFirstHooks(const std::string& id, const Done& done) {
  if (hooks_.prestart.empty()) return done(OkStatus());
  Entry& entry = containers_[id];
  const std::uint64_t making = entry.making = ++last_making_;
  const std::string state = StateOf(id, "created", entry.container->init_pid());
  hook_runner_.Run(hooks_.prestart, state, [this, id, making, done](const Status& status) {
    const auto it = containers_.find(id);
    // Another may have its id by now.
    if (it == containers_.end() || it->second.making != making) {
      return done(NotFound("container " + id + " was removed while its hooks ran"));
    }
    it->second.making = 0;
    if (status.ok()) return done(status);
    RemoveContainer(id, [done, status](const Status& removed) {
      if (!removed.ok()) Log(LogLevel::kError, removed.message());
      done(status);
    });
  });
}

void Sandbox::StartContainer(const std::string& id, Done done) {
  const auto it = containers_.find(id);
  if (it == containers_.end()) return done(Find(id).status());
  if (it->second.making != 0) {
    return done(FailedPrecondition("container " + id + " is still being created"));
  }
  const int pid = it->second.container->init_pid();
  it->second.container->Start([this, id, pid, done = std::move(done)](const Status& started) {
    if (!started.ok() || hooks_.poststart.empty()) return done(started);
    hook_runner_.RunAll(hooks_.poststart, StateOf(id, "running", pid), done);
  });
}

void Sandbox::RemoveContainer(const std::string& id, Done done) {
  if (makings_.count(id) != 0) {
    GiveUpCreate(id, NotFound("container " + id + " was removed while it was made"));
    return done(OkStatus());
  }
  const Result<Container*> found = Find(id);
  if (!found.ok()) return done(found.status());
  (*found)->Remove(
      [this, id, done = std::move(done)](const Status& status) { Removed(id, status, done); });
}

void Sandbox::Removed(const std::string& id, const Status& status, const Done& done) {
  if (!status.ok()) return done(status);
  const std::string state = StateOf(id, "stopped", 0);
  auto node = containers_.extract(id);
  if (node.empty()) return done(status);  // another call was told first
  oom_->Unwatch(id);
  // Not at once: this runs inside the container.
  context_.loop->Defer([gone = std::shared_ptr<Container>(std::move(node.mapped().container))] {});
  const Status released = storages_.Release(node.mapped().mounts);
  hook_runner_.RunAll(hooks_.poststop, state, [done, released](const Status&) { done(released); });
}

}  // namespace shoji::agent
