// shoji-agent: the program inside the VM. As PID 1 it is the VM's /init; with --listen it
// serves the same protocol on a unix socket, without a VM; options of the kernel's command line
// may follow.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "boot/command_line.h"
#include "boot/debug_services.h"
#include "boot/init.h"
#include "boot/modules.h"
#include "channel/socket_listener.h"
#include "channel/virtio_port.h"
#include "channel/vsock.h"
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
  Machine AsMachine() {
    Machine machine;
    machine.prepare = [this] { return Prepare(); };
    machine.need = [this](const std::string& feature) { return Need(feature); };
    machine.load_module = [this](const std::string& name, const std::string& parameters) {
      return modules_.LoadByName(name, parameters);
    };
    return machine;
  }
  void PlanRest(Loop* loop) {
    loop->After(kIdleBeforeRest, [this] { (void)Prepare(); });
    loop->After(kBeforeRandomDevice, [this] { Complain(Need("rng")); });
  }

 private:
  ModuleList modules_;
  bool prepared_ = false;
};

// Before the channel is open: what goes wrong later shall be told as it was asked for.
void UseOptions(const AgentOptions& options) {
  SetLogLevel(options.log_level);
  for (const std::string& word : options.complaints) {
    Log(LogLevel::kWarning, "option " + word + " makes no sense, left out");
  }
  for (const std::string& word : options.idle) {
    Log(LogLevel::kInfo, "option " + word + " changes nothing in this agent");
  }
  const rlimit no_limit{RLIM_INFINITY, RLIM_INFINITY};
  if (options.devmode) setrlimit(RLIMIT_CORE, &no_limit);
}

Status ServeVsock(Loop* loop, Server* server, std::unique_ptr<SocketListener>* listener) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ListenVsock(kAgentVport));
  SHOJI_ASSIGN_OR_RETURN(*listener, SocketListener::Serve(loop, server, std::move(socket)));
  return OkStatus();
}

bool WantsVsock(const AgentOptions& options) {
  return options.use_vsock.value_or(HasVsockDevice("/sys") && !HasSerialPort("/sys"));
}

// Over the serial port, until it breaks.
Status ServePort(Loop* loop, Server* server, LateBoot* late) {
  Status failure;
  VirtioPort port(loop, server, kPortName, [&](const Status& status) {
    failure = status;
    loop->Stop();
  });
  port.OnOpen([=] { late->PlanRest(loop); });
  port.Open();
  SHOJI_RETURN_IF_ERROR(loop->Run());
  return failure.ok() ? Internal("the agent stopped serving") : failure;
}

Status RunInVm() {
  SHOJI_RETURN_IF_ERROR(PrepareRoot());
  ModuleList modules;
  if (const auto text = ReadFile(kModuleListPath); text.ok()) {  // none: all is built in
    SHOJI_ASSIGN_OR_RETURN(modules, ModuleList::Parse(*text));
  }
  SHOJI_RETURN_IF_ERROR(modules.Load("boot"));
  const AgentOptions options = ParseCommandLine(ReadFile("/proc/cmdline").value());
  UseOptions(options);
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Loop> loop, Loop::Create());
  LateBoot late(std::move(modules));
  Server server;
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Agent> agent,
                         Agent::Create(loop.get(), &server, options, late.AsMachine()));
  const bool vsock = WantsVsock(options);
  if (vsock || options.log_vport || options.debug_vport) Complain(late.Need("vsock"));
  DebugServices debug(loop.get(), &agent->reaper());
  Complain(debug.Start(options));
  if (!vsock) return ServePort(loop.get(), &server, &late);
  std::unique_ptr<SocketListener> listener;
  SHOJI_RETURN_IF_ERROR(ServeVsock(loop.get(), &server, &listener));
  late.PlanRest(loop.get());
  SHOJI_RETURN_IF_ERROR(loop->Run());
  return Internal("the agent stopped serving");
}

Result<std::unique_ptr<SocketListener>> Listen(Loop* loop, Server* server,
                                               std::string_view address) {
  constexpr std::string_view kUnix = "unix://";
  if (address.starts_with(kUnix) && address.size() > kUnix.size()) {
    return SocketListener::Create(loop, server, std::string(address.substr(kUnix.size())));
  }
  return InvalidArgument("--listen " + std::string(address) + ": write unix:///path");
}

Status RunOnSocket(std::string_view address, const AgentOptions& options) {
  UseOptions(options);
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Loop> loop, Loop::Create());
  Server server;
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<Agent> agent,
                         Agent::Create(loop.get(), &server, options, Machine{}));
  agent->OnTerminate([&loop] { loop->Stop(); });
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<SocketListener> listener,
                         Listen(loop.get(), &server, address));
  return loop->Run();
}

int Main(int argc, char** argv) {
  // A handler and not SIG_IGN: processes in containers would inherit the latter.
  signal(SIGPIPE, [](int) {});
  if (getpid() == 1 && argc == 1) PowerOff(RunInVm());
  if (argc >= 3 && std::string_view(argv[1]) == "--listen") {
    std::string words;
    for (int i = 3; i < argc; ++i) words += std::string(argv[i]) + " ";
    const Status status = RunOnSocket(argv[2], ParseCommandLine(words));
    Complain(status);
    return status.ok() ? 0 : 1;
  }
  Complain(InvalidArgument(
      "usage: shoji-agent --listen unix:///path [agent.OPTION=VALUE...] (or as PID 1 of a VM)"));
  return 2;
}

}  // namespace
}  // namespace shoji::agent

int main(int argc, char** argv) { return shoji::agent::Main(argc, argv); }
