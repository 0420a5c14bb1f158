// shoji.store.txn/1.
#include <atomic>
#include <chrono>
#include <thread>

#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

const char kNone[] = "the store offers no shoji.store.txn/1";
constexpr std::uint32_t kSave = SHOJI_STORE_OP_SAVE;
constexpr std::uint32_t kRemove = SHOJI_STORE_OP_REMOVE;

Verdict All(const StoreSubject& subject) {
  Bench b(subject, "txn-all");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  b.Save("old", "1");
  b.Save("kept", "2");
  b.Apply({{kSave, b.Key("a"), "x"},
           {kRemove, b.Key("old"), ""},
           {kSave, b.Key("a/b"), ""},
           {kRemove, b.Key("never"), ""},
           {kSave, b.Key("kept"), "3"}});
  b.ExpectValue("a", "x");
  b.ExpectValue("a/b", "");
  b.ExpectValue("kept", "3");
  b.ExpectAbsent("old");
  return b.verdict();
}

Verdict InOrder(const StoreSubject& subject) {
  Bench b(subject, "txn-order");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  b.Save("back", "old");
  b.Apply({{kSave, b.Key("gone"), "x"},
           {kRemove, b.Key("gone"), ""},
           {kRemove, b.Key("back"), ""},
           {kSave, b.Key("back"), "new"},
           {kSave, b.Key("twice"), "1"},
           {kSave, b.Key("twice"), "2"},
           {kRemove, b.Key("none"), ""},
           {kRemove, b.Key("none"), ""}});
  b.ExpectAbsent("gone");
  b.ExpectValue("back", "new");
  b.ExpectValue("twice", "2");
  b.ExpectAbsent("none");
  return b.verdict();
}

Verdict Empty(const StoreSubject& subject) {
  Bench b(subject, "txn-empty");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  b.Apply({});
  b.Save("k", "v");
  b.Apply({});
  b.ExpectValue("k", "v");
  return b.verdict();
}

// One change that is refused, first, in the middle and last: none of the others is seen.
void ExpectNothing(Bench& b, const Change& bad, const std::string& what) {
  b.Save("there", "old");
  const std::vector<Change> good = {
      {kSave, b.Key("new"), "x"}, {kSave, b.Key("there"), "new"}, {kRemove, b.Key("there"), ""}};
  for (std::size_t at = 0; at <= good.size(); ++at) {
    std::vector<Change> changes = good;
    changes.insert(changes.begin() + static_cast<std::ptrdiff_t>(at), bad);
    b.ExpectCode(b.handle().Apply(changes), {SHOJI_INVALID_ARGUMENT}, "apply() with " + what);
    b.ExpectAbsent("new");
    b.ExpectValue("there", "old");
  }
}

Verdict BadChange(const StoreSubject& subject) {
  Bench b(subject, "txn-bad");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  ExpectNothing(b, {kSave, b.Key("a//b"), "x"}, "a key that has an empty component");
  ExpectNothing(b, {kRemove, b.Key(".."), ""}, "a removal of a key with \"..\"");
  ExpectNothing(b, {kSave, "", "x"}, "an empty key");
  ExpectNothing(b, {2, b.Key("k"), "x"}, "the unknown operation 2");
  ExpectNothing(b, {~0U, b.Key("k"), ""}, "the unknown operation 4294967295");
  const std::string large(std::size_t{SHOJI_STORE_VALUE_MAX} + 1, 'x');
  b.ExpectCode(b.handle().Apply({{kSave, b.Key("new"), "x"}, {kSave, b.Key("k"), large}}),
               {SHOJI_INVALID_ARGUMENT}, "apply() with a value of 16 MiB and one byte");
  b.ExpectAbsent("new");
  return b.verdict();
}

// Applied whole, or refused whole: an engine may have limits, and says so.
void ApplyLarge(Bench& b, const std::vector<Change>& changes, const std::string& what) {
  const Answer answer = b.handle().Apply(changes);
  b.ExpectCode(answer, {SHOJI_OK, SHOJI_RESOURCE_EXHAUSTED, SHOJI_INVALID_ARGUMENT},
               "apply() of " + what);
  if (!answer.ok()) b.Warn("refuses " + what + ": " + answer.Text());
  for (const Change& change : changes) {
    const Answer load = b.handle().Load(change.key);
    b.ExpectCode(load, {answer.ok() ? SHOJI_OK : SHOJI_NOT_FOUND},
                 "load() after apply() of " + what);
    b.Expect(load.value == (answer.ok() ? change.value : ""), "a value of " + what + " is torn");
  }
  std::vector<Change> removals;
  for (const Change& change : changes) removals.push_back({kRemove, change.key, ""});
  if (answer.ok()) b.Apply(removals);
}

Verdict Many(const StoreSubject& subject) {
  Bench b(subject, "txn-many");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  std::vector<Change> changes;
  for (int i = 0; i < 1000; ++i) {
    changes.push_back({kSave, b.Key("n" + std::to_string(i)), std::to_string(i)});
  }
  ApplyLarge(b, changes, "a transaction of 1000 changes");
  return b.verdict();
}

Verdict Big(const StoreSubject& subject) {
  Bench b(subject, "txn-big");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  std::vector<Change> changes;
  for (int i = 0; i < 6; ++i) {
    changes.push_back({kSave, b.Key("b" + std::to_string(i)),
                       std::string(1U << 20U, static_cast<char>('a' + i))});
  }
  ApplyLarge(b, changes, "a transaction of 6 MiB");
  return b.verdict();
}

Verdict LargerChange(const StoreSubject& subject) {
  struct Newer {
    shoji_store_op op;
    std::uint64_t unknown[4];
  };
  Bench b(subject, "txn-larger-op");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  const std::string keys[] = {b.Key("a"), b.Key("b")};
  Newer ops[2];
  const shoji_store_op* pointers[2];
  for (int i = 0; i < 2; ++i) {
    ops[i] = {{sizeof(Newer), kSave, {keys[i].data(), keys[i].size()}, {"v", 1}}, {~0U, 1, 2, 3}};
    pointers[i] = &ops[i].op;
  }
  const void* txn = subject.table->get_extension(b.handle().raw(), SHOJI_STORE_TXN_V1);
  Answer answer;
  answer.code = static_cast<const shoji_store_txn_v1*>(txn)->apply(b.handle().raw(), nullptr,
                                                                   pointers, 2, answer.error.raw());
  b.ExpectOk(answer, "apply() of changes of a newer host");
  b.ExpectValue("a", "v");
  b.ExpectValue("b", "v");
  return b.verdict();
}

// Loads both, the first one first, until it is unlikely that half a transaction was missed: a
// hundred times, and for a while, since fast stores leave a narrow gap only.
void WatchPair(Bench& b, const std::string& first, const std::string& last) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  for (int round = 0; round < 100 || std::chrono::steady_clock::now() < end; ++round) {
    const Answer a = b.handle().Load(first);
    const Answer z = b.handle().Load(last);
    b.ExpectOk(a, "load() while transactions go on");
    b.ExpectOk(z, "load() while transactions go on");
    if (b.failed()) return;
    b.Expect(std::stoi(a.value) <= std::stoi(z.value),
             "a reader sees the first change of a transaction without the last one");
  }
}

// Who sees the first key of a transaction sees the last one too.
Verdict SeenWhole(const StoreSubject& subject) {
  Bench b(subject, "txn-seen-whole");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanApply()) return Skip(kNone);
  const std::string first = b.Key("first");
  const std::string last = b.Key("last");
  b.Apply({{kSave, first, "0"}, {kSave, last, "0"}});
  std::atomic<bool> done{false};
  Answer problem;
  std::thread writer([&] {
    for (int i = 1; !done && problem.ok(); ++i) {
      const std::string value = std::to_string(i);
      problem = b.handle().Apply({{kSave, first, value}, {kSave, last, value}});
    }
  });
  WatchPair(b, first, last);
  done = true;
  writer.join();
  b.ExpectOk(problem, "apply() beside a reader");
  return b.verdict();
}

}  // namespace

void AddTxnChecks(std::vector<StoreCheck>* checks) {
  checks->insert(checks->end(),
                 {{"store-txn-all", "apply() carries out every change", All},
                  {"store-txn-order", "changes of one key count in their order", InOrder},
                  {"store-txn-empty", "no change at all is a transaction", Empty},
                  {"store-txn-bad", "one bad change, and nothing is applied", BadChange},
                  {"store-txn-many", "a thousand changes, or a clear refusal", Many},
                  {"store-txn-big", "six MiB in one transaction, or a clear refusal", Big},
                  {"store-txn-larger-op", "changes of a newer host are accepted", LargerChange},
                  {"store-txn-seen-whole", "nobody sees half a transaction", SeenWhole}});
}

}  // namespace shoji::validate
