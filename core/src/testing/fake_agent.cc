#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "host/liveness.h"
#include "host/mount.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_parts.h"

namespace shoji::testing {
namespace {

FakeAgent* AgentOf(shoji_agent* agent) { return reinterpret_cast<FakeAgent*>(agent); }

void AgentClose(shoji_agent* agent) {
  AgentOf(agent)->world->Gone("agent");
  delete AgentOf(agent);
}
bool Readable(int fd) {
  struct pollfd item = {fd, POLLIN, 0};
  return fd >= 0 && poll(&item, 1, 0) > 0;
}
// Waits for `fd`, the caller's cancellation, the end of the VM or of the time.
std::int32_t Await(shoji_agent* a, int fd, const shoji_call* call, shoji_error* error) {
  struct pollfd items[4] = {{fd, POLLIN, 0},
                            {call->cancel_fd, POLLIN, 0},
                            {AgentOf(a)->vm.get(), POLLIN, 0},
                            {AgentOf(a)->world->lost_fd(), POLLIN, 0}};
  poll(items, 4, Deadline::FromNanos(call->deadline_ns).PollTimeout());
  if ((items[0].revents & POLLIN) != 0) return SHOJI_OK;
  if ((items[1].revents & POLLIN) != 0) return Fail(error, SHOJI_CANCELLED, "cancelled");
  if ((items[2].revents & POLLIN) != 0) return Fail(error, SHOJI_UNAVAILABLE, "no guest");
  if ((items[3].revents & POLLIN) != 0) return Fail(error, SHOJI_UNAVAILABLE, "no answer");
  return Fail(error, SHOJI_DEADLINE_EXCEEDED, "still runs");
}
std::int32_t Simple(shoji_agent* agent, const shoji_call* call, const char* slot,
                    shoji_error* error) {
  FakeWorld* world = AgentOf(agent)->world;
  if (Readable(AgentOf(agent)->vm.get())) return Fail(error, SHOJI_UNAVAILABLE, "no guest");
  ENTER(world, slot, error);
  return world->Hangs(slot) ? Await(agent, -1, call, error) : SHOJI_OK;
}
std::int32_t AgentCheck(shoji_agent* a, const shoji_call* call, shoji_error* error) {
  return Simple(a, call, "agent.check", error);
}
std::int32_t AgentCreateSandbox(shoji_agent* a, const shoji_call* call,
                                const shoji_sandbox_request* request, shoji_error* error) {
  AgentOf(a)->world->machine().Note("create_sandbox");
  NoteMounts(AgentOf(a)->world->machine(), request->storages, request->storage_count);
  AgentOf(a)->world->Note(
      "agent.create_sandbox",
      std::string((request->flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0 ? "shared_pid " : "") +
          Text(request->guest_hook_path) + " storages=" + std::to_string(request->storage_count));
  return Simple(a, call, "agent.create_sandbox", error);
}
std::int32_t AgentDestroySandbox(shoji_agent* a, const shoji_call* call, shoji_error* error) {
  return Simple(a, call, "agent.destroy_sandbox", error);
}
std::int32_t AgentCreateContainer(shoji_agent* a, const shoji_call* call,
                                  const shoji_container_request* request, shoji_error* error) {
  const std::string id = Text(request->container_id);
  AgentOf(a)->world->NoteSpec(id, Text(request->spec_json));
  AgentOf(a)->world->machine().Note("create_container " + id);
  NoteMounts(AgentOf(a)->world->machine(), request->storages, request->storage_count);
  NoteDevices(AgentOf(a)->world->machine(), *request);
  AgentOf(a)->world->Note(
      "agent.create_container",
      (request->flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0 ? "shared_pid" : "own_pid");
  AgentOf(a)->world->NewProcess(id, id);
  return Simple(a, call, "agent.create_container", error);
}
std::int32_t AgentStartContainer(shoji_agent* a, const shoji_call* call, shoji_str,
                                 shoji_error* e) {
  return Simple(a, call, "agent.start_container", e);
}
std::int32_t AgentRemoveContainer(shoji_agent* a, const shoji_call* call, shoji_str, std::uint32_t,
                                  shoji_error* error) {
  return Simple(a, call, "agent.remove_container", error);
}
std::int32_t AgentExec(shoji_agent* a, const shoji_call* call, const shoji_exec_request* request,
                       shoji_error* error) {
  AgentOf(a)->world->NoteSpec(Text(request->exec_id), Text(request->process_json));
  return Simple(a, call, "agent.exec_process", error);
}
std::int32_t AgentSignal(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                         std::uint32_t, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.signal_process", error); code != 0)
    return code;
  const std::string id = Text(process.container_id);
  const std::string exec = Text(process.exec_id);
  AgentOf(a)->world->EndProcess(id, exec.empty() ? id : exec);
  return SHOJI_OK;
}
std::int32_t AgentWait(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                       std::int32_t* status, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.wait_process", error); code != 0)
    return code;
  FakeWorld* world = AgentOf(a)->world;
  const int fd = world->ExitFd(Text(process.container_id), Text(process.exec_id));
  if (const std::int32_t code = Await(a, fd, call, error); code != SHOJI_OK) return code;
  *status = 7;
  return SHOJI_OK;
}
// "hello", then it blocks until the process has ended.
std::int32_t AgentRead(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                       std::uint32_t, const shoji_sink* out, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.read_stdout", error); code != 0) return code;
  FakeWorld* world = AgentOf(a)->world;
  if (world->Count("agent.read_stdout") == 1) return Put(out, "hello");
  const int fd = world->ExitFd(Text(process.container_id), Text(process.exec_id));
  if (const std::int32_t code = Await(a, fd, call, error); code != SHOJI_OK) return code;
  return Fail(error, SHOJI_OUT_OF_RANGE, "EOF");
}
std::int32_t AgentWrite(shoji_agent* a, const shoji_call* call, shoji_process_ref, shoji_str data,
                        std::uint64_t* written, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.write_stdin", error); code != 0) return code;
  *written = std::min<std::uint64_t>(data.size, 1000);  // takes less than offered
  return SHOJI_OK;
}
std::int32_t AgentReseed(shoji_agent* a, const shoji_call* call, shoji_str data,
                         shoji_error* error) {
  AgentOf(a)->world->Note("agent.reseed_random", std::to_string(data.size));
  return Simple(a, call, "agent.reseed_random", error);
}
std::int32_t AgentSetTime(shoji_agent* a, const shoji_call* call, std::int64_t seconds,
                          std::int64_t, shoji_error* error) {
  AgentOf(a)->world->Note("agent.set_time", std::to_string(seconds));
  return Simple(a, call, "agent.set_time", error);
}
std::int32_t AgentWinsize(shoji_agent* a, const shoji_call* call, shoji_process_ref, std::uint32_t,
                          std::uint32_t, shoji_error* error) {
  return Simple(a, call, "agent.tty_win_resize", error);
}

// ---- optional interfaces of the agent

std::int32_t AgentPause(shoji_agent* a, const shoji_call* call, shoji_str, shoji_error* error) {
  return Simple(a, call, "agent.pause_container", error);
}
std::int32_t AgentResume(shoji_agent* a, const shoji_call* call, shoji_str, shoji_error* error) {
  return Simple(a, call, "agent.resume_container", error);
}
std::int32_t AgentStats(shoji_agent* a, const shoji_call* call, shoji_str, const shoji_sink* out,
                        shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.stats_container", error); code != 0) {
    return code;
  }
  return Put(out, R"({"cgroup_stats": {"pids_stats": {"current": "3"}}})");
}
std::int32_t AgentList(shoji_agent* a, const shoji_call* call, shoji_str, shoji_str format,
                       const shoji_str* args, std::uint32_t count, const shoji_sink* out,
                       shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.list_processes", error); code != 0) {
    return code;
  }
  std::string text = Text(format);
  for (std::uint32_t i = 0; i < count; ++i) text += " " + Text(args[i]);
  return Put(out, text);
}
std::int32_t AgentNextOom(shoji_agent* a, const shoji_call* call, const shoji_sink* out,
                          shoji_error* error) {
  FakeWorld* world = AgentOf(a)->world;
  ENTER(world, "agent.next_oom", error);
  if (const std::int32_t code = Await(a, world->oom_fd(), call, error); code != 0) return code;
  return Put(out, world->NextOom());
}
constexpr shoji_agent_pause_v1 kAgentPause = {sizeof(shoji_agent_pause_v1), 0, AgentPause,
                                              AgentResume};
constexpr shoji_agent_stats_v1 kAgentStats = {sizeof(shoji_agent_stats_v1), 0, AgentStats,
                                              AgentList};
constexpr shoji_agent_oom_v1 kAgentOom = {sizeof(shoji_agent_oom_v1), 0, AgentNextOom};
constexpr shoji_agent_silence_v1 kAgentSilence = {
    sizeof(shoji_agent_silence_v1), 0,
    [](shoji_agent* a, const shoji_silence* silence, shoji_error*) {
      AgentOf(a)->world->SetSilence(*silence);
      return std::int32_t{SHOJI_OK};
    }};
const void* AgentExtension(shoji_agent* a, const char* id) {
  if (!AgentOf(a)->world->Offers(id)) return nullptr;
  if (std::string(id) == SHOJI_AGENT_PAUSE_V1) return &kAgentPause;
  if (std::string(id) == SHOJI_AGENT_STATS_V1) return &kAgentStats;
  if (std::string(id) == SHOJI_AGENT_OOM_V1) return &kAgentOom;
  if (std::string(id) == SHOJI_AGENT_SILENCE_V1) return &kAgentSilence;
  return GuestExtension(a, id);
}

shoji_agent_v1 AgentTable() {
  shoji_agent_v1 table = {};
  table.struct_size = sizeof(table);
  table.close = AgentClose;
  table.guest_details = FakeGuestDetails;
  table.create_sandbox = AgentCreateSandbox;
  table.destroy_sandbox = AgentDestroySandbox;
  table.create_container = AgentCreateContainer;
  table.start_container = AgentStartContainer;
  table.remove_container = AgentRemoveContainer;
  table.exec_process = AgentExec;
  table.signal_process = AgentSignal;
  table.wait_process = AgentWait;
  table.read_stdout = AgentRead;
  table.write_stdin = AgentWrite;
  table.check = AgentCheck;
  table.reseed_random = AgentReseed;
  table.set_time = AgentSetTime;
  table.tty_win_resize = AgentWinsize;
  table.get_extension = AgentExtension;
  return table;
}

}  // namespace

const shoji_agent_v1 kFakeAgent = AgentTable();

}  // namespace shoji::testing
