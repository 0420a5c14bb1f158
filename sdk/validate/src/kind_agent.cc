// Kind "agent", in front of a guest that cannot be reached.
#include <atomic>
#include <chrono>

#include "kinds.h"
#include "shoji/base/deadline.h"
#include "shoji/plugin/agent.h"

namespace shoji::validate {
namespace {

// Beyond its deadline a call has a second; the rest is for a busy machine.
constexpr int kCallMs = 1500;
constexpr int kSlackMs = 3000;

TableShape Table() {
  using T = shoji_agent_v1;
  return {SHOJI_AGENT_V1,
          offsetof(T, get_extension) + sizeof(void*),
          {KIT_SLOT(T, open),
           KIT_SLOT(T, close),
           KIT_SLOT(T, check),
           KIT_SLOT(T, guest_details),
           KIT_SLOT(T, create_sandbox),
           KIT_SLOT(T, destroy_sandbox),
           KIT_SLOT(T, create_container),
           KIT_SLOT(T, start_container),
           KIT_SLOT(T, remove_container),
           KIT_SLOT(T, exec_process),
           KIT_SLOT(T, signal_process),
           KIT_SLOT(T, wait_process),
           KIT_SLOT(T, write_stdin),
           KIT_SLOT(T, close_stdin),
           KIT_SLOT(T, read_stdout),
           KIT_SLOT(T, read_stderr),
           KIT_SLOT(T, tty_win_resize),
           KIT_SLOT(T, reseed_random),
           KIT_SLOT(T, set_time),
           KIT_SLOT(T, get_extension)}};
}

// A guest that is gone.
class DeadGuest {
 public:
  explicit DeadGuest(const Session& session) : session_(session) {}
  ~DeadGuest() = default;
  DeadGuest(const DeadGuest&) = delete;
  DeadGuest& operator=(const DeadGuest&) = delete;

  const shoji_connector* raw() const { return &connector_; }
  int releases() const { return releases_; }

 private:
  static std::int32_t Connect(void* ctx, const shoji_call*, std::int32_t*, shoji_error* err) {
    const shoji_host* const host = static_cast<DeadGuest*>(ctx)->session_.host().raw();
    host->error_set(err, SHOJI_UNAVAILABLE, 0, Str("the guest is gone"));
    return SHOJI_UNAVAILABLE;
  }
  static void Release(void* ctx) { ++static_cast<DeadGuest*>(ctx)->releases_; }

  const Session& session_;
  std::atomic<int> releases_{0};
  shoji_connector connector_{sizeof(shoji_connector), 0, this, Connect, Release};
};

Result<Closing<shoji_agent>> OpenAgent(const Session& session, const DeadGuest& guest) {
  const auto* table = session.Find<shoji_agent_v1>(SHOJI_AGENT_V1);
  KitError error;
  shoji_agent* agent = nullptr;
  const std::int32_t code =
      table->open(session.self(), session.options(), guest.raw(), &agent, error.raw());
  if (code != SHOJI_OK) return Internal("open() fails with " + error.Describe(code));
  return Closing<shoji_agent>(agent, table->close);
}

Verdict Live(Session& session) {
  const DeadGuest guest(session);
  KIT_OPEN(const auto agent, OpenAgent(session, guest));
  return Pass();
}

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_agent_v1>(SHOJI_AGENT_V1);
  const DeadGuest guest(session);
  auto opened = OpenAgent(session, guest);
  if (!opened.ok()) return;
  const std::vector<std::int32_t> gone = {SHOJI_UNAVAILABLE, SHOJI_DEADLINE_EXCEEDED};
  shoji_agent* const agent = opened->get();
  KitSink sink;
  shoji_call call = CallFor(kCallMs);
  provoker.Refused("start_container() of a guest that is gone", gone, [&](shoji_error* err) {
    return table->start_container(agent, &call, Str("validate"), err);
  });
  provoker.MaySucceed();  // an agent that does nothing, for tests
  call = CallFor(kCallMs);
  provoker.Refused(
      "guest_details() of a guest that is gone", gone,
      [&](shoji_error* err) { return table->guest_details(agent, &call, sink.raw(), err); },
      [&] { return !sink.text().empty(); });
  provoker.MaySucceed();
  std::int32_t status = 0x5a5a;
  call = CallFor(kCallMs);
  provoker.Refused(
      "wait_process() of a guest that is gone", gone,
      [&](shoji_error* err) {
        return table->wait_process(agent, &call, {Str("validate"), Str("validate")}, &status, err);
      },
      [&] { return status != 0x5a5a; });
  provoker.MaySucceed();
}

Verdict ReleasesConnector(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const DeadGuest guest(*session);
  KIT_OPEN(auto agent, OpenAgent(*session, guest));
  KIT_EXPECT(guest.releases() == 0, "releases the connector before close()");
  agent.Close();
  KIT_EXPECT(guest.releases() == 1, "calls release() of the connector " +
                                        std::to_string(guest.releases()) + " times; once is right");
  return Pass();
}

Verdict KeepsDeadline(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_agent_v1>(SHOJI_AGENT_V1);
  const DeadGuest guest(*session);
  KIT_OPEN(const auto agent, OpenAgent(*session, guest));
  const shoji_call call = CallFor(kCallMs);
  KitError error;
  const std::int32_t code = table->check(agent.get(), &call, error.raw());
  const std::int64_t late = (Deadline::NowNanos() - call.deadline_ns) / 1'000'000;
  KIT_EXPECT(late < kSlackMs, "check() returns " + std::to_string(late) + " ms after its deadline");
  KIT_EXPECT(code == SHOJI_OK || code == SHOJI_UNAVAILABLE || code == SHOJI_DEADLINE_EXCEEDED,
             "check() of a guest that is gone fails with " + error.Describe(code));
  return Pass();
}

}  // namespace

Kind AgentKind() { return {"agent", Table(), {}, Live, Provoke, nullptr}; }

std::vector<Check> AgentChecks() {
  return {{"agent-releases-connector",
           "release() of the connector is called once, by close()",
           14,
           "agent",
           {kInstance},
           ReleasesConnector},
          {"agent-keeps-deadline",
           "check() of a guest that is gone ends within its deadline",
           13,
           "agent",
           {kInstance},
           KeepsDeadline}};
}

}  // namespace shoji::validate
