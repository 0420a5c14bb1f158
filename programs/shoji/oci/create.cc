// shoji create ID: a container for an engine; its command waits for `shoji start`.
#include <memory>

#include "command.h"
#include "oci/bundle.h"
#include "oci/create_container.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

Status Create(const Invocation& invocation, const SignalRelay& relay) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, NewId(invocation));
  SHOJI_ASSIGN_OR_RETURN(const Bundle bundle,
                         ReadBundle(invocation.Text("bundle"), invocation.Text("config")));
  RuntimeOptions options;
  options.cancel_fd = relay.cancel_fd();
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenEngineRuntime(invocation, std::move(options)));
  SHOJI_ASSIGN_OR_RETURN(const NewContainer made,
                         NewContainer::Create(*runtime, invocation, bundle, id, false));
  const Status released = made.Release();
  if (!released.ok()) (void)made.Remove();
  return released;
}

int RunCreate(const Invocation& invocation) {
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return FailEngine(invocation, relay.status());
  const Status created = Create(invocation, **relay);
  return created.ok() ? 0 : FailEngine(invocation, created);
}

}  // namespace

const Command kCreate = {"create",
                         "ID",
                         "Create a container from an OCI bundle (for engines).",
                         DescribeCreate,
                         RunCreate,
                         false,
                         CommandGroup::kEngines};

}  // namespace shoji::cli
