// shoji exec: another process in a container that runs.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "oci/engine.h"
#include "oci/engine_exec.h"
#include "oci/engine_log.h"
#include "process_options.h"
#include "process_session.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeExec(po::options_description& options) {
  DescribeProcess(options);
  DescribeEngineExec(options);
  DescribeFormat(options);
}

struct Executed {
  std::string container_id;
  std::string process_id;
  int exit_status = 0;
};

Result<Executed> Execute(Runtime& runtime, const Invocation& invocation, SignalRelay& relay) {
  Executed out;
  out.container_id = invocation.words[0];
  std::vector<std::string> args(invocation.words.begin() + 1, invocation.words.end());
  if (!args.empty() && args[0] == "--") args.erase(args.begin());
  SHOJI_ASSIGN_OR_RETURN(const EngineExec asked, EngineExec::Read(invocation, args));
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus container, FindContainer(runtime, out.container_id));
  SHOJI_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox,
                         runtime.FetchSandbox(container.sandbox_id));
  SessionOptions session = SessionOf(invocation);
  session.terminal = asked.terminal();
  session.interactive = session.interactive || asked.takes_input();
  SHOJI_RETURN_IF_ERROR(PrepareStdio(session));
  const auto entered = sandbox->EnterContainer(out.container_id, asked.cmd());
  if (!entered.ok()) return InEngineWords(entered.status(), asked.program());
  out.process_id = *entered;
  if (const Status told = asked.Publish(invocation, *sandbox, out.container_id, out.process_id);
      !told.ok()) {
    (void)sandbox->SignalProcess(out.container_id, out.process_id, SIGKILL);
    return told;
  }
  if (asked.detach()) return out;
  SHOJI_ASSIGN_OR_RETURN(out.exit_status,
                         RunSession(*sandbox, out.container_id, out.process_id, session, relay));
  return out;
}

void PrintJson(const Executed& done) {
  const nlohmann::json out = {{"container_id", done.container_id},
                              {"process_id", done.process_id},
                              {"exit_status", done.exit_status}};
  fprintf(stderr, "%s\n", out.dump().c_str());
}

int RunExec(const Invocation& invocation) {
  if (invocation.words.empty()) {
    return FailShared(invocation,
                      InvalidArgument("shoji exec takes the id of a container and a command"));
  }
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return FailShared(invocation, relay.status());
  RuntimeOptions options;
  options.cancel_fd = (*relay)->cancel_fd();
  auto runtime = OpenRuntime(invocation, std::move(options));
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  const Result<Executed> done = Execute(**runtime, invocation, **relay);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  if (!done.ok()) return FailShared(invocation, done.status());
  if (invocation.json()) PrintJson(*done);  // stdout belongs to the process
  return done->exit_status;
}

}  // namespace

const Command kExec = {"exec",
                       "ID [--] COMMAND [ARG...] | -p FILE ID",
                       "Run another process in a container that runs.",
                       DescribeExec,
                       RunExec,
                       true};

}  // namespace shoji::cli
