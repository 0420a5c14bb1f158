#include "handles.h"

#include <poll.h>
#include <signal.h>

#include "shoji/base/strings.h"
#include "shoji/sdk/wait.h"

namespace shoji::mock {
namespace {

// A call without a time limit must not wait for ever: neither must the tests that make it.
constexpr std::int64_t kLongestHang = 60'000'000'000;
constexpr int kDeathMs = 5000;

// Kills what the VM says are its processes, and waits until the VM is seen to be gone.
void KillVm(const Mock& mock, const MockVm& vm) {
  std::string text;
  const shoji_sink sink = sdk::SinkTo(&text);
  if (mock.table()->pids(vm.inner, &sink, nullptr) != SHOJI_OK) return;
  bool any = false;
  for (const std::string& line : Split(text, '\n')) {
    const auto pid = ParseInt(line);
    if (pid.ok() && *pid > 1) any |= kill(static_cast<pid_t>(*pid), SIGKILL) == 0;
  }
  pollfd gone{mock.table()->wait_fd(vm.inner), POLLIN, 0};
  if (any && gone.fd >= 0) poll(&gone, 1, kDeathMs);
}

Status Hang(std::string_view slot, const shoji_call* call) {
  shoji_call limited{};
  limited.struct_size = sizeof limited;
  limited.cancel_fd = -1;
  if (SHOJI_HAS(shoji_call, call, cancel_fd)) limited.cancel_fd = call->cancel_fd;
  if (SHOJI_HAS(shoji_call, call, deadline_ns)) limited.deadline_ns = call->deadline_ns;
  if (limited.deadline_ns == 0) limited.deadline_ns = sdk::NowNanos() + kLongestHang;
  return sdk::WaitUntilReady(&limited, -1, 0, "mock: " + std::string(slot) + ", which hangs");
}

Status FailureOf(const Fault& fault) { return {fault.code, fault.text}; }

std::int32_t Carry(Mock& mock, const Fault& fault, std::string_view slot, const MockVm* vm,
                   const shoji_call* call, shoji_error* err, const Work& work,
                   const std::function<void()>& undo) {
  switch (fault.effect) {
    case Effect::kFail:
      return mock.host().Fail(err, FailureOf(fault));
    case Effect::kHang:
      return mock.host().Fail(err, Hang(slot, call));
    case Effect::kLate: {
      const std::int32_t code = work();
      if (code != SHOJI_OK) return code;
      if (undo) undo();
      return mock.host().Fail(err, FailureOf(fault));
    }
    case Effect::kKill:
      KillVm(mock, *vm);
      return work();
    case Effect::kKillAfter: {
      const std::int32_t code = work();
      // destroy() has taken the VM away, and its handle too.
      if (slot != "destroy") KillVm(mock, *vm);
      return code;
    }
    case Effect::kPartial:
      return work();
  }
  return work();
}

std::int32_t PutHalf(const shoji_sink* sink, const std::string& text) {
  return sink->write(sink->ctx, text.data(), text.size() / 2);
}

}  // namespace

Mock::~Mock() {
  const MutexLock lock(mutex_);
  if (inner_ != nullptr) other_.table->close(inner_);
}

Result<shoji_hypervisor*> Mock::Inner(shoji_error* err) {
  const MutexLock lock(mutex_);
  if (inner_ != nullptr) return inner_;
  SHOJI_ASSIGN_OR_RETURN(
      other_, sdk::FindPlugin<shoji_hypervisor_v1>(host_, "hypervisor", sdk::ToStr(over_),
                                                   SHOJI_HYPERVISOR_V1, err));
  const std::int32_t code = other_.table->open(other_.plugin, other_.options, &inner_, err);
  if (code != SHOJI_OK) return sdk::Told(code);
  return inner_;
}

std::int32_t Perform(Mock& mock, std::string_view slot, const MockVm* vm, const shoji_call* call,
                     shoji_error* err, const Work& work,
                     const std::function<void()>& undo) noexcept {
  std::int32_t code = SHOJI_INTERNAL;
  const std::int32_t guarded = mock.host().Guard(err, [&] {
    const auto fault = mock.script().Next(slot);
    code = fault.has_value() ? Carry(mock, *fault, slot, vm, call, err, work, undo) : work();
    return OkStatus();
  });
  return guarded == SHOJI_OK ? code : guarded;
}

std::int32_t PerformWriting(Mock& mock, std::string_view slot, const MockVm* vm,
                            const shoji_call* call, const shoji_sink* sink, shoji_error* err,
                            const std::function<std::int32_t(const shoji_sink*)>& work) noexcept {
  std::int32_t code = SHOJI_INTERNAL;
  const std::int32_t guarded = mock.host().Guard(err, [&] {
    const auto fault = mock.script().Next(slot);
    if (!fault.has_value()) {
      code = work(sink);
      return OkStatus();
    }
    // Late failures leave the caller's sink untouched, as any other.
    std::string text;
    const shoji_sink kept = sdk::SinkTo(&text);
    code = Carry(
        mock, *fault, slot, vm, call, err, [&] { return work(&kept); }, nullptr);
    if (code != SHOJI_OK) return OkStatus();
    code = fault->effect == Effect::kPartial ? PutHalf(sink, text)
                                             : sink->write(sink->ctx, text.data(), text.size());
    return OkStatus();
  });
  return guarded == SHOJI_OK ? code : guarded;
}

}  // namespace shoji::mock
