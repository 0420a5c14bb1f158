// The conformance checks of kind "store".
//
// Purpose  Every rule of shoji/plugin/store.h as a check, over the C table alone: the same
//          list runs in shoji-validate, in the tests of our own stores, and in a vendor's
//          tests. A check makes, reads and removes only keys below `key_prefix`.
// Threads  A check may start threads and processes of its own; it has joined them when it
//          returns. Run one check at a time on one store.
// Example
//     for (const StoreCheck& check : StoreChecks()) {
//       const Verdict verdict = check.run(subject);
//       EXPECT_EQ(verdict.outcome, Outcome::kPass) << check.name << ": " << verdict.reason;
//     }
#ifndef SHOJI_VALIDATE_STORE_CHECKS_H_
#define SHOJI_VALIDATE_STORE_CHECKS_H_

#include <string>
#include <vector>

#include "shoji/plugin/store.h"
#include "shoji/validate/verdict.h"

namespace shoji::validate {

// The store under test. All pointers are borrowed for the length of a check.
// REQUIRES: the plugin's host fills a shoji_error as sdk::testing::FakeHost does: the checks
// pass a sdk::testing::FakeError.
struct StoreSubject {
  const shoji_store_v1* table = nullptr;
  void* plugin = nullptr;  // for table->open()
  const shoji_options* options = nullptr;
  std::string key_prefix = "shoji-validate";  // without a final '/'
  // Whether what was saved outlives the process: false for a store in memory.
  bool durable = true;
};

struct StoreCheck {
  const char* name;         // "store-save-load", stable, kebab-case
  const char* description;  // one line
  // Fails only for what shoji/plugin/store.h demands.
  Verdict (*run)(const StoreSubject& subject);
};

const std::vector<StoreCheck>& StoreChecks();

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_STORE_CHECKS_H_
