// Kind "shim", as far as it goes without a container.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds.h"
#include "shoji/plugin/shim.h"

namespace shoji::validate {
namespace {

TableShape Table() {
  return {SHOJI_SHIM_V1,
          offsetof(shoji_shim_v1, stop) + sizeof(void*),
          {KIT_SLOT(shoji_shim_v1, start), KIT_SLOT(shoji_shim_v1, stop)}};
}

Verdict Stop(Session& session, std::int32_t pid, const std::string& what) {
  const auto* table = session.Find<shoji_shim_v1>(SHOJI_SHIM_V1);
  KitError error;
  const std::int32_t code = table->stop(session.self(), nullptr, pid, error.raw());
  KIT_EXPECT(code == SHOJI_OK, "stop() of " + what + " fails with " + error.Describe(code));
  return Pass();
}

Verdict Live(Session& session) { return Stop(session, SHOJI_SHIM_BUILT_IN, "a built-in shim"); }

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_shim_v1>(SHOJI_SHIM_V1);
  const shoji_shim_params params = {sizeof(shoji_shim_params),
                                    0x80000000U,
                                    Str("validate"),
                                    Str("validate"),
                                    Str("validate"),
                                    Str("unix:///nowhere"),
                                    {},
                                    {},
                                    0,
                                    0,
                                    {}};
  std::int32_t pid = 0x5a5a;
  provoker.Refused(
      "start() with an unknown flag", {SHOJI_INVALID_ARGUMENT},
      [&](shoji_error* err) {
        return table->start(session.self(), session.options(), nullptr, &params, &pid, err);
      },
      [&] { return pid != 0x5a5a; });
}

Verdict StopBuiltIn(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  return Stop(*session, SHOJI_SHIM_BUILT_IN, "a built-in shim (-1)");
}

Verdict StopGone(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  KIT_EXPECT(pid > 0 && waitpid(pid, nullptr, 0) == pid, "cannot make a process");
  return Stop(*session, pid, "a process that has ended");
}

// Null: the plugin has none.
decltype(shoji_shim_v1::signal) SignalOf(const shoji_shim_v1& table) {
  constexpr std::size_t kEnd = offsetof(shoji_shim_v1, signal) + sizeof(table.signal);
  return table.struct_size >= kEnd ? table.signal : nullptr;
}

// signal() by way of `pid`, which is no shim that could pass it on.
Verdict SignalByNone(Session& session, std::int32_t pid, const std::string& what) {
  const auto* table = session.Find<shoji_shim_v1>(SHOJI_SHIM_V1);
  const auto signal = SignalOf(*table);
  if (signal == nullptr) return Skip("the plugin has no signal()");
  shoji_shim_params params = {};
  params.struct_size = sizeof(params);
  params.sandbox_id = Str("validate");
  params.container_id = Str("validate");
  params.exec_id = Str("validate");
  KitError error;
  const std::int32_t code =
      signal(session.self(), session.options(), nullptr, &params, pid, SIGKILL, error.raw());
  KIT_EXPECT(code == SHOJI_UNAVAILABLE || code == SHOJI_NOT_FOUND,
             "signal() by way of " + what + " answers " + error.Describe(code) +
                 "; UNAVAILABLE makes the caller ask the agent");
  return Pass();
}

Verdict SignalGone(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  KIT_EXPECT(pid > 0 && waitpid(pid, nullptr, 0) == pid, "cannot make a process");
  return SignalByNone(*session, pid, "a process that has ended");
}

// A number may be another process's by now: that one must not get the signal itself.
Verdict SignalStranger(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const pid_t pid = fork();
  if (pid == 0) {
    for (;;) pause();
  }
  KIT_EXPECT(pid > 0, "cannot make a process");
  const Verdict verdict = SignalByNone(*session, pid, "a process that is no shim");
  const bool lives = waitpid(pid, nullptr, WNOHANG) == 0;
  if (lives) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  KIT_EXPECT(lives, "signal() ends a process that is no shim");
  return verdict;
}

}  // namespace

Kind ShimKind() { return {"shim", Table(), {}, Live, Provoke, nullptr}; }

std::vector<Check> ShimChecks() {
  return {{"shim-stop-built-in",
           "stop() of SHOJI_SHIM_BUILT_IN succeeds",
           18,
           "shim",
           {kInstance},
           StopBuiltIn},
          {"shim-stop-gone",
           "stop() of a process that has ended succeeds",
           18,
           "shim",
           {kInstance},
           StopGone},
          {"shim-signal-gone",
           "signal() by way of a process that has ended says UNAVAILABLE or NOT_FOUND",
           18,
           "shim",
           {kInstance},
           SignalGone},
          {"shim-signal-stranger",
           "signal() by way of a process that is no shim says so and leaves it alone",
           18,
           "shim",
           {kInstance},
           SignalStranger}};
}

}  // namespace shoji::validate
