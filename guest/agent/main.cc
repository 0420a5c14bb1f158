// shoji-agent: the program inside the VM. As PID 1 it is the VM's /init; with --listen it
// serves the same protocol on a unix socket, without a VM.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include "boot/command_line.h"
#include "boot/init.h"
#include "boot/modules.h"
#include "channel/socket_listener.h"
#include "channel/virtio_port.h"
#include "log.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "service/agent.h"
#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

constexpr char kPortName[] = "agent.channel.0";
// Long enough for the host's first calls to go before.
constexpr std::chrono::milliseconds kIdleBeforeRest{100};

void Complain(const Status& status) {
  if (!status.ok()) Log(LogLevel::kError, status.message());
}

// The rest of the boot; on the first call that needs it, or when the guest is idle.
class LateBoot {
 public:
  explicit LateBoot(ModuleList modules) : modules_(std::move(modules)) {}

  Status Run() {
    if (!prepared_) Complain(PrepareForContainers());
    prepared_ = true;
    return modules_.LoadRest();
  }

 private:
  ModuleList modules_;
  bool prepared_ = false;
};

Status RunInVm() {
  SHOJI_RETURN_IF_ERROR(PrepareRoot());
  ModuleList modules;
  if (auto text = ReadFile(kModuleListPath); text.ok()) modules = ModuleList::Parse(text.value());
  SHOJI_RETURN_IF_ERROR(modules.LoadFirst());
  const AgentOptions options = ParseCommandLine(ReadFile("/proc/cmdline").value());
  for (const std::string& word : options.complaints) {
    Log(LogLevel::kWarning, "kernel command line: " + word + " makes no sense, left out");
  }
  LateBoot late(std::move(modules));
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Loop> loop, Loop::Create());
  Server server;
  SHOJI_ASSIGN_OR_RETURN(
      const std::unique_ptr<Agent> agent,
      Agent::Create(loop.get(), &server, options, [&late] { return late.Run(); }));
  Status failure;
  VirtioPort port(loop.get(), &server, kPortName, [&](const Status& status) {
    failure = status;
    loop->Stop();
  });
  port.OnOpen([&] { loop->After(kIdleBeforeRest, [&late] { Complain(late.Run()); }); });
  port.Open();
  SHOJI_RETURN_IF_ERROR(loop->Run());
  return failure.ok() ? Internal("the agent stopped serving") : failure;
}

Status RunOnSocket(std::string_view address) {
  constexpr std::string_view kScheme = "unix://";
  if (!address.starts_with(kScheme) || address.size() == kScheme.size()) {
    return InvalidArgument("--listen " + std::string(address) + ": write unix:///path");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Loop> loop, Loop::Create());
  Server server;
  SHOJI_ASSIGN_OR_RETURN(
      const std::unique_ptr<Agent> agent,
      Agent::Create(loop.get(), &server, AgentOptions{}, [] { return OkStatus(); }));
  agent->OnTerminate([&loop] { loop->Stop(); });
  SHOJI_ASSIGN_OR_RETURN(
      const std::unique_ptr<SocketListener> listener,
      SocketListener::Create(loop.get(), &server, std::string(address.substr(kScheme.size()))));
  return loop->Run();
}

int Main(int argc, char** argv) {
  // A handler and not SIG_IGN: processes in containers would inherit the latter.
  signal(SIGPIPE, [](int) {});
  if (getpid() == 1 && argc == 1) PowerOff(RunInVm());
  if (argc == 3 && std::string_view(argv[1]) == "--listen") {
    const Status status = RunOnSocket(argv[2]);
    Complain(status);
    return status.ok() ? 0 : 1;
  }
  Complain(InvalidArgument("usage: shoji-agent --listen unix:///path (or as PID 1 of a VM)"));
  return 2;
}

}  // namespace
}  // namespace shoji::agent

int main(int argc, char** argv) { return shoji::agent::Main(argc, argv); }
