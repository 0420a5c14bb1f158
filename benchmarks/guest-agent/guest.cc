#include "guest.h"

#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "shoji/base/unique_fd.h"

namespace shoji::bench {
namespace {

using Stub = grpc::AgentService::Stub;
constexpr char kShare[] = "/run/kata-containers/shared/containers";
constexpr char kRam[] = "/run/kata-containers/sandbox/ephemeral/ram";
constexpr std::chrono::seconds kPatience{120};

[[noreturn]] void Fail(const std::string& why) {
  std::cerr << "guest-driver: " << why << "\n";
  std::exit(1);
}

UniqueFd Connect(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) Fail("path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    Fail("cannot connect to " + path);
  }
  return fd;
}

template <typename Service, typename Method, typename Request, typename Reply>
grpc::Status Try(Service* service, Method method, const Request& request, Reply* reply) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  context.set_wait_for_ready(true);
  return (service->*method)(&context, request, reply);
}

template <typename Service, typename Method, typename Request, typename Reply>
void Call(Service* service, Method method, const Request& request, Reply* reply) {
  const grpc::Status status = Try(service, method, request, reply);
  if (!status.ok()) Fail(status.error_message());
}

template <typename Method, typename Request>
void Do(Stub* agent, Method method, const Request& request) {
  google::protobuf::Empty empty;
  Call(agent, method, request, &empty);
}

void AddMount(grpc::Spec* spec, const std::string& type, const std::string& where,
              const std::vector<std::string>& options) {
  grpc::Mount* mount = spec->add_mounts();
  mount->set_type(type);
  mount->set_source(type);
  mount->set_destination(where);
  for (const std::string& option : options) mount->add_options(option);
}

void AddBind(grpc::Spec* spec, const std::string& source, const std::string& where) {
  AddMount(spec, "bind", where, {"bind"});
  spec->mutable_mounts(spec->mounts_size() - 1)->set_source(source);
}

grpc::CreateContainerRequest Request(const std::string& id, const std::string& root,
                                     const std::vector<std::string>& args) {
  grpc::CreateContainerRequest request;
  request.set_container_id(id);
  request.set_exec_id(id);
  grpc::Spec* spec = request.mutable_oci();
  spec->set_version("1.0.2");
  spec->mutable_root()->set_path(root);
  spec->mutable_process()->set_cwd("/");
  spec->mutable_process()->add_env("PATH=/bin:/usr/bin");
  for (const std::string& arg : args) spec->mutable_process()->add_args(arg);
  AddMount(spec, "proc", "/proc", {});
  spec->mutable_linux()->add_namespaces()->set_type("mount");
  return request;
}

std::string Root(Place place, const std::string& name) {
  return std::string(place == Place::kRam ? kRam : kShare) + "/" + name;
}

void AddCapabilities(grpc::Process* process, const std::vector<std::string>& names) {
  grpc::LinuxCapabilities* sets = process->mutable_capabilities();
  for (const std::string& name : names) {
    sets->add_bounding(name);
    sets->add_effective(name);
    sets->add_permitted(name);
  }
}

// As plugins/agents/kata sets its channel up.
grpc::ChannelArguments LargeFrames() {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(-1);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  args.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  return args;
}

}  // namespace

Guest::Guest(const std::string& socket) {
  bridge_ = std::make_unique<agent::testing::YamuxBridge>(Connect(socket));
  channel_ = grpc::CreateInsecureChannelFromFd("agent", bridge_->Open());
  agent_ = grpc::AgentService::NewStub(channel_);
  const auto health = grpc::Health::NewStub(channel_);
  grpc::HealthCheckResponse answer;
  Call(health.get(), &grpc::Health::Stub::Check, grpc::CheckRequest(), &answer);
  grpc::CreateSandboxRequest request;
  request.set_sandbox_id("bench");
  grpc::Storage* storage = request.add_storages();
  storage->set_driver("9p");
  storage->set_source("kataShared");
  storage->set_fstype("9p");
  storage->set_mount_point(kShare);
  // As Shoji mounts it.
  for (const char* option :
       {"trans=virtio", "version=9p2000.L", "cache=mmap", "nodev", "msize=524288"}) {
    storage->add_options(option);
  }
  storage = request.add_storages();
  storage->set_driver("ephemeral");
  storage->set_source("tmpfs");
  storage->set_fstype("tmpfs");
  storage->set_mount_point(kRam);
  Do(agent_.get(), &Stub::CreateSandbox, request);
}

grpc::CreateContainerRequest Guest::Plain(const std::string& id, Place place,
                                          const std::vector<std::string>& args) {
  auto request = Request(id, Root(place, "root"), args);
  grpc::Spec* spec = request.mutable_oci();
  AddMount(spec, "tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  AddMount(spec, "devpts", "/dev/pts",
           {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  AddMount(spec, "tmpfs", "/dev/shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  AddMount(spec, "mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"});
  AddMount(spec, "sysfs", "/sys", {"nosuid", "noexec", "nodev", "ro"});
  AddMount(spec, "cgroup2", "/sys/fs/cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
  for (const char* type : {"ipc", "uts", "cgroup"}) {
    spec->mutable_linux()->add_namespaces()->set_type(type);
  }
  for (const char* path : {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                           "/proc/sched_debug", "/sys/firmware", "/proc/scsi"}) {
    spec->mutable_linux()->add_maskedpaths(path);
  }
  for (const char* path :
       {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}) {
    spec->mutable_linux()->add_readonlypaths(path);
  }
  AddCapabilities(spec->mutable_process(), {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"});
  spec->mutable_process()->set_nonewprivileges(true);
  return request;
}

grpc::CreateContainerRequest Guest::Privileged(const std::string& id, Place place,
                                               const std::vector<std::string>& args) {
  auto request = Request(id, Root(place, "tools"), args);
  grpc::Spec* spec = request.mutable_oci();
  AddMount(spec, "tmpfs", "/dev", {"mode=755"});
  AddMount(spec, "devpts", "/dev/pts", {"newinstance", "ptmxmode=0666", "mode=0620"});
  AddMount(spec, "sysfs", "/sys", {});
  AddMount(spec, "cgroup2", "/sys/fs/cgroup", {});
  AddMount(spec, "tmpfs", "/run", {"mode=755"});
  AddBind(spec, kShare, "/share");
  AddBind(spec, kRam, "/ram");
  AddBind(spec, "/proc", "/guest-proc");  // the agent is PID 1 there
  AddCapabilities(spec->mutable_process(),
                  {"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                   "CAP_IPC_LOCK", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_RAW",
                   "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN",
                   "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE", "CAP_NET_BIND_SERVICE"});
  return request;
}

void Guest::Create(const grpc::CreateContainerRequest& request) {
  Do(agent_.get(), &Stub::CreateContainer, request);
}

void Guest::Start(const std::string& id) {
  grpc::StartContainerRequest request;
  request.set_container_id(id);
  Do(agent_.get(), &Stub::StartContainer, request);
}

int Guest::Wait(const std::string& id, const std::string& exec_id) {
  grpc::WaitProcessRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  grpc::WaitProcessResponse reply;
  Call(agent_.get(), &Stub::WaitProcess, request, &reply);
  return reply.status();
}

void Guest::Remove(const std::string& id) {
  grpc::RemoveContainerRequest request;
  request.set_container_id(id);
  Do(agent_.get(), &Stub::RemoveContainer, request);
}

std::string Guest::Exec(const std::string& id, const std::vector<std::string>& args) {
  const std::string exec_id = "exec" + std::to_string(++execs_);
  grpc::ExecProcessRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  *request.mutable_process() = Privileged(id, Place::kRam, args).oci().process();
  Do(agent_.get(), &Stub::ExecProcess, request);
  return exec_id;
}

double Guest::SecondsToRead(const std::string& id, const std::vector<std::string>& args,
                            const Reading& reading, std::uint64_t bytes) {
  if (reading.large_frames && large_frames_ == nullptr) {
    large_frames_ = grpc::AgentService::NewStub(
        grpc::CreateCustomInsecureChannelFromFd("agent", bridge_->Open(), LargeFrames()));
  }
  Stub* const stub = reading.large_frames ? large_frames_.get() : agent_.get();
  const auto begin = std::chrono::steady_clock::now();
  const std::string exec_id = Exec(id, args);
  grpc::ReadStreamRequest read;
  read.set_container_id(id);
  read.set_exec_id(exec_id);
  read.set_len(reading.length);
  grpc::ReadStreamResponse reply;
  std::uint64_t got = 0;
  while (Try(stub, &Stub::ReadStdout, read, &reply).ok()) got += reply.data().size();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  (void)Try(stub, &Stub::ReadStderr, read, &reply);
  if (Wait(id, exec_id) != 0 || got != bytes) {
    Fail("read " + std::to_string(got) + " of " + std::to_string(bytes) +
         " bytes: " + reply.data());
  }
  return took.count();
}

std::string Guest::Output(const std::string& id, const std::vector<std::string>& args) {
  const std::string exec_id = Exec(id, args);
  grpc::ReadStreamRequest read;
  read.set_container_id(id);
  read.set_exec_id(exec_id);
  read.set_len(32768);
  std::string all;
  grpc::ReadStreamResponse reply;
  while (Try(agent_.get(), &Stub::ReadStdout, read, &reply).ok()) all += reply.data();
  const grpc::Status ended = Try(agent_.get(), &Stub::ReadStderr, read, &reply);
  if (const int code = Wait(id, exec_id); code != 0) {
    Fail(args.back() + " ended with " + std::to_string(code) + ": " + all +
         (ended.ok() ? reply.data() : ""));
  }
  return all;
}

}  // namespace shoji::bench
