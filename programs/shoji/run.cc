// shoji run: a container in a VM of its own, from its start to the last trace of it.
#include <unistd.h>

#include <csignal>
#include <memory>

#include "command.h"
#include "exit_status.h"
#include "oci/run_bundle.h"
#include "process_options.h"
#include "process_session.h"
#include "sandbox_options.h"
#include "signal_relay.h"
#include "stage_report.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeRun(po::options_description& options) {
  DescribeProcess(options);
  DescribeSandbox(options);
  DescribeRunBundle(options);
  options.add_options()                                               //
      ("factory", po::value<std::string>()->value_name("FACTORY"),    //
       "where the VM comes from: auto, direct, template or cache")    //
      ("timings", "print how long each stage took, on stderr")        //
      ("timings-json", po::value<std::string>()->value_name("FILE"),  //
       "write that to a file")                                        //
      ("quiet,q", "no line of progress on a terminal");
}

// Runs the process of a sandbox that exists. Deleting it is the caller's.
Result<int> RunIn(Sandbox& sandbox, const SandboxConfig& config, const SessionOptions& session,
                  SignalRelay& relay, StageReport& report) {
  SHOJI_RETURN_IF_ERROR(sandbox.Start());
  report.EndProgress();
  return RunSession(sandbox, config.id, config.id, session, relay);
}

Result<int> CreateAndRun(Runtime& runtime, const Invocation& invocation, SignalRelay& relay,
                         StageReport& report) {
  SHOJI_ASSIGN_OR_RETURN(const SandboxConfig config, SandboxOf(invocation));
  SessionOptions session = SessionOf(invocation);
  session.terminal = HasTerminal(config);
  SHOJI_RETURN_IF_ERROR(PrepareStdio(session));
  SHOJI_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, runtime.CreateSandbox(config));
  Result<int> exit_status = RunIn(*sandbox, config, session, relay, report);
  relay.Attach([](int) {});  // from here on nothing may stop the clean-up
  const Status removed = sandbox->Delete();
  if (exit_status.ok() && !removed.ok()) return removed;
  return exit_status;
}

Status Report(const Invocation& invocation, StageReport& report) {
  report.EndProgress();
  if (invocation.Has("timings")) report.PrintTable();
  if (!invocation.Has("timings-json")) return OkStatus();
  return report.WriteJson(invocation.Text("timings-json"));
}

int RunRun(const Invocation& invocation) {
  if (IsRunBundle(invocation)) return RunBundle(invocation);
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return Fail(relay.status());
  StageReport report(!invocation.Has("quiet") && isatty(STDERR_FILENO) != 0);
  RuntimeOptions options;
  options.on_span = [&report](const Span& span) { report.Add(span); };
  options.cancel_fd = (*relay)->cancel_fd();
  // Whoever types this does not want to wait for a boot each time.
  options.defaults = {{"sandbox.factory", "auto"}};
  auto runtime =
      OpenRuntime(WithFactory(invocation, invocation.Text("factory")), std::move(options));
  if (!runtime.ok()) {
    report.EndProgress();
    return Fail(runtime.status());
  }
  const Result<int> exit_status = CreateAndRun(**runtime, invocation, **relay, report);
  const Status reported = Report(invocation, report);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  if (!exit_status.ok()) return Fail(exit_status.status());
  return reported.ok() ? *exit_status : Fail(reported);
}

}  // namespace

const Command kRun = {
    "run", "[--] COMMAND [ARG...]", "Run a container in a VM of its own.", DescribeRun, RunRun,
    true};

}  // namespace shoji::cli
