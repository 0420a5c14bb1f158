#include "kinds.h"

#include "shoji/base/deadline.h"

namespace shoji::validate {

bool Provoker::Refused(std::string what, std::vector<std::int32_t> expected, const Call& call,
                       const std::function<bool()>& touched) {
  KitError error;
  Refusal refusal;
  refusal.what = std::move(what);
  refusal.expected = std::move(expected);
  refusal.code = call(null_error_ ? nullptr : error.raw());
  refusal.message = error.message();
  for (const auto& [name, value] : error.details()) refusal.details.push_back(name + "=" + value);
  if (!null_error_) {
    refusal.bad_code = error.BadCode(refusal.code);
    refusal.bad_message = error.BadMessage(refusal.code);
  }
  refusal.touched = touched && touched();
  refusals_.push_back(std::move(refusal));
  return refusals_.back().code != SHOJI_OK;
}

const Kind* FindKind(const std::string& name) {
  static const std::vector<Kind> kKinds = {StoreKind(), HypervisorKind(), FactoryKind(), ShimKind(),
                                           ProxyKind(), AgentKind(),      NetworkKind()};
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

Verdict VerdictOf(const Status& status) {
  return status.detail("reason") == "skip" ? Skip(status.message()) : Fail(status.message());
}

shoji_call CallFor(int ms) {
  shoji_call call{sizeof(shoji_call), -1, 0, {nullptr, 0}};
  if (ms != 0) call.deadline_ns = Deadline::NowNanos() + std::int64_t{ms} * 1'000'000;
  return call;
}

}  // namespace shoji::validate
