// shoji events ID: what happens to a sandbox, a line each, until it is stopped.
#include <poll.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "container_of.h"
#include "exit_status.h"
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

int RunEvents(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji events takes the id of one sandbox; see shoji list"));
  }
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return Fail(relay.status());
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const Status status = Follow(**runtime, invocation, **relay);
  if (const int signal = (*relay)->cancelled_by(); signal != 0) return 128 + signal;
  return status.ok() ? 0 : Fail(status);
}

}  // namespace

const Command kEvents = {"events", "ID", "Tell what happens to a sandbox until it is stopped.",
                         DescribeFormat, RunEvents};

}  // namespace shoji::cli
