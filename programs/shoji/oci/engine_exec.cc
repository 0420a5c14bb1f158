#include "oci/engine_exec.h"

#include <nlohmann/json.hpp>

#include "oci/bundle.h"
#include "oci/engine.h"
#include "process_options.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::json;

// "net_admin" is CAP_NET_ADMIN; what is none the guest refuses by its name.
std::string CapabilityName(std::string name) {
  for (char& c : name) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
  return name.starts_with("CAP_") ? name : "CAP_" + name;
}

}  // namespace

void DescribeEngineExec(po::options_description& options) {
  using Texts = std::vector<std::string>;
  options.add_options()                                                                        //
      ("process,p", po::value<std::string>()->value_name("FILE"),                              //
       "an OCI process as JSON instead of a command")                                          //
      ("detach,d", "do not wait for its end; it keeps our stdin, stdout and stderr")           //
      ("pid-file", po::value<std::string>()->value_name("FILE"),                               //
       "write the pid that stands for the process")                                            //
      ("console-socket", po::value<std::string>()->value_name("SOCKET"),                       //
       "send the terminal's master there")                                                     //
      ("cwd", po::value<std::string>()->value_name("DIR"), "the same as --workdir")            //
      ("cap,c", po::value<Texts>()->value_name("CAP"), "one more capability")                  //
      ("additional-gids,g", po::value<Texts>()->value_name("GID"), "one more group")           //
      ("no-new-privs", "it cannot gain privileges (always so, but with --process)")            //
      ("preserve-fds", po::value<std::string>()->value_name("N"),                              //
       "0: descriptors cannot be handed into a VM")                                            //
      ("apparmor", po::value<std::string>()->value_name("NAME"), "nothing: not in the guest")  //
      ("process-label", po::value<std::string>()->value_name("LABEL"),                         //
       "nothing: not in the guest")                                                            //
      ("ignore-paused", "nothing: a paused container takes no process")                        //
      ("cgroup", po::value<std::string>()->value_name("PATH"), "only \"/\"");
}

Status EngineExec::ReadProcess(const std::string& file) {
  SHOJI_ASSIGN_OR_RETURN(cmd_.oci_process, ReadFile(file));
  const json process = json::parse(cmd_.oci_process, nullptr, false);
  if (!process.is_object()) return InvalidArgument("--process " + file + " is no JSON object");
  const auto args = Member(process, "args", std::vector<std::string>());
  if (args.empty()) return InvalidArgument("--process " + file + ": args is missing");
  program_ = args[0];
  terminal_ = Member(process, "terminal", false);
  const json size = Part(process, "consoleSize");
  rows_ = Member<std::uint16_t>(size, "height", 0);
  columns_ = Member<std::uint16_t>(size, "width", 0);
  return OkStatus();
}

Status EngineExec::OpenConsole(const Invocation& invocation) {
  if (!invocation.Has("console-socket")) {
    if (!terminal_ || !detach_) return OkStatus();
    return InvalidArgument(
        "a detached process with a terminal needs --console-socket, or nobody would hold it");
  }
  if (!terminal_) {
    return InvalidArgument("--console-socket is given, but the process has no terminal; use --tty");
  }
  SHOJI_ASSIGN_OR_RETURN(Console console, Console::Open(rows_, columns_));
  cmd_.console = console.path();
  console_.emplace(std::move(console));
  return OkStatus();
}

Result<EngineExec> EngineExec::Read(const Invocation& invocation,
                                    const std::vector<std::string>& args) {
  SHOJI_RETURN_IF_ERROR(CheckPreserveFds(invocation));
  if (const std::string cgroup = invocation.Text("cgroup"); !cgroup.empty() && cgroup != "/") {
    return InvalidArgument("--cgroup " + cgroup + ": a process can only be in its container's");
  }
  EngineExec out;
  out.detach_ = invocation.Has("detach");
  if (invocation.Has("process")) {
    if (!args.empty()) return InvalidArgument("give either --process or a command, not both");
    if (invocation.Has("cap")) {
      return InvalidArgument("--cap goes with a command; --process has its own capabilities");
    }
    SHOJI_RETURN_IF_ERROR(out.ReadProcess(invocation.Text("process")));
  } else {
    if (args.empty()) {
      return InvalidArgument("no command; write shoji exec ID -- COMMAND [ARG...]");
    }
    SHOJI_ASSIGN_OR_RETURN(out.cmd_, CmdOf(invocation, args));
    out.cmd_.supplementary_groups = invocation.Texts("additional-gids");
    for (const std::string& name : invocation.Texts("cap")) {
      out.cmd_.more_capabilities.push_back(CapabilityName(name));
    }
    if (invocation.Has("cwd")) out.cmd_.work_dir = invocation.Text("cwd");
    out.program_ = args[0];
    out.terminal_ = out.cmd_.terminal;
  }
  SHOJI_RETURN_IF_ERROR(out.OpenConsole(invocation));
  return out;
}

Status EngineExec::Publish(const Invocation& invocation, Sandbox& sandbox,
                           const std::string& container_id, const std::string& process_id) const {
  if (console_) {
    SHOJI_RETURN_IF_ERROR(console_->SendTo(invocation.Text("console-socket")));
  }
  if (!invocation.Has("pid-file")) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t pid, PidFor(sandbox, container_id, process_id));
  return WritePidFile(invocation.Text("pid-file"), pid);
}

}  // namespace shoji::cli
