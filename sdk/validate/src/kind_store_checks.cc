// StoreChecks() and the lifecycle fuzz as checks of the kit.
#include "kinds.h"
#include "shoji/validate/store_checks.h"
#include "store_fuzz.h"

namespace shoji::validate {
namespace {

Verdict RunStoreCheck(const Target& target, Verdict (*run)(const StoreSubject&)) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  StoreSubject subject;
  subject.table = session->Find<shoji_store_v1>(SHOJI_STORE_V1);
  subject.plugin = session->self();
  subject.options = session->options();
  subject.durable = target.durable;
  return run(subject);
}

}  // namespace

std::vector<Check> StoreKindChecks() {
  std::vector<Check> out;
  for (const StoreCheck& check : StoreChecks()) {
    auto* const run = check.run;
    out.push_back(
        {check.name, check.description, 20, "store", {kInstance}, [run](const Target& target) {
           return RunStoreCheck(target, run);
         }});
  }
  out.push_back({"store-fuzz",
                 "random calls on several handles behave like a map; see --seed",
                 20,
                 "store",
                 {kInstance},
                 StoreFuzz});
  return out;
}

}  // namespace shoji::validate
