#include "oci/run_bundle.h"

#include <csignal>
#include <utility>

#include "oci/bundle.h"
#include "oci/create_container.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "process_session.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

Status StartIt(const NewContainer& made, const Bundle& bundle) {
  const auto args = bundle.args();
  return InEngineWords(made.sandbox().StartContainer(made.id()),
                       args.empty() ? made.id() : args[0]);
}

Result<int> Detach(const NewContainer& made, const Bundle& bundle) {
  Status started = StartIt(made, bundle);
  if (started.ok()) started = made.Release();
  if (started.ok()) return 0;
  (void)made.Remove();
  return started;
}

Result<int> Attach(const NewContainer& made, const Bundle& bundle, const SessionOptions& session,
                   SignalRelay& relay) {
  relay.Hold();  // its output may be there before the answer of the start
  SHOJI_RETURN_IF_ERROR(StartIt(made, bundle));
  return RunSession(made.sandbox(), made.id(), made.id(), session, relay);
}

Result<int> Foreground(const NewContainer& made, const Bundle& bundle, const Invocation& invocation,
                       const SessionOptions& session, SignalRelay& relay) {
  Result<int> status = Attach(made, bundle, session, relay);
  relay.Attach([](int) {});  // from here on nothing may stop the clean-up
  const bool keep = status.ok() && invocation.Has("keep");
  const Status removed = keep ? made.Release() : made.Remove();
  if (status.ok() && !removed.ok()) return removed;
  return status;
}

Result<int> Run(const Invocation& invocation, SignalRelay& relay) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, NewId(invocation));
  SHOJI_ASSIGN_OR_RETURN(const Bundle bundle,
                         ReadBundle(invocation.Text("bundle"), invocation.Text("config")));
  RuntimeOptions options;
  options.cancel_fd = relay.cancel_fd();
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenEngineRuntime(invocation, std::move(options)));
  const bool detach = invocation.Has("detach");
  SessionOptions session;
  session.interactive = true;
  session.terminal = bundle.terminal() && !invocation.Has("console-socket");
  if (!detach) SHOJI_RETURN_IF_ERROR(PrepareStdio(session));
  SHOJI_ASSIGN_OR_RETURN(const NewContainer made,
                         NewContainer::Create(*runtime, invocation, bundle, id, !detach));
  return detach ? Detach(made, bundle) : Foreground(made, bundle, invocation, session, relay);
}

}  // namespace

void DescribeRunBundle(po::options_description& options) {
  DescribeCreateBeyondBundle(options);
  options.add_options()                                                 //
      ("detach,d", "with a bundle and an id: do not wait for its end")  //
      ("keep", "with a bundle and an id: do not delete it at its end");
}

bool IsRunBundle(const Invocation& invocation) {
  po::options_description engines;
  DescribeRunBundle(engines);
  for (const auto& option : engines.options()) {
    if (invocation.Has(option->long_name().c_str())) return true;
  }
  return invocation.Has("bundle") && invocation.words.size() == 1;
}

int RunBundle(const Invocation& invocation) {
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return FailEngine(invocation, relay.status());
  const Result<int> status = Run(invocation, **relay);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  return status.ok() ? *status : FailEngine(invocation, status.status());
}

}  // namespace shoji::cli
