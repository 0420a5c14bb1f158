// One open handle of the store under test, called as a host calls it.
//
// Purpose  Every call gets an error of its own; what comes back is one Answer.
// Threads  Safe, as the table is.
// Example
//     Handle handle(subject);
//     if (!handle.ok()) return Fail(handle.open_answer().Text());
//     const Answer answer = handle.Load("a");
#ifndef SHOJI_VALIDATE_STORE_CHECKS_HANDLE_H_
#define SHOJI_VALIDATE_STORE_CHECKS_HANDLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/plugin/store.h"
#include "shoji/sdk/testing/fake_host.h"
#include "shoji/validate/store_checks.h"

namespace shoji::validate {

// What a call gave.
struct Answer {
  std::int32_t code = SHOJI_OK;
  sdk::testing::FakeError error;
  std::string value;         // what load() wrote
  std::uint64_t writes = 0;  // calls of the sink

  bool ok() const { return code == SHOJI_OK; }
  // "NOT_FOUND (there is no record "a")".
  std::string Text() const;
  // What it breaks of the rules for errors; empty when nothing.
  std::string Misconduct() const;
};

struct Change {
  std::uint32_t op = SHOJI_STORE_OP_SAVE;
  std::string key;
  std::string value;
};

class Handle {
 public:
  explicit Handle(const StoreSubject& subject);
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Close(); }

  bool ok() const { return store_ != nullptr; }
  const Answer& open_answer() const { return opened_; }
  shoji_store* raw() const { return store_; }
  void Close();

  // REQUIRES: ok(). The call is NULL unless one is given.
  Answer Save(std::string_view key, std::string_view value, const shoji_call* call = nullptr) const;
  Answer Load(std::string_view key, const shoji_call* call = nullptr) const;
  Answer Remove(std::string_view key, const shoji_call* call = nullptr) const;
  // load() into any sink.
  Answer LoadInto(std::string_view key, const shoji_sink* sink) const;

  bool CanScan() const { return scan_ != nullptr; }
  bool CanApply() const { return txn_ != nullptr; }
  // REQUIRES: CanScan(). Adds the keys to `keys`.
  Answer Scan(std::string_view prefix, std::vector<std::string>* keys,
              const shoji_call* call = nullptr) const;
  Answer ScanWith(std::string_view prefix, shoji_store_visit visit, void* ctx,
                  const shoji_call* call = nullptr) const;
  // REQUIRES: CanApply().
  Answer Apply(const std::vector<Change>& changes, const shoji_call* call = nullptr) const;

 private:
  const shoji_store_v1* table_;
  shoji_store* store_ = nullptr;
  const shoji_store_scan_v1* scan_ = nullptr;
  const shoji_store_txn_v1* txn_ = nullptr;
  Answer opened_;
};

// "OK", "NOT_FOUND", or "code 99".
std::string CodeName(std::int32_t code);
// In quotes, printable, cut when it is long.
std::string Show(std::string_view text);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_STORE_CHECKS_HANDLE_H_
