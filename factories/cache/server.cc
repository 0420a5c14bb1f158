#include "server.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "grpc_status.h"
#include "peer.h"
#include "shoji-cache/cache.grpc.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::cache {
namespace {

constexpr std::chrono::seconds kGoodbye{1};
constexpr int kMibShift = 20;

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A VM is moved nowhere but to a sandbox of ours.
Status CheckDirectory(const std::string& run_dir, const std::string& dir) {
  const std::string prefix = run_dir + "/sandboxes/";
  const std::string id = dir.rfind(prefix, 0) == 0 ? dir.substr(prefix.size()) : std::string();
  if (id.empty() || id == "." || id == ".." || id.find('/') != std::string::npos) {
    return InvalidArgument("directory \"" + dir + "\" is not that of a sandbox below " + prefix);
  }
  if (!IsDirectory(dir)) return NotFound("directory " + dir + " of the sandbox is gone");
  return OkStatus();
}

class Service final : public ::cache::CacheService::Service {
 public:
  Service(const sdk::Host& host, Pool* pool, std::string run_dir)
      : host_(host), pool_(pool), run_dir_(std::move(run_dir)), quit_(eventfd(0, EFD_CLOEXEC)) {}

  int quit_fd() const { return quit_.get(); }

  grpc::Status Config(grpc::ServerContext* /*context*/, const ::cache::Empty* /*request*/,
                      ::cache::GrpcVMConfig* reply) override {
    const Wanted wanted = pool_->wanted();
    reply->set_data(wanted.ToJson(pool_->abilities()));
    reply->set_agentconfig(wanted.AgentJson());
    return grpc::Status::OK;
  }

  grpc::Status GetBaseVM(grpc::ServerContext* /*context*/, const ::cache::GetBaseVMRequest* request,
                         ::cache::GrpcVM* reply) override {
    return ToGrpc(Give(request->directory(), reply));
  }

  grpc::Status Status(grpc::ServerContext* /*context*/, const ::cache::Empty* /*request*/,
                      ::cache::GrpcStatus* reply) override {
    reply->set_pid(getpid());
    for (const Pool::Vm& vm : pool_->List()) {
      ::cache::GrpcVMStatus* const status = reply->add_vmstatus();
      status->set_pid(vm.pid);
      status->set_cpu(vm.vcpus);
      status->set_memory(static_cast<std::uint32_t>(vm.memory_bytes >> kMibShift));
    }
    reply->set_detail(pool_->Trouble());
    return grpc::Status::OK;
  }

  grpc::Status Quit(grpc::ServerContext* /*context*/, const ::cache::Empty* /*request*/,
                    ::cache::Empty* /*reply*/) override {
    eventfd_write(quit_.get(), 1);
    return grpc::Status::OK;
  }

 private:
  shoji::Status Give(const std::string& dir, ::cache::GrpcVM* reply) {
    SHOJI_RETURN_IF_ERROR(CheckDirectory(run_dir_, dir));
    const Wanted wanted = pool_->wanted();
    SHOJI_ASSIGN_OR_RETURN(auto vm, pool_->Take(wanted));
    // From here on it is the sandbox', whatever becomes of the answer.
    if (shoji::Status moved = vm->place().MoveTo(dir); !moved.ok()) {
      pool_->GiveBack(std::move(vm));
      return moved;
    }
    reply->set_id(vm->place().id());
    reply->set_hypervisor(vm->state());
    reply->set_cpu(vm->made().vcpus());
    reply->set_memory(static_cast<std::uint32_t>(vm->made().memory_bytes() >> kMibShift));
    host_.Log(SHOJI_LOG_INFO, "VM " + vm->place().id() + " goes to " + dir);
    pool_->Reap(vm->GiveAway());
    return OkStatus();
  }

  const sdk::Host host_;
  Pool* const pool_;
  const std::string run_dir_;
  const UniqueFd quit_;
};

}  // namespace

struct Server::Impl {
  Impl(const sdk::Host& host, Pool* pool, const std::string& run_dir, std::string path)
      : socket_path(std::move(path)), service(host, pool, run_dir), log(host) {}

  void Accept() const;

  const std::string socket_path;
  Service service;
  const sdk::Host log;
  UniqueFd socket;
  std::unique_ptr<grpc::Server> server;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::Listen(const sdk::Host& host, Pool* pool,
                                               const std::string& run_dir,
                                               const std::string& socket_path) {
  auto impl = std::make_unique<Impl>(host, pool, run_dir, socket_path);
  KeepGrpc();
  grpc::ServerBuilder builder;
  builder.RegisterService(&impl->service);
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) return Internal("the gRPC server did not start");
  SHOJI_ASSIGN_OR_RETURN(impl->socket, ListenUnix(socket_path, 64, 0600));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(impl->socket.get(), true));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  if (impl_->socket) static_cast<void>(RemoveFile(impl_->socket_path));
  impl_->socket.reset();
  if (impl_->server != nullptr) {
    impl_->server->Shutdown(std::chrono::system_clock::now() + kGoodbye);
    impl_->server->Wait();
  }
}

void Server::Impl::Accept() const {
  UniqueFd client(accept4(socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client) return;
  const auto peer = PeerOf(client.get());
  if (!peer.ok() || !MayAsk(*peer)) {
    log.Log(SHOJI_LOG_WARN, "a process of another user asked for a VM and was turned away");
    return;
  }
  grpc::AddInsecureChannelFromFd(server.get(), client.release());
}

Status Server::Run(int cancel_fd) {
  for (;;) {
    pollfd entries[] = {{impl_->socket.get(), POLLIN, 0},
                        {impl_->service.quit_fd(), POLLIN, 0},
                        {cancel_fd, POLLIN, 0}};
    if (poll(entries, 3, -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (entries[2].revents != 0) return Cancelled("serving VMs was cancelled");
    if (entries[1].revents != 0) return OkStatus();
    if (entries[0].revents != 0) impl_->Accept();
  }
}

}  // namespace shoji::cache
