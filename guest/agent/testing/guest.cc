#include "testing/guest.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "shoji/base/private_mounts.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent::testing {
namespace {

// In the child: a world of its own, then the agent.
[[noreturn]] void RunAgent(const std::string& program, const std::string& address,
                           const GuestOptions& options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool ready = MakeMountsPrivate().ok() && mount("proc", "/proc", "proc", 0, nullptr) == 0 &&
                     mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0;
  const bool shown =
      options.sys.empty() || mount(options.sys.c_str(), "/sys", nullptr, MS_BIND, nullptr) == 0;
  if (options.cgroups) mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr);
  std::vector<const char*> args = {"shoji-agent", "--listen", address.c_str()};
  for (const std::string& word : options.words) args.push_back(word.c_str());
  args.push_back(nullptr);
  if (ready && shown) execv(program.c_str(), const_cast<char**>(args.data()));
  _exit(99);
}

}  // namespace

Guest::Guest(const GuestOptions& options) {
  char dir[] = "/tmp/agent-test-XXXXXX";
  dir_ = mkdtemp(dir);
  MakeRoot();
  const std::string program = SHOJI_AGENT_PROGRAM;
  const std::string address = "unix://" + socket();
  const long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
  const long child = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) RunAgent(program, address, options);
  agent_pid_ = static_cast<pid_t>(child);
  const auto channel = Dial();
  agent_ = grpc::AgentService::NewStub(channel);
  health_ = grpc::Health::NewStub(channel);
}

Guest::~Guest() {
  kill(agent_pid_, SIGTERM);
  int status = 0;
  EXPECT_EQ(waitpid(agent_pid_, &status, 0), agent_pid_);
  EXPECT_EQ(status, 0) << "the agent ended badly";
  std::filesystem::remove_all(dir_);
}

void Guest::InNetwork(const std::function<void()>& task) const {
  const UniqueFd own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string path = "/proc/" + std::to_string(agent_pid_) + "/ns/net";
  const UniqueFd its(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(setns(its.get(), CLONE_NEWNET), 0);
  task();
  ASSERT_EQ(setns(own.get(), CLONE_NEWNET), 0);
}

void Guest::MakeRoot() {
  const std::string root = dir_ + "/rootfs";
  for (const char* sub : {"/bin", "/proc", "/dev", "/sys", "/tmp", "/etc"}) {
    std::filesystem::create_directories(root + sub);
  }
  std::filesystem::copy("/bin/busybox", root + "/bin/busybox");
  for (const char* name : {"sh", "cat", "echo", "sleep", "true", "dd", "tty", "kill", "tr"}) {
    std::filesystem::create_symlink("busybox", root + "/bin/" + name);
  }
}

std::shared_ptr<grpc::Channel> Guest::Dial() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  auto channel =
      grpc::CreateCustomChannel("unix:" + socket(), grpc::InsecureChannelCredentials(), arguments);
  const auto limit = std::chrono::system_clock::now() + std::chrono::seconds(20);
  EXPECT_TRUE(channel->WaitForConnected(limit)) << "the agent does not listen";
  return channel;
}

grpc::Status Guest::CreateSandbox() {
  grpc::ClientContext context;
  grpc::CreateSandboxRequest request;
  google::protobuf::Empty empty;
  request.set_hostname("guest");
  return agent_->CreateSandbox(&context, request, &empty);
}

grpc::CreateContainerRequest Guest::Request(const std::string& id,
                                            const std::vector<std::string>& args) {
  grpc::CreateContainerRequest request;
  request.set_container_id(id);
  request.set_exec_id(id);
  grpc::Spec* spec = request.mutable_oci();
  spec->set_version("1.0.2");
  spec->mutable_root()->set_path(dir_ + "/rootfs");
  grpc::Process* process = spec->mutable_process();
  for (const std::string& arg : args) process->add_args(arg);
  process->add_env("PATH=/bin");
  process->set_cwd("/");
  grpc::Mount* proc = spec->add_mounts();
  proc->set_destination("/proc");
  proc->set_type("proc");
  proc->set_source("proc");
  for (const char* type : {"mount", "ipc", "uts"}) {
    spec->mutable_linux()->add_namespaces()->set_type(type);
  }
  return request;
}

grpc::Status Guest::Create(const grpc::CreateContainerRequest& request) {
  grpc::ClientContext context;
  google::protobuf::Empty empty;
  return agent_->CreateContainer(&context, request, &empty);
}

grpc::Status Guest::Start(const std::string& id) {
  grpc::ClientContext context;
  grpc::StartContainerRequest request;
  google::protobuf::Empty empty;
  request.set_container_id(id);
  return agent_->StartContainer(&context, request, &empty);
}

grpc::Status Guest::Run(const std::string& id, const std::vector<std::string>& args) {
  const grpc::Status created = Create(Request(id, args));
  return created.ok() ? Start(id) : created;
}

grpc::Status Guest::Exec(const std::string& id, const std::string& exec_id,
                         const std::vector<std::string>& args) {
  grpc::ClientContext context;
  grpc::ExecProcessRequest request;
  google::protobuf::Empty empty;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  for (const std::string& arg : args) request.mutable_process()->add_args(arg);
  request.mutable_process()->add_env("PATH=/bin");
  request.mutable_process()->set_cwd("/");
  return agent_->ExecProcess(&context, request, &empty);
}

grpc::Status Guest::Remove(const std::string& id, unsigned timeout) {
  grpc::ClientContext context;
  grpc::RemoveContainerRequest request;
  google::protobuf::Empty empty;
  request.set_container_id(id);
  request.set_timeout(timeout);
  return agent_->RemoveContainer(&context, request, &empty);
}

grpc::Status Guest::Signal(const std::string& id, const std::string& exec_id, int signal) {
  grpc::ClientContext context;
  grpc::SignalProcessRequest request;
  google::protobuf::Empty empty;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  request.set_signal(static_cast<std::uint32_t>(signal));
  return agent_->SignalProcess(&context, request, &empty);
}

int Guest::Wait(const std::string& id, const std::string& exec_id) {
  grpc::ClientContext context;
  grpc::WaitProcessRequest request;
  grpc::WaitProcessResponse reply;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  const grpc::Status status = agent_->WaitProcess(&context, request, &reply);
  return status.ok() ? reply.status() : -1 - static_cast<int>(status.error_code());
}

std::string Guest::ReadAll(const std::string& id, const std::string& exec_id, bool err) {
  std::string all;
  while (true) {
    grpc::ClientContext context;
    grpc::ReadStreamRequest request;
    grpc::ReadStreamResponse reply;
    request.set_container_id(id);
    request.set_exec_id(exec_id);
    request.set_len(32768);
    const grpc::Status status = err ? agent_->ReadStderr(&context, request, &reply)
                                    : agent_->ReadStdout(&context, request, &reply);
    if (!status.ok()) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE) << status.error_message();
      EXPECT_EQ(status.error_message(), "EOF");
      return all;
    }
    EXPECT_LE(reply.data().size(), 32768U);
    all += reply.data();
  }
}

}  // namespace shoji::agent::testing
