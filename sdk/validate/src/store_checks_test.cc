// Each check is shown a store with the defect it is there for.
#include "shoji/validate/store_checks.h"

#include <ctype.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "shoji/sdk/store.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::validate {
namespace {

using Map = std::map<std::string, std::string, std::less<>>;

// What is wrong with the store; "" for the one that is right.
std::string defect;
bool Has(const char* name) { return defect == name; }

struct State {
  std::mutex mutex;
  Map map;
  std::set<int> leaked;
};
State state;

// Correct, but for the defect.
class Store {
 public:
  static Result<std::unique_ptr<Store>> Open(const sdk::Host&, const sdk::OptionMap&) {
    if (Has("forgets-on-open")) state.map.clear();
    if (Has("leaks-on-open")) state.leaked.insert(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (Has("inherited-descriptor")) state.leaked.insert(open("/dev/null", O_RDONLY));
    return std::make_unique<Store>();
  }
  Status Save(const shoji_call*, std::string_view key, std::string_view value) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    return Put(key, value);
  }
  Result<std::string> Load(const shoji_call*, std::string_view key) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    const auto found = Where().find(key);
    if (found == Where().end()) {
      if (Has("absent-is-empty")) return std::string();
      if (Has("absent-is-internal")) return Internal("none");
      if (Has("no-message")) return NotFound("");
      return NotFound("none");
    }
    return found->second;
  }
  Status Remove(const shoji_call*, std::string_view key) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (Has("remove-absent-fails") && Where().count(key) == 0) return NotFound("none");
    if (Has("remove-does-nothing")) return OkStatus();
    if (Has("remove-takes-those-below")) EraseBelow(key);
    Where().erase(std::string(key));
    return OkStatus();
  }
  Result<std::vector<std::string>> Scan(const shoji_call*, std::string_view prefix) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    std::vector<std::string> keys;
    for (const auto& [key, value] : Where()) {
      if (key.compare(0, prefix.size(), prefix) == 0 && Fits(key, prefix)) keys.push_back(key);
    }
    if (Has("scan-backwards")) std::reverse(keys.begin(), keys.end());
    if (Has("scan-twice") && !keys.empty()) keys.push_back(keys.back());
    if (Has("scan-stops-at-500") && keys.size() > 500) keys.resize(500);
    if (Has("scan-without-newline")) {
      std::erase_if(keys, [](const std::string& key) { return key.find('\n') != key.npos; });
    }
    if (Has("scan-of-nothing-fails") && keys.empty()) return NotFound("none");
    return keys;
  }
  Status Apply(const shoji_call*, const std::vector<sdk::StoreOp>& ops) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (Has("txn-empty-refused") && ops.empty()) return InvalidArgument("nothing to do");
    if (Has("txn-limit") && ops.size() > 500) return ResourceExhausted("too large");
    if (Has("txn-large-torn") && ops.size() > 500) {
      (void)Put(ops[0].key, ops[0].value);
      return ResourceExhausted("too large");
    }
    for (const sdk::StoreOp& op : ops) {
      if (!op.remove && !Has("txn-forgets-saves")) (void)Put(op.key, op.value);
      if (op.remove) Where().erase(std::string(op.key));
    }
    for (const sdk::StoreOp& op : ops) {  // sorted by kind instead of in order
      if (Has("txn-removes-last") && op.remove) Where().erase(std::string(op.key));
    }
    return OkStatus();
  }

 private:
  Map& Where() { return Has("private-handles") ? own_ : state.map; }
  static bool Fits(const std::string& key, std::string_view prefix) {
    if (!Has("scan-by-component") || prefix.empty() || prefix.back() == '/') return true;
    return key.size() == prefix.size() || key[prefix.size()] == '/';
  }
  static void EraseBelow(std::string_view key) {
    const std::string prefix = std::string(key) + "/";
    std::erase_if(state.map, [&](const auto& e) { return e.first.rfind(prefix, 0) == 0; });
  }
  Status Put(std::string_view key, std::string_view value) {
    if (Has("first-value-stays") && Where().count(key) != 0) return OkStatus();
    if (Has("empty-is-removal") && value.empty()) {
      Where().erase(std::string(key));
      return OkStatus();
    }
    std::string kept(value);
    if (Has("cut-at-nul")) kept = kept.substr(0, kept.find('\0'));
    if (Has("cut-at-64k")) kept = kept.substr(0, 65536);
    if (Has("limit-1m") && kept.size() > (1U << 20U)) return ResourceExhausted("too large");
    std::string name(key);
    if (Has("folds-case")) std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    if (Has("long-keys-cut")) name = name.substr(0, 255);
    if (Has("unicode-normalised") && name.ends_with("e\xcc\x81")) {
      name.replace(name.size() - 3, 3, "\xc3\xa9");
    }
    Where()[name] = kept;
    return OkStatus();
  }

  Map own_;
};

using Slots = sdk::internal::StoreSlots<Store>;

// Below the SDK, which keeps a store from many a mistake.
std::int32_t Save(shoji_store* store, const shoji_call* call, shoji_str key, shoji_str value,
                  shoji_error* error) {
  const std::string text = sdk::String(key);
  const bool lax = (Has("allows-dotdot") && text.find("..") != std::string::npos) ||
                   (Has("allows-long") && text.size() > 512) ||
                   (Has("allows-nul") && text.find('\0') != std::string::npos) ||
                   (Has("allows-non-utf8") && text.find('\xff') != std::string::npos) ||
                   (Has("allows-empty-component") && text.find("//") != std::string::npos) ||
                   (Has("allows-empty-key") && text.empty()) ||
                   (Has("allows-large") && value.size > SHOJI_STORE_VALUE_MAX);
  if (lax) return SHOJI_OK;
  if (Has("refuses-newline") && text.find('\n') != std::string::npos) return SHOJI_INTERNAL;
  if (Has("reads-beyond-call") && call != nullptr && call->deadline_ns == 1) {
    return Slots::Save(store, nullptr, {nullptr, 0}, value, error);
  }
  if (Has("ignores-deadline")) call = nullptr;
  return Slots::Save(store, call, key, value, error);
}

std::int32_t Load(shoji_store* store, const shoji_call* call, shoji_str key, const shoji_sink* sink,
                  shoji_error* error) {
  static const char kTorn[] = "torn";
  if (Has("writes-before-failing")) sink->write(sink->ctx, kTorn, 0);
  if (Has("wants-exact-sink") && sink->struct_size != sizeof(shoji_sink)) return SHOJI_INTERNAL;
  const std::int32_t code = Slots::Load(store, call, key, sink, error);
  if (Has("sink-code-replaced") && code == SHOJI_ABORTED) return SHOJI_INTERNAL;
  if (Has("wrong-code-in-error") && code != SHOJI_OK) return SHOJI_UNKNOWN;
  if (Has("code-99") && code != SHOJI_OK) return 99;
  if (Has("closes-cancel-fd") && call != nullptr && call->cancel_fd >= 0) close(call->cancel_fd);
  return code;
}

std::int32_t Scan(shoji_store* store, const shoji_call* call, shoji_str prefix,
                  shoji_store_visit visit, void* ctx, shoji_error* error) {
  const std::int32_t code = Slots::Scan(store, call, prefix, visit, ctx, error);
  if (Has("scan-ignores-stop")) return SHOJI_OK;
  if (Has("scan-visits-on") && code != SHOJI_OK) visit(ctx, {"more", 4});
  return code;
}

std::int32_t Apply(shoji_store* store, const shoji_call* call, const shoji_store_op* const* ops,
                   std::uint32_t count, shoji_error* error) {
  if (Has("txn-one-by-one")) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::int32_t code = Slots::Apply(store, call, &ops[i], 1, error);
      if (code != SHOJI_OK) return code;
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // as a disk would take
    }
    return SHOJI_OK;
  }
  const bool unknown = count > 0 && ops[0]->op > SHOJI_STORE_OP_REMOVE;
  if (Has("txn-unknown-op-passes") && unknown) return SHOJI_OK;
  if (Has("txn-wants-exact-op") && count > 0 && ops[0]->struct_size != sizeof(shoji_store_op)) {
    return Slots::Save(store, call, {nullptr, 0}, {nullptr, 0}, error);
  }
  return Slots::Apply(store, call, ops, count, error);
}

constexpr shoji_store_scan_v1 kScan = {sizeof(shoji_store_scan_v1), 0, Scan};
constexpr shoji_store_txn_v1 kTxn = {sizeof(shoji_store_txn_v1), 0, Apply};
constexpr shoji_store_txn_v1 kHollow = {sizeof(shoji_store_txn_v1), 0, nullptr};

const void* Extension(shoji_store*, const char* id) {
  const std::string name = id;
  if (name == SHOJI_STORE_SCAN_V1) return &kScan;
  if (name == SHOJI_STORE_TXN_V1) return Has("hollow-extension") ? &kHollow : &kTxn;
  if (Has("any-extension") && !name.empty()) return &kScan;
  return nullptr;
}

class StoreChecksTest : public testing::Test {
 protected:
  ~StoreChecksTest() override { defect.clear(); }

  // The names of the checks that do not pass.
  std::set<std::string> Failing(const std::string& with, const std::string& only = "") {
    defect = with;
    state.map.clear();
    std::set<std::string> names;
    for (const StoreCheck& check : StoreChecks()) {
      if (!only.empty() && only != check.name) continue;
      const Verdict verdict = check.run(subject_);
      if (verdict.outcome == Outcome::kPass) continue;
      names.insert(check.name);
      EXPECT_FALSE(verdict.reason.empty()) << check.name;
      EXPECT_EQ(verdict.reason.find('\n'), std::string::npos) << verdict.reason;
    }
    for (const int fd : state.leaked) close(fd);
    state.leaked.clear();
    return names;
  }

  shoji_store_v1 table_ = {sizeof(shoji_store_v1), 0,        Slots::Open, Slots::Close, Save, Load,
                           Slots::Remove,          Extension};
  sdk::testing::FakeHost host_;
  sdk::Interfaces interfaces_{host_.raw()};
  shoji_options options_{sizeof(shoji_options), 0, nullptr};
  StoreSubject subject_{&table_, &interfaces_, &options_, "checks", true};
};

TEST_F(StoreChecksTest, TheStoreWithoutDefectPassesAllAndIsLeftEmpty) {
  EXPECT_THAT(Failing(""), testing::IsEmpty());
  EXPECT_THAT(state.map, testing::IsEmpty());
}

TEST_F(StoreChecksTest, NamesAreUniqueAndTold) {
  std::set<std::string> names;
  for (const StoreCheck& check : StoreChecks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_EQ(std::string(check.name).rfind("store-", 0), 0U) << check.name;
    EXPECT_FALSE(std::string(check.description).empty()) << check.name;
  }
}

TEST_F(StoreChecksTest, EveryDefectIsFoundByItsCheck) {
  const std::pair<const char*, const char*> cases[] = {
      {"forgets-on-open", "store-reopened"},
      {"private-handles", "store-two-handles"},
      {"private-handles", "store-many-handles"},
      {"leaks-on-open", "store-nothing-held"},
      {"inherited-descriptor", "store-close-on-exec"},
      {"absent-is-empty", "store-load-absent"},
      {"absent-is-internal", "store-load-absent"},
      {"absent-is-internal", "store-error-null"},
      {"no-message", "store-load-absent"},
      {"wrong-code-in-error", "store-remove"},
      {"code-99", "store-load-absent"},
      {"writes-before-failing", "store-load-absent"},
      {"remove-absent-fails", "store-remove-absent"},
      {"remove-absent-fails", "store-idempotent"},
      {"remove-does-nothing", "store-remove"},
      {"remove-takes-those-below", "store-key-path-prefix"},
      {"first-value-stays", "store-replace"},
      {"empty-is-removal", "store-empty-value"},
      {"cut-at-nul", "store-binary-value"},
      {"cut-at-64k", "store-value-sizes"},
      {"limit-1m", "store-largest-value"},
      {"allows-large", "store-too-large-value"},
      {"folds-case", "store-key-odd"},
      {"long-keys-cut", "store-key-longest"},
      {"unicode-normalised", "store-key-unicode"},
      {"allows-dotdot", "store-key-dots"},
      {"allows-long", "store-key-too-long"},
      {"allows-nul", "store-key-nul"},
      {"allows-non-utf8", "store-key-not-utf8"},
      {"allows-empty-component", "store-key-empty-component"},
      {"allows-empty-key", "store-key-empty"},
      {"refuses-newline", "store-key-newline"},
      {"reads-beyond-call", "store-call-smaller"},
      {"ignores-deadline", "store-deadline-past"},
      {"wants-exact-sink", "store-sink-larger"},
      {"sink-code-replaced", "store-sink-refuses"},
      {"closes-cancel-fd", "store-cancel"},
      {"any-extension", "store-extension-unknown"},
      {"hollow-extension", "store-extension-tables"},
      {"scan-by-component", "store-scan-prefix"},
      {"scan-backwards", "store-scan-order"},
      {"scan-backwards", "store-scan-all"},
      {"scan-twice", "store-scan-many"},
      {"scan-twice", "store-scan-meanwhile"},
      {"scan-stops-at-500", "store-scan-many"},
      {"scan-without-newline", "store-key-newline"},
      {"scan-of-nothing-fails", "store-scan-none"},
      {"scan-ignores-stop", "store-scan-stop"},
      {"scan-visits-on", "store-scan-stop"},
      {"txn-forgets-saves", "store-txn-all"},
      {"txn-removes-last", "store-txn-order"},
      {"txn-empty-refused", "store-txn-empty"},
      {"txn-one-by-one", "store-txn-bad"},
      {"txn-one-by-one", "store-txn-seen-whole"},
      {"txn-unknown-op-passes", "store-txn-bad"},
      {"txn-wants-exact-op", "store-txn-larger-op"},
      {"txn-large-torn", "store-txn-many"},
  };
  for (const auto& [what, check] : cases) {
    EXPECT_EQ(Failing(what, check).size(), 1U) << what << ", " << check;
  }
}

TEST_F(StoreChecksTest, AStoreThatRefusesLargeTransactionsClearlyIsOnlyWarnedOf) {
  defect = "txn-limit";
  for (const StoreCheck& check : StoreChecks()) {
    if (std::string(check.name) != "store-txn-many") continue;
    EXPECT_EQ(check.run(subject_).outcome, Outcome::kWarning);
  }
}

TEST_F(StoreChecksTest, ATableWithHolesIsToldAsSuch) {
  table_.remove = nullptr;
  EXPECT_EQ(Failing("", "store-table").size(), 1U);
  table_.remove = Slots::Remove;
  table_.struct_size = 16;
  EXPECT_EQ(Failing("", "store-table").size(), 1U);
}

TEST_F(StoreChecksTest, AStoreInMemorySkipsWhatOutlivesTheProcess) {
  subject_.durable = false;
  for (const StoreCheck& check : StoreChecks()) {
    if (std::string(check.name) != "store-reopened") continue;
    EXPECT_EQ(check.run(subject_).outcome, Outcome::kSkip);
  }
}

}  // namespace
}  // namespace shoji::validate
