#include "cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "client.h"
#include "server.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "socket_lock.h"
#include "wake.h"

namespace shoji::cache {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostVms = 64;
// A server that has a VM answers at once.
constexpr std::chrono::seconds kServerLimit{2};
constexpr std::chrono::seconds kQuitLimit{30};

Deadline DeadlineOf(const shoji_call* call) {
  return Deadline::FromNanos(sdk::CallView(call).get()->deadline_ns);
}

// The caller gave up: then there is nothing to fall back to.
bool GaveUp(const shoji_call* call, const Status& status) {
  return status.code() == StatusCode::kCancelled || DeadlineOf(call).passed();
}

json ListJson(const std::vector<Pool::Vm>& vms) {
  json out = json::array();
  for (const Pool::Vm& vm : vms) {
    out.push_back({{"pid", vm.pid}, {"vcpus", vm.vcpus}, {"memory", vm.memory_bytes}});
  }
  return out;
}

std::string ToJson(const std::vector<Pool::Vm>& vms, const std::string& detail,
                   std::int64_t server_pid) {
  json out = {{"ready", vms.size()}, {"detail", detail}, {"vms", ListJson(vms)}};
  if (server_pid != 0) out["server"] = server_pid;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<std::unique_ptr<sdk::FactoryBase>> CacheFactory::Open(const sdk::Host& host,
                                                             const shoji_options* options) {
  const sdk::OptionMap map(options);
  Settings settings;
  if (!map.Get("size").empty()) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t size, map.GetNumber("size"));
    if (size < 1 || size > kMostVms) {
      return InvalidArgument("option \"size\" is " + std::to_string(size) + "; write 1 to " +
                             std::to_string(kMostVms));
    }
    settings.size = size;
  }
  if (!map.Get("base").empty()) settings.base = map.Get("base");
  if (settings.base == "cache") {
    return InvalidArgument(
        "option \"base\" is \"cache\"; write the factory that makes the VMs: "
        "direct or template");
  }
  if (!map.Get("warm_up").empty()) settings.warm_up = map.GetBool("warm_up");
  settings.socket = map.Get("socket");
  return std::unique_ptr<sdk::FactoryBase>(
      std::make_unique<CacheFactory>(host, std::move(settings)));
}

Result<std::string> CacheFactory::RunDir() const { return host_.Dir(SHOJI_DIR_RUN); }

Result<std::string> CacheFactory::SocketPath() const {
  if (!settings_.socket.empty()) return settings_.socket;
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, RunDir());
  return run_dir + "/factory/cache.sock";
}

Result<std::shared_ptr<const Base>> CacheFactory::BaseFactory(shoji_error* error) {
  const MutexLock lock(mutex_);
  if (base_ == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(auto opened, Base::Open(host_, settings_.base, error));
    base_ = std::move(opened);
  }
  return base_;
}

std::shared_ptr<Pool> CacheFactory::OwnPool() {
  const MutexLock lock(mutex_);
  return pool_;
}

std::string CacheFactory::Reason(const Status& status, const shoji_error* error) const {
  if (status.detail("told").empty()) return std::string(status.message());
  const std::string told = sdk::ToldText(host_, error);
  return told.empty() ? std::string(StatusCodeName(status.code())) : told;
}

// ---- new_vm ------------------------------------------------------------------------------

Result<sdk::NewVm> CacheFactory::Make(const shoji_call* call, const shoji_vm_request& request,
                                      shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(host_, request, error));
  auto woken = MakeFromWaiting(call, request, wanted, error);
  if (woken.ok() || GaveUp(call, woken.status())) return woken;
  host_.Log(SHOJI_LOG_INFO, "no VM that waited is used: " + Reason(woken.status(), error) +
                                "; factory " + settings_.base + " makes one");
  SHOJI_ASSIGN_OR_RETURN(const auto base, BaseFactory(error));
  SHOJI_ASSIGN_OR_RETURN(const shoji_new_vm made, base->New(call, request, error));
  return sdk::NewVm{made.vm,    made.proxy,      made.agent,
                    made.flags, made.boot_vcpus, made.boot_memory_bytes};
}

Result<sdk::NewVm> CacheFactory::MakeFromWaiting(const shoji_call* call,
                                                 const shoji_vm_request& request,
                                                 const Wanted& wanted, shoji_error* error) {
  const std::shared_ptr<Pool> pool = OwnPool();
  auto waiting =
      pool != nullptr ? FromPool(*pool, wanted) : FromServer(call, request, wanted, error);
  if (!waiting.ok()) return waiting.status();
  return Wake(host_, call, request, std::move(*waiting), error);
}

Result<std::unique_ptr<Waiting>> CacheFactory::FromPool(Pool& pool, const Wanted& wanted) {
  auto taken = pool.Take(wanted);
  // The next one will ask for the same, most likely.
  if (!wanted.Mismatch(pool.wanted(), pool.abilities()).empty()) pool.Want(wanted);
  return taken;
}

// An answer that does not come does not mean that no VM does: `held` is made for this one
// question, and its removal ends the matter.
Result<std::unique_ptr<Waiting>> CacheFactory::FromServer(const shoji_call* call,
                                                          const shoji_vm_request& request,
                                                          const Wanted& wanted,
                                                          shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, RunDir());
  SHOJI_ASSIGN_OR_RETURN(const std::string socket, SocketPath());
  const Deadline limit = Deadline::After(kServerLimit).Min(DeadlineOf(call));
  SHOJI_ASSIGN_OR_RETURN(const auto client, Client::Connect(socket, limit));
  if (!client->shares_mounts()) {
    return FailedPrecondition("the server at " + socket + " has other mounts than this process");
  }
  SHOJI_ASSIGN_OR_RETURN(const Offer offer, client->Config());
  const std::string mismatch = wanted.Mismatch(offer.made, offer.abilities);
  if (!mismatch.empty()) return NotFound("the VMs that wait are of another kind: " + mismatch);
  const std::string sandbox = SandboxDirOf(request);
  const std::string held = HeldDir(sandbox);
  if (mkdir(held.c_str(), 0700) < 0) return ErrnoStatus(errno, "cannot create directory " + held);
  const auto given = client->GetVm(sandbox);
  if (!given.ok() && rmdir(held.c_str()) == 0) return given.status();
  auto place = Place::FindMoved(run_dir, sandbox);
  if (!place.ok()) {
    static_cast<void>(RemoveTree(held));
    return given.ok() ? place.status() : given.status();
  }
  SHOJI_ASSIGN_OR_RETURN(const std::string state, ReadFile(place->dir() + "/state"));
  return Waiting::Attach(host_, std::move(*place), request, state, offer.made, error);
}

// ---- what is made in advance --------------------------------------------------------------

Status CacheFactory::Prepare(const shoji_call* call, const shoji_vm_request& request,
                             shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(host_, request, error));
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, RunDir());
  SHOJI_ASSIGN_OR_RETURN(const auto base, BaseFactory(error));
  SHOJI_RETURN_IF_ERROR(base->Prepare(call, request, error));
  const sdk::CallView view(call);
  const int cancel_fd = view.get()->cancel_fd;
  std::shared_ptr<Pool> pool = OwnPool();
  if (pool == nullptr) {
    // The first one here, so that the caller is told what is wrong.
    SHOJI_ASSIGN_OR_RETURN(auto first, Waiting::Make(host_, *base, wanted, run_dir, cancel_fd,
                                                     settings_.warm_up, error));
    pool = std::make_shared<Pool>(
        host_, Pool::Options{base, run_dir, settings_.size, settings_.warm_up, nullptr}, wanted,
        std::move(first));
    const MutexLock lock(mutex_);
    if (pool_ == nullptr) pool_ = pool;
    pool = pool_;
  } else if (!wanted.Mismatch(pool->wanted(), pool->abilities()).empty()) {
    pool->Want(wanted);
  }
  return pool->AwaitFull(cancel_fd, DeadlineOf(call));
}

Status CacheFactory::Serve(const shoji_call* call, const shoji_vm_request& request,
                           const std::string& socket_path, shoji_error* error) {
  SHOJI_ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(host_, request, error));
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, RunDir());
  SHOJI_ASSIGN_OR_RETURN(std::string path, SocketPath());
  if (!socket_path.empty()) path = socket_path;
  // In this order, so that the lock goes last.
  SHOJI_ASSIGN_OR_RETURN(const SocketLock lock, SocketLock::Take(path));
  SHOJI_ASSIGN_OR_RETURN(const auto base, BaseFactory(error));
  SHOJI_RETURN_IF_ERROR(base->Prepare(call, request, error));
  Pool pool(host_, {base, run_dir, settings_.size, settings_.warm_up, error}, wanted, nullptr);
  SHOJI_ASSIGN_OR_RETURN(const auto server, Server::Listen(host_, &pool, run_dir, path));
  host_.Log(SHOJI_LOG_INFO, "VMs are kept ready at " + path);
  return server->Run(sdk::CallView(call).get()->cancel_fd);
}

Result<std::string> CacheFactory::StatusJson(const shoji_call* call) {
  if (const auto pool = OwnPool(); pool != nullptr) {
    const std::string trouble = pool->Trouble();
    return ToJson(pool->List(), trouble.empty() ? "VMs wait in this process" : trouble, 0);
  }
  SHOJI_ASSIGN_OR_RETURN(const std::string socket, SocketPath());
  const auto client = Client::Connect(socket, Deadline::After(kServerLimit).Min(DeadlineOf(call)));
  if (!client.ok()) return ToJson({}, std::string(client.status().message()), 0);
  const auto status = (*client)->GetStatus();
  if (!status.ok()) return ToJson({}, std::string(status.status().message()), 0);
  const std::string detail = "VMs wait in process " + std::to_string(status->pid);
  return ToJson(status->vms, status->detail.empty() ? detail : status->detail, status->pid);
}

Status CacheFactory::Destroy(const shoji_call* call) {
  std::shared_ptr<Pool> pool;
  {
    const MutexLock lock(mutex_);
    pool = std::exchange(pool_, nullptr);
  }
  pool.reset();
  SHOJI_ASSIGN_OR_RETURN(const std::string socket, SocketPath());
  const auto client = Client::Connect(socket, Deadline::After(kServerLimit).Min(DeadlineOf(call)));
  if (client.ok()) {
    SHOJI_RETURN_IF_ERROR((*client)->Quit());
    const Deadline limit = Deadline::After(kQuitLimit).Min(DeadlineOf(call));
    SHOJI_RETURN_IF_ERROR(
        SocketLock::AwaitFree(socket, limit, sdk::CallView(call).get()->cancel_fd));
  } else if (client.status().code() != StatusCode::kUnavailable) {
    return client.status();
  }
  const auto base = BaseFactory(nullptr);
  return base.ok() ? (*base)->Destroy(call, nullptr) : OkStatus();
}

}  // namespace shoji::cache
