// shoji events ID: what happens to a sandbox, a line each, until it is stopped.
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "container_of.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "oci/stats_json.h"
#include "shoji/base/deadline.h"
#include "shoji/base/strings.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

const char* NameOf(SandboxEvent::Kind kind) {
  switch (kind) {
    case SandboxEvent::Kind::kVmEnded:
      return "vm-ended";
    case SandboxEvent::Kind::kAgentLost:
      return "agent-lost";
    case SandboxEvent::Kind::kContainerExit:
      return "exit";
    case SandboxEvent::Kind::kOutOfMemory:
      return "out-of-memory";
    case SandboxEvent::Kind::kStopped:
      return "stopped";
  }
  return "unknown";
}

void DescribeEvents(boost::program_options::options_description& options) {
  DescribeFormat(options);
  options.add_options()                                                            //
      ("stats", "as runc: print what a container uses, once, as JSON")             //
      ("interval", boost::program_options::value<std::string>()->value_name("S"),  //
       "as runc: print it again and again, e.g. each 5s");
}

Result<std::chrono::seconds> IntervalOf(const Invocation& invocation) {
  std::string text = invocation.Has("interval") ? invocation.Text("interval") : "5";
  if (text.size() > 1 && text.back() == 's') text.pop_back();
  const auto number = ParseInt(text);
  if (number.ok() && *number >= 1 && *number <= 86400) return std::chrono::seconds(*number);
  return InvalidArgument("--interval \"" + invocation.Text("interval") +
                         "\" is not a number of seconds from 1, e.g. 5s");
}

void PrintJson(const SandboxEvent& event) {
  nlohmann::json out = {{"event", NameOf(event.kind)}};
  if (!event.container_id.empty()) out["container_id"] = event.container_id;
  if (event.kind == SandboxEvent::Kind::kContainerExit) out["exit_status"] = event.exit_status;
  if (!event.text.empty()) out["text"] = event.text;
  // What a guest says need not be UTF-8.
  puts(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void PrintLine(const SandboxEvent& event) {
  std::string line = NameOf(event.kind);
  if (!event.container_id.empty()) line += " " + event.container_id;
  if (event.kind == SandboxEvent::Kind::kContainerExit) {
    line += " " + std::to_string(event.exit_status);
  }
  if (!event.text.empty()) line += ": " + event.text;
  puts(line.c_str());
}

// False when the user wants no more.
bool WaitFor(const SandboxMonitor& monitor, const SignalRelay& relay) {
  pollfd items[] = {{monitor.fd(), POLLIN, 0}, {relay.cancel_fd(), POLLIN, 0}};
  while (poll(items, std::size(items), -1) < 0) {
  }
  return items[1].revents == 0;
}

Status Follow(Runtime& runtime, const Invocation& invocation, const SignalRelay& relay) {
  SHOJI_ASSIGN_OR_RETURN(const Target target, FindTarget(runtime, invocation.words[0], true));
  SHOJI_ASSIGN_OR_RETURN(const auto monitor, target.sandbox->Monitor());
  while (WaitFor(*monitor, relay)) {
    const auto event = monitor->Next();
    if (event.status().code() == StatusCode::kOutOfRange) return OkStatus();
    SHOJI_RETURN_IF_ERROR(event.status());
    if (invocation.json()) {
      PrintJson(*event);
    } else {
      PrintLine(*event);
    }
    fflush(stdout);
  }
  return OkStatus();
}

// ---- as runc: numbers of one container -------------------------------------------

Status PrintStats(Sandbox& sandbox, const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const ContainerStats stats, sandbox.StatsContainer(id));
  puts(StatsEventJson(id, stats).c_str());
  fflush(stdout);
  return OkStatus();
}

// Tells what happens until `next`, then returns true; false at the end of container or caller.
Result<bool> TellUntil(const Deadline& next, SandboxMonitor& monitor, const SignalRelay& relay,
                       const std::string& id) {
  for (;;) {
    pollfd items[] = {{monitor.fd(), POLLIN, 0}, {relay.cancel_fd(), POLLIN, 0}};
    const int ready = poll(items, std::size(items), next.PollTimeout());
    if (ready == 0) return true;
    if (items[1].revents != 0) return false;
    if (ready < 0 || items[0].revents == 0) continue;
    const auto event = monitor.Next();
    if (event.status().code() == StatusCode::kOutOfRange) return false;
    SHOJI_RETURN_IF_ERROR(event.status());
    if (event->kind == SandboxEvent::Kind::kVmEnded) return false;
    if (event->container_id != id) continue;
    if (event->kind == SandboxEvent::Kind::kContainerExit) return false;
    if (event->kind == SandboxEvent::Kind::kOutOfMemory) puts(OomEventJson(id).c_str());
    fflush(stdout);
  }
}

Status TellStats(Runtime& runtime, const Invocation& invocation, const SignalRelay& relay) {
  const std::string& id = invocation.words[0];
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus container, FindContainer(runtime, id));
  if (container.state == State::kStopped) {
    return FailedPrecondition("cannot tell events of container `" + id +
                              "`: container not running");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto interval, IntervalOf(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime.FetchSandbox(container.sandbox_id));
  if (invocation.Has("stats")) return PrintStats(*sandbox, id);
  SHOJI_ASSIGN_OR_RETURN(const auto monitor, sandbox->Monitor());
  for (;;) {
    SHOJI_ASSIGN_OR_RETURN(const bool more,
                           TellUntil(Deadline::After(interval), *monitor, relay, id));
    if (!more) return OkStatus();
    SHOJI_RETURN_IF_ERROR(PrintStats(*sandbox, id));
  }
}

int RunEvents(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return FailShared(
        invocation,
        InvalidArgument("shoji events takes the id of one sandbox or container; see shoji list"));
  }
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return FailShared(invocation, relay.status());
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  const bool numbers = invocation.Has("stats") || invocation.Has("interval");
  const Status status =
      numbers ? TellStats(**runtime, invocation, **relay) : Follow(**runtime, invocation, **relay);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  return status.ok() ? 0 : FailShared(invocation, status);
}

}  // namespace

const Command kEvents = {"events", "ID", "Tell what happens to a sandbox until it is stopped.",
                         DescribeEvents, RunEvents};

}  // namespace shoji::cli
