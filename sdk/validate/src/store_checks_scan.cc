// shoji.store.scan/1.
#include <atomic>
#include <thread>

#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

const char kNone[] = "the store offers no shoji.store.scan/1";

std::string Numbered(int number) {
  const std::string digits = std::to_string(number);
  return "n" + std::string(5 - digits.size(), '0') + digits;
}

// Keys n00000, n00001, ...; by transactions where there are any, for speed.
std::vector<std::string> Fill(Bench& b, int count) {
  std::vector<std::string> rests;
  std::vector<Change> changes;
  for (int i = 0; i < count; ++i) {
    rests.push_back(Numbered(i));
    if (!b.handle().CanApply()) {
      b.Save(rests.back(), "v");
      continue;
    }
    changes.push_back({SHOJI_STORE_OP_SAVE, b.Key(rests.back()), "v"});
    if (changes.size() < 100 && i + 1 < count) continue;
    b.Apply(changes);
    changes.clear();
  }
  return rests;
}

// Removes them again in the same way.
void Clear(Bench& b, const std::vector<std::string>& rests) {
  std::vector<Change> changes;
  for (std::size_t i = 0; b.handle().CanApply() && i < rests.size(); ++i) {
    changes.push_back({SHOJI_STORE_OP_REMOVE, b.Key(rests[i]), ""});
    if (changes.size() < 100 && i + 1 < rests.size()) continue;
    b.Apply(changes);
    changes.clear();
  }
}

Verdict Prefix(const StoreSubject& subject) {
  Bench b(subject, "scan-prefix");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  for (const std::string rest : {"a", "a/b", "a/c/d", "ab", "b", "b/a"}) b.Save(rest, "v");
  b.ExpectKeys("a", {"a", "a/b", "a/c/d", "ab"});
  b.ExpectKeys("a/", {"a/b", "a/c/d"});
  b.ExpectKeys("a/c", {"a/c/d"});
  b.ExpectKeys("ab", {"ab"});
  b.ExpectKeys("a/b", {"a/b"});
  b.ExpectKeys("", {"a", "a/b", "a/c/d", "ab", "b", "b/a"});
  return b.verdict();
}

Verdict Order(const StoreSubject& subject) {
  Bench b(subject, "scan-order");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  // '-' < '.' < '/' < '0': an order by path would differ.
  const std::vector<std::string> sorted = {"A",  "a",     "a-b",       "a.b",           "a/b",
                                           "a0", "a\x7f", "a\xc3\xa9", "a\xef\xbf\xbd", "b"};
  for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) b.Save(*it, "v");
  b.ExpectKeys("", sorted);
  return b.verdict();
}

Verdict EmptyPrefix(const StoreSubject& subject) {
  Bench b(subject, "scan-all");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  for (const char* rest : {"k", "a", "z"}) b.Save(rest, "v");
  for (const char* data : {static_cast<const char*>(nullptr), ""}) {
    std::vector<std::string> keys;
    b.ExpectOk(b.handle().Scan(std::string_view(data, 0), &keys), "scan() of the empty prefix");
    b.Expect(std::set<std::string>(keys.begin(), keys.end()).count(b.Key("k")) == 1,
             "scan() of the empty prefix does not show " + Show(b.Key("k")));
    for (std::size_t i = 1; i < keys.size(); ++i) {
      b.Expect(keys[i - 1] < keys[i],
               "scan() of the empty prefix gives " + Show(keys[i]) + " after " + Show(keys[i - 1]));
    }
  }
  return b.verdict();
}

Verdict None(const StoreSubject& subject) {
  Bench b(subject, "scan-none");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  b.Save("k", "v");
  b.ExpectKeys("k/", {});
  b.ExpectKeys("nothing", {});
  b.Remove("k");
  b.ExpectKeys("", {});
  return b.verdict();
}

Verdict Many(const StoreSubject& subject) {
  Bench b(subject, "scan-many");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  const std::vector<std::string> rests = Fill(b, 1000);
  b.ExpectKeys("", rests);
  b.ExpectKeys("n0001", {rests.begin() + 10, rests.begin() + 20});
  Clear(b, rests);
  return b.verdict();
}

struct Stopper {
  int visits_left = 0;
  int visits_after = 0;
  std::int32_t code = SHOJI_ABORTED;
  static std::int32_t Visit(void* ctx, shoji_str /*key*/) {
    auto* self = static_cast<Stopper*>(ctx);
    if (self->visits_left == 0) ++self->visits_after;
    if (self->visits_left > 0 && --self->visits_left > 0) return SHOJI_OK;
    return self->code;
  }
};

Verdict Stop(const StoreSubject& subject) {
  Bench b(subject, "scan-stop");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  Fill(b, 10);
  for (const std::int32_t code : {SHOJI_ABORTED, SHOJI_OUT_OF_RANGE}) {
    Stopper stopper{3, 0, code};
    b.ExpectCode(b.handle().ScanWith(b.Key("n"), Stopper::Visit, &stopper), {code},
                 "scan() whose visitor stops with " + CodeName(code));
    b.Expect(stopper.visits_left == 0, "scan() ends before its visitor stops it");
    b.Expect(stopper.visits_after == 0, "scan() goes on after its visitor stopped it");
  }
  b.Expect(b.ScanOf("n").size() == 10, "after a stopped scan() another one does not show all");
  return b.verdict();
}

// Others save and remove meanwhile: what stays is seen, in order, once.
Verdict Meanwhile(const StoreSubject& subject) {
  Bench b(subject, "scan-meanwhile");
  if (!b.ok()) return b.verdict();
  if (!b.handle().CanScan()) return Skip(kNone);
  const std::vector<std::string> rests = Fill(b, 40);
  std::vector<std::string> moving;
  for (const std::string& rest : rests) moving.push_back(b.Key(rest + "-moving"));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t i = 0; !done; i = (i + 1) % moving.size()) {
      (void)b.handle().Save(moving[i], "v");
      (void)b.handle().Remove(moving[(i + 7) % moving.size()]);
    }
  });
  for (int round = 0; round < 20 && !b.failed(); ++round) {
    const std::vector<std::string> keys = b.ScanOf("");
    const std::set<std::string> seen(keys.begin(), keys.end());
    b.Expect(seen.size() == keys.size(), "scan() shows a key twice while others are saved");
    b.Expect(std::vector<std::string>(seen.begin(), seen.end()) == keys,
             "scan() is out of order while others save");
    for (const std::string& rest : rests) {
      b.Expect(seen.count(b.Key(rest)) == 1, "scan() misses a key that was there all the time");
    }
  }
  done = true;
  writer.join();
  return b.verdict();
}

}  // namespace

void AddScanChecks(std::vector<StoreCheck>* checks) {
  checks->insert(checks->end(),
                 {{"store-scan-prefix", "scan() goes by bytes, not by components", Prefix},
                  {"store-scan-order", "scan() visits in byte order", Order},
                  {"store-scan-all", "the empty prefix shows every key", EmptyPrefix},
                  {"store-scan-none", "a prefix that nothing has", None},
                  {"store-scan-many", "a thousand keys", Many},
                  {"store-scan-stop", "the visitor stops the scan with its own code", Stop},
                  {"store-scan-meanwhile", "scan() while others save and remove", Meanwhile}});
}

}  // namespace shoji::validate
