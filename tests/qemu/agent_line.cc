#include "agent_line.h"

#include <grpcpp/create_channel_posix.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "shoji-kata/agent.grpc.pb.h"
#include "shoji-kata/health.grpc.pb.h"
#include "shoji/base/socket.h"
#include "testing/yamux_bridge.h"

namespace shoji::qemu::testing {
namespace {

using Stub = grpc::AgentService::Stub;

constexpr char kMountPoint[] = "/run/kata-containers/shared/containers";
constexpr char kContainer[] = "tool";
constexpr std::chrono::seconds kPatience{120};

}  // namespace

struct AgentLine::Impl {
  std::unique_ptr<agent::testing::YamuxBridge> bridge;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<Stub> stub;
  std::string failure;

  template <typename Method, typename Request, typename Reply>
  std::string Call(Method method, const Request& request, Reply* reply) {
    if (stub == nullptr) return failure;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Status status = (stub.get()->*method)(&context, request, reply);
    return status.ok() ? "" : "agent: " + status.error_message();
  }
  template <typename Method, typename Request>
  std::string Do(Method method, const Request& request) {
    google::protobuf::Empty empty;
    return Call(method, request, &empty);
  }
  std::string ReadOutput(std::string* output) {
    for (;;) {
      grpc::ReadStreamRequest read;
      grpc::ReadStreamResponse reply;
      read.set_container_id(kContainer);
      read.set_exec_id(kContainer);
      read.set_len(32768);
      if (!Call(&Stub::ReadStdout, read, &reply).empty()) break;  // the end of the stream
      *output += reply.data();
    }
    grpc::RemoveContainerRequest remove;
    remove.set_container_id(kContainer);
    return Do(&Stub::RemoveContainer, remove);
  }
};

AgentLine::AgentLine(const std::string& socket) : impl_(std::make_unique<Impl>()) {
  auto fd = ConnectUnix(socket);
  if (!fd.ok()) {
    impl_->failure = fd.status().message();
    return;
  }
  impl_->bridge = std::make_unique<agent::testing::YamuxBridge>(std::move(*fd));
  impl_->channel = grpc::CreateInsecureChannelFromFd("agent", impl_->bridge->Open());
  impl_->stub = grpc::AgentService::NewStub(impl_->channel);
}

AgentLine::~AgentLine() {
  impl_->stub.reset();
  impl_->channel.reset();
}

void AgentLine::OpenOnce() {
  auto pair = SocketPair();
  if (pair.ok()) (void)grpc::CreateInsecureChannelFromFd("none", pair->first.release());
}

std::string AgentLine::Check() {
  if (impl_->channel == nullptr) return impl_->failure;
  const auto health = grpc::Health::NewStub(impl_->channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::HealthCheckResponse reply;
  const grpc::Status status = health->Check(&context, grpc::CheckRequest(), &reply);
  return status.ok() ? "" : "agent: " + status.error_message();
}

std::unique_ptr<AgentLine> AgentLine::Talk(const std::string& socket) {
  constexpr int kTries = 5;
  auto line = std::make_unique<AgentLine>(socket);
  for (int i = 1; i < kTries && !line->Check().empty(); ++i) {
    line = std::make_unique<AgentLine>(socket);
  }
  return line;
}

std::string AgentLine::MountShare(const std::string& storage) {
  const auto json = nlohmann::json::parse(storage, nullptr, false);
  grpc::CreateSandboxRequest request;
  grpc::Storage* share = request.add_storages();
  share->set_driver(json.value("driver", ""));
  share->set_source(json.value("source", ""));
  share->set_fstype(json.value("fstype", ""));
  for (const auto& option : json["options"]) share->add_options(option.get<std::string>());
  share->set_mount_point(kMountPoint);
  return impl_->Do(&Stub::CreateSandbox, request);
}

std::string AgentLine::Run(const std::vector<std::string>& args, std::string* output) {
  grpc::CreateContainerRequest request;
  request.set_container_id(kContainer);
  request.set_exec_id(kContainer);
  grpc::Spec* spec = request.mutable_oci();
  spec->set_version("1.0.2");
  spec->mutable_root()->set_path(std::string(kMountPoint) + "/rootfs");
  spec->mutable_process()->set_cwd("/");
  spec->mutable_process()->add_env("PATH=/bin");
  spec->mutable_process()->add_args("/bin/busybox");
  for (const std::string& arg : args) spec->mutable_process()->add_args(arg);
  grpc::Mount* proc = spec->add_mounts();
  proc->set_type("proc");
  proc->set_source("proc");
  proc->set_destination("/proc");
  grpc::Mount* log = spec->add_mounts();  // the kernel's log, and with it the console
  log->set_type("bind");
  log->set_source("/dev/kmsg");
  log->set_destination("/dev/kmsg");
  log->add_options("bind");
  spec->mutable_linux()->add_namespaces()->set_type("mount");
  if (std::string bad = impl_->Do(&Stub::CreateContainer, request); !bad.empty()) return bad;
  grpc::StartContainerRequest start;
  start.set_container_id(kContainer);
  if (std::string bad = impl_->Do(&Stub::StartContainer, start); !bad.empty()) return bad;
  return impl_->ReadOutput(output);
}

}  // namespace shoji::qemu::testing
