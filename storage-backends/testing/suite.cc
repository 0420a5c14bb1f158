// The checks of the conformance kit as tests.
#include "place.h"
#include "register.h"
#include "shoji/validate/store_checks.h"

namespace shoji::store_testing {
namespace {

using validate::Outcome;

void RunCheck(const Subject& subject, const validate::StoreCheck& check) {
  const TempDir dir;
  Plugin plugin(subject, dir.path());
  validate::StoreSubject under_test;
  under_test.table = subject.table;
  under_test.plugin = plugin.self();
  under_test.options = plugin.options();
  under_test.durable = subject.durable;
  const validate::Verdict verdict = check.run(under_test);
  const bool may_warn = subject.accepted_warnings.count(check.name) != 0;
  if (verdict.outcome == Outcome::kSkip) GTEST_SKIP() << verdict.reason;
  if (verdict.outcome == Outcome::kWarning && may_warn) return;
  EXPECT_EQ(verdict.outcome, Outcome::kPass) << check.description << ": " << verdict.reason;
}

}  // namespace

void RegisterSuite(const Subject& subject) {
  for (const validate::StoreCheck& check : validate::StoreChecks()) {
    Register("Suite", check.name, [&subject, check] { RunCheck(subject, check); });
  }
}

}  // namespace shoji::store_testing
