// shoji-agent: the program inside the VM. As PID 1 it is the VM's /init; with --listen it
// serves the same protocol on a unix socket, without a VM.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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
// The host seeds the random pool at the start; this keeps it fresh later on.
constexpr std::chrono::seconds kBeforeRandomDevice{5};

void Complain(const Status& status) {
  if (!status.ok()) Log(LogLevel::kError, status.message());
}

// The rest of the boot: on the first call that needs it, else when the host has been served.
class LateBoot {
 public:
  explicit LateBoot(ModuleList modules) : modules_(std::move(modules)) {}

  Status Prepare() {
    if (!std::exchange(prepared_, true)) Complain(PrepareForContainers());
    return OkStatus();
  }
  Status Need(const std::string& feature) { return modules_.Load(feature); }

 private:
  ModuleList modules_;
  bool prepared_ = false;
};

Status RunInVm() {
  SHOJI_RETURN_IF_ERROR(PrepareRoot());
  ModuleList modules;
  if (const auto text = ReadFile(kModuleListPath); text.ok()) {  // none: all is built in
    SHOJI_ASSIGN_OR_RETURN(modules, ModuleList::Parse(*text));
  }
  SHOJI_RETURN_IF_ERROR(modules.Load("boot"));
  const AgentOptions options = ParseCommandLine(ReadFile("/proc/cmdline").value());
  for (const std::string& word : options.complaints) {
    Log(LogLevel::kWarning, "kernel command line: " + word + " makes no sense, left out");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Loop> loop, Loop::Create());
  LateBoot late(std::move(modules));
  Server server;
  SHOJI_ASSIGN_OR_RETURN(
      const std::unique_ptr<Agent> agent,
      Agent::Create(loop.get(), &server, options,
                    {[&late] { return late.Prepare(); },
                     [&late](const std::string& feature) { return late.Need(feature); }}));
  Status failure;
  VirtioPort port(loop.get(), &server, kPortName, [&](const Status& status) {
    failure = status;
    loop->Stop();
  });
  port.OnOpen([&] {
    loop->After(kIdleBeforeRest, [&late] { (void)late.Prepare(); });
    loop->After(kBeforeRandomDevice, [&late] { Complain(late.Need("rng")); });
  });
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
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Agent> agent,
                         Agent::Create(loop.get(), &server, AgentOptions{}, Machine{}));
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
