// Where a check works: an open store, keys of its own, and the first thing that went wrong.
//
// Purpose  A check reads as a list of steps; the first that fails is the verdict. Every answer
//          is held against the rules for errors. All keys are removed at the end.
// Threads  For the thread of the check; other threads use handle().
// Example
//     Verdict Replace(const StoreSubject& subject) {
//       Bench b(subject, "replace");
//       b.Save("k", "one");
//       b.Save("k", "two");
//       b.ExpectValue("k", "two");
//       return b.verdict();
//     }
#ifndef SHOJI_VALIDATE_STORE_CHECKS_BENCH_H_
#define SHOJI_VALIDATE_STORE_CHECKS_BENCH_H_

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/validate/store_checks.h"
#include "shoji/validate/verdict.h"
#include "store_checks_handle.h"

namespace shoji::validate {

class Bench {
 public:
  // The keys of the check begin with "<key_prefix>/<name>/".
  Bench(const StoreSubject& subject, std::string_view name);
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench();

  // False when the store could not be opened: return verdict() then.
  bool ok() const { return handle_->ok(); }
  const StoreSubject& subject() const { return subject_; }
  Handle& handle() { return *handle_; }
  // The whole key of `rest`; it is removed at the end.
  std::string Key(std::string_view rest);
  // Closes the handle and opens another.
  void Reopen();

  // Steps. Keys are given by their rest.
  void Save(std::string_view rest, std::string_view value, const shoji_call* call = nullptr);
  void Remove(std::string_view rest, const shoji_call* call = nullptr);
  void Apply(const std::vector<Change>& changes);  // with whole keys
  void ExpectValue(std::string_view rest, std::string_view value, const shoji_call* call = nullptr);
  void ExpectAbsent(std::string_view rest);
  // The keys below the check's own prefix + `rest`, by scan.
  void ExpectKeys(std::string_view rest, const std::vector<std::string>& rests);
  std::vector<std::string> ScanOf(std::string_view rest);  // whole keys
  void ExpectOk(const Answer& answer, const std::string& what);
  // One of `codes`.
  void ExpectCode(const Answer& answer, const std::vector<std::int32_t>& codes,
                  const std::string& what);
  void Expect(bool condition, const std::string& reason);

  void Warn(const std::string& reason);
  bool failed() const { return verdict_.outcome == Outcome::kFail; }
  Verdict verdict() const { return verdict_; }

 private:
  const StoreSubject& subject_;
  std::string prefix_;
  std::unique_ptr<Handle> handle_;
  std::set<std::string> keys_;
  Verdict verdict_;
};

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_STORE_CHECKS_BENCH_H_
