#include "store_fuzz.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "kinds.h"
#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/store.h"

namespace shoji::validate {
namespace {

constexpr int kSteps = 400;
constexpr std::size_t kHandles = 3;
constexpr char kPrefix[] = "shoji-validate/fuzz/";
// A store of many records on a slow disk need not do all the steps.
constexpr std::chrono::seconds kEnough(5);

using Model = std::map<std::string, std::string>;

class Fuzz {
 public:
  Fuzz(Session& session, std::uint64_t seed)
      : session_(session),
        table_(session.Find<shoji_store_v1>(SHOJI_STORE_V1)),
        random_(seed),
        readable_(eventfd(1, EFD_CLOEXEC)) {}

  // What went wrong; empty: nothing.
  std::string Run() {
    const Deadline enough = Deadline::After(kEnough);
    for (int step = 0; step < kSteps && problem_.empty() && !enough.passed(); ++step) {
      Step();
      if (!problem_.empty()) problem_ = "step " + std::to_string(step) + ": " + problem_;
    }
    if (problem_.empty()) CheckAll();
    Clean();
    return problem_;
  }

 private:
  struct Injected {
    shoji_call call;
    bool harmful;  // the call may fail for it
  };

  std::uint64_t Any(std::uint64_t below) { return random_() % below; }

  void Step() {
    const std::uint64_t what = Any(100);
    if (what < 4) return Reopen();
    shoji_store* const store = Pick();
    if (store == nullptr) return;
    if (what < 34) return Save(store);
    if (what < 64) return Load(store);
    if (what < 78) return Remove(store);
    if (what < 88) return Scan(store);
    Apply(store);
  }

  // Closes one handle; it is opened again when it is picked. What is volatile keeps one.
  void Reopen() {
    if (!session_.target().durable) return;
    handles_.erase(Any(kHandles));
  }

  shoji_store* Pick() {
    const std::uint64_t number = session_.target().durable ? Any(kHandles) : 0;
    const auto found = handles_.find(number);
    if (found != handles_.end()) return found->second.get();
    auto opened = OpenInstance<shoji_store>(session_, table_);
    if (!opened.ok()) {
      problem_ = opened.status().message();
      return nullptr;
    }
    shoji_store* const store = opened->get();
    handles_.emplace(number, *std::move(opened));
    return store;
  }

  std::string Key() {
    static const std::vector<std::string> kNames = {"a",
                                                    "b",
                                                    "a/b",
                                                    "a/b/c",
                                                    "ab",
                                                    "A",
                                                    "a.b",
                                                    "a b",
                                                    "\xc3\xa4",
                                                    "z\n",
                                                    std::string(200, 'k')};
    return kPrefix + kNames[Any(kNames.size())];
  }

  std::string Value() {
    static const std::vector<std::uint64_t> kSizes = {0, 1, 7, 100, 4096, 70'000};
    std::string out(kSizes[Any(kSizes.size())], '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }

  Injected Inject() {
    shoji_call call = CallFor(static_cast<int>(Any(2) * 60'000));
    const std::uint64_t what = Any(12);
    if (what == 0) call = CallFor(-1);
    if (what == 1) call.cancel_fd = readable_.get();
    return {call, what < 2};
  }

  // Whether the call did its work. A failure is a problem unless it was injected.
  bool Done(const std::string& what, std::int32_t code, const KitError& error,
            const Injected& injected) {
    if (code == SHOJI_OK) return true;
    const bool meant =
        injected.call.cancel_fd >= 0 ? code == SHOJI_CANCELLED : code == SHOJI_DEADLINE_EXCEEDED;
    if (!injected.harmful || !meant) problem_ = what + " fails with " + error.Describe(code);
    if (const auto defect = error.Defect(code)) problem_ = what + " " + *defect;
    return false;
  }

  void Save(shoji_store* store) {
    const std::string key = Key();
    const std::string value = Value();
    const Injected injected = Inject();
    KitError error;
    const std::int32_t code =
        table_->save(store, &injected.call, Str(key), Str(value), error.raw());
    Model wanted = model_;
    wanted[key] = value;
    Settle(store, Done("save(" + key + ")", code, error, injected), wanted, {key});
  }

  void Remove(shoji_store* store) {
    const std::string key = Key();
    const Injected injected = Inject();
    KitError error;
    const std::int32_t code = table_->remove(store, &injected.call, Str(key), error.raw());
    Model wanted = model_;
    wanted.erase(key);
    Settle(store, Done("remove(" + key + ")", code, error, injected), wanted, {key});
  }

  // After a change that was done, the store holds `wanted`; after one that was given up, the
  // old state or that one, whole.
  void Settle(shoji_store* store, bool done, const Model& wanted,
              const std::set<std::string>& keys) {
    if (done) model_ = wanted;
    if (done || !problem_.empty()) return;
    Model found = model_;
    for (const std::string& key : keys) {
      const std::optional<std::string> value = Get(store, key);
      if (value) found[key] = *value;
      if (!value) found.erase(key);
    }
    if (problem_.empty() && found != model_ && found != wanted) {
      problem_ =
          "a change of " + std::to_string(keys.size()) + " keys that was given up is done in part";
    }
    model_ = std::move(found);
  }

  // The value of a key, without an injected failure.
  std::optional<std::string> Get(shoji_store* store, const std::string& key) {
    KitError error;
    KitSink sink;
    const std::int32_t code = table_->load(store, nullptr, Str(key), sink.raw(), error.raw());
    if (code == SHOJI_OK) return sink.text();
    if (code != SHOJI_NOT_FOUND) problem_ = "load(" + key + ") fails with " + error.Describe(code);
    return std::nullopt;
  }

  void Load(shoji_store* store) {
    const std::string key = Key();
    const std::optional<std::string> value = Get(store, key);
    const auto found = model_.find(key);
    if (!problem_.empty()) return;
    if (value.has_value() != (found != model_.end())) {
      problem_ = "load(" + key + ") finds " + (value ? "a value" : "nothing") + ", there is " +
                 (value ? "none" : "one");
    } else if (value && *value != found->second) {
      problem_ = "load(" + key + ") gives " + std::to_string(value->size()) +
                 " bytes that are not the " + std::to_string(found->second.size()) + " saved last";
    }
  }

  void Scan(shoji_store* store) {
    const auto* scan =
        static_cast<const shoji_store_scan_v1*>(table_->get_extension(store, SHOJI_STORE_SCAN_V1));
    if (!SHOJI_HAS_SLOT(shoji_store_scan_v1, scan, scan)) return;
    const std::string whole = Key();
    std::string prefix = whole.substr(0, sizeof(kPrefix) - 1 + Any(4));
    // Half a character is no prefix that a host asks for.
    if (static_cast<unsigned char>(prefix.back()) >= 0x80) prefix = kPrefix;
    std::vector<std::string> seen;
    KitError error;
    const std::int32_t code = scan->scan(
        store, nullptr, Str(prefix),
        [](void* ctx, shoji_str key) -> std::int32_t {
          static_cast<std::vector<std::string>*>(ctx)->push_back(Text(key));
          return SHOJI_OK;
        },
        &seen, error.raw());
    if (code != SHOJI_OK) problem_ = "scan(" + prefix + ") fails with " + error.Describe(code);
    std::vector<std::string> wanted;
    for (const auto& [key, value] : model_) {
      if (key.rfind(prefix, 0) == 0) wanted.push_back(key);
    }
    if (code == SHOJI_OK && seen != wanted) {
      problem_ = "scan(" + prefix + ") visits " + std::to_string(seen.size()) + " keys; " +
                 std::to_string(wanted.size()) + " in byte order are right";
    }
  }

  void Apply(shoji_store* store) {
    const auto* txn =
        static_cast<const shoji_store_txn_v1*>(table_->get_extension(store, SHOJI_STORE_TXN_V1));
    if (!SHOJI_HAS_SLOT(shoji_store_txn_v1, txn, apply)) return;
    std::vector<std::pair<std::string, std::string>> texts(Any(6));
    std::vector<shoji_store_op> ops;
    std::set<std::string> keys;
    Model wanted = model_;
    for (auto& [key, value] : texts) {
      key = Key();
      const bool remove = Any(3) == 0;
      if (!remove) value = Value();
      if (remove) wanted.erase(key);
      if (!remove) wanted[key] = value;
      keys.insert(key);
      ops.push_back({sizeof(shoji_store_op), remove ? SHOJI_STORE_OP_REMOVE : SHOJI_STORE_OP_SAVE,
                     Str(key), Str(value)});
    }
    std::vector<const shoji_store_op*> pointers;
    for (const shoji_store_op& op : ops) pointers.push_back(&op);
    const Injected injected = Inject();
    KitError error;
    const std::int32_t code = txn->apply(store, &injected.call, pointers.data(),
                                         static_cast<std::uint32_t>(pointers.size()), error.raw());
    Settle(store,
           Done("apply() of " + std::to_string(ops.size()) + " changes", code, error, injected),
           wanted, keys);
  }

  // Everything, through a handle that has seen nothing.
  void CheckAll() {
    if (session_.target().durable) handles_.clear();
    shoji_store* const store = Pick();
    for (const auto& [key, value] : model_) {
      if (store == nullptr || !problem_.empty()) return;
      if (Get(store, key) != value && problem_.empty()) {
        problem_ = "at the end: " + key + " does not hold what was saved last";
      }
    }
  }

  void Clean() {
    shoji_store* const store = Pick();
    for (const auto& [key, value] : model_) {
      if (store != nullptr) table_->remove(store, nullptr, Str(key), nullptr);
    }
    handles_.clear();
  }

  Session& session_;
  const shoji_store_v1* table_;
  std::mt19937_64 random_;
  UniqueFd readable_;
  std::map<std::uint64_t, Closing<shoji_store>> handles_;
  Model model_;
  std::string problem_;
};

}  // namespace

Verdict StoreFuzz(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const std::string problem = Fuzz(*session, target.seed).Run();
  KIT_EXPECT(problem.empty(), problem + " (--seed " + std::to_string(target.seed) + ")");
  return Pass();
}

}  // namespace shoji::validate
