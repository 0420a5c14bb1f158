// How calls go: errors, sinks, deadlines, cancelling, sizes of structs, extensions.
#include <sys/eventfd.h>
#include <unistd.h>

#include <ctime>

#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

std::int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

shoji_call CallWith(int cancel_fd, std::int64_t deadline_ns) {
  return {sizeof(shoji_call), cancel_fd, deadline_ns, {nullptr, 0}};
}

// Accepts `limit` bytes, then refuses with `code`.
struct Refuser {
  std::uint64_t limit = 0;
  std::int32_t code = SHOJI_OK;
  std::uint64_t taken = 0;
  int writes_after = 0;
  bool refused = false;

  static std::int32_t Write(void* ctx, const void* /*data*/, std::uint64_t size) {
    auto* self = static_cast<Refuser*>(ctx);
    if (self->refused) ++self->writes_after;
    self->taken += size;
    if (self->taken <= self->limit) return SHOJI_OK;
    self->refused = true;
    return self->code;
  }
};

Verdict SinkRefuses(const StoreSubject& subject) {
  Bench b(subject, "sink-refuses");
  if (!b.ok()) return b.verdict();
  const std::string value(1U << 20U, 'v');
  b.Save("k", value);
  for (const std::int32_t code : {SHOJI_ABORTED, SHOJI_RESOURCE_EXHAUSTED, SHOJI_CANCELLED}) {
    Refuser refuser{1000, code};
    const shoji_sink sink = {sizeof(shoji_sink), 0, &refuser, Refuser::Write};
    b.ExpectCode(b.handle().LoadInto(b.Key("k"), &sink), {code},
                 "load() into a sink that refuses with " + CodeName(code));
    b.Expect(refuser.writes_after == 0, "load() goes on writing to a sink that refused");
  }
  b.ExpectValue("k", value);
  return b.verdict();
}

Verdict LargerSink(const StoreSubject& subject) {
  struct Newer {
    shoji_sink sink;
    std::uint64_t unknown[4];
  };
  Bench b(subject, "larger-sink");
  if (!b.ok()) return b.verdict();
  b.Save("k", "value");
  Refuser all{~std::uint64_t{0}};
  const Newer newer = {{sizeof(Newer), 0, &all, Refuser::Write}, {~0U, ~0U, ~0U, ~0U}};
  b.ExpectOk(b.handle().LoadInto(b.Key("k"), &newer.sink), "load() into a sink of a newer host");
  b.Expect(all.taken == 5, "load() wrote " + std::to_string(all.taken) + " bytes instead of 5");
  return b.verdict();
}

Verdict NoError(const StoreSubject& subject) {
  Bench b(subject, "no-error");
  if (!b.ok()) return b.verdict();
  const shoji_store_v1* table = subject.table;
  const shoji_str bad = {"a//b", 4};
  const std::string key = b.Key("none");
  Refuser none{0, SHOJI_ABORTED};
  const shoji_sink sink = {sizeof(shoji_sink), 0, &none, Refuser::Write};
  shoji_store* store = b.handle().raw();
  const bool refused =
      table->save(store, nullptr, bad, {"x", 1}, nullptr) == SHOJI_INVALID_ARGUMENT &&
      table->remove(store, nullptr, bad, nullptr) == SHOJI_INVALID_ARGUMENT &&
      table->load(store, nullptr, {key.data(), key.size()}, &sink, nullptr) == SHOJI_NOT_FOUND;
  b.Expect(refused, "calls whose error is NULL give another code than those that have one");
  return b.verdict();
}

Verdict PastDeadline(const StoreSubject& subject) {
  Bench b(subject, "past-deadline");
  if (!b.ok()) return b.verdict();
  b.Save("k", "old");
  const shoji_call late = CallWith(-1, Now() - 1'000'000);
  const std::vector<std::int32_t> expected = {SHOJI_DEADLINE_EXCEEDED};
  b.ExpectCode(b.handle().Save(b.Key("k"), "new", &late), expected, "save() past its deadline");
  b.ExpectCode(b.handle().Load(b.Key("k"), &late), expected, "load() past its deadline");
  b.ExpectCode(b.handle().Remove(b.Key("gone"), &late), expected, "remove() past its deadline");
  std::vector<std::string> keys;
  if (b.handle().CanScan()) {
    b.ExpectCode(b.handle().Scan(b.Key("k"), &keys, &late), expected, "scan() past its deadline");
  }
  if (b.handle().CanApply()) {
    const std::vector<Change> changes = {{SHOJI_STORE_OP_SAVE, b.Key("t"), "x"}};
    b.ExpectCode(b.handle().Apply(changes, &late), expected, "apply() past its deadline");
  }
  const Answer value = b.handle().Load(b.Key("k"));
  b.Expect(value.ok() && (value.value == "old" || value.value == "new"),
           "after a save() past its deadline the key holds neither the old value nor the new one");
  b.Expect(Now() - late.deadline_ns < 10'000'000'000, "calls past their deadline took 10 seconds");
  return b.verdict();
}

Verdict FarDeadline(const StoreSubject& subject) {
  Bench b(subject, "far-deadline");
  if (!b.ok()) return b.verdict();
  for (const std::int64_t deadline : {Now() + 3600'000'000'000, std::int64_t{0}, INT64_MAX}) {
    const shoji_call call = CallWith(-1, deadline);
    b.Save("k", "value", &call);
    b.ExpectValue("k", "value", &call);
    b.Remove("k", &call);
  }
  return b.verdict();
}

Verdict Cancelled(const StoreSubject& subject) {
  Bench b(subject, "cancelled");
  if (!b.ok()) return b.verdict();
  const int event = eventfd(1, EFD_CLOEXEC);
  if (event < 0) return Skip("no eventfd on this machine");
  const shoji_call call = CallWith(event, Now() + 60'000'000'000);
  // Who did not have to wait may have finished.
  const std::vector<std::int32_t> either = {SHOJI_CANCELLED, SHOJI_OK};
  b.ExpectCode(b.handle().Save(b.Key("k"), "x", &call), either, "save() that was cancelled");
  const Answer load = b.handle().Load(b.Key("k"), &call);
  b.ExpectCode(load, {SHOJI_CANCELLED, SHOJI_OK, SHOJI_NOT_FOUND}, "load() that was cancelled");
  b.ExpectCode(b.handle().Remove(b.Key("k"), &call), either, "remove() that was cancelled");
  const std::int64_t idle_fd_still_open = write(event, "\1\0\0\0\0\0\0\0", 8);
  b.Expect(idle_fd_still_open == 8, "the store closed the cancel_fd, which it borrowed");
  close(event);
  return b.verdict();
}

Verdict NotCancelled(const StoreSubject& subject) {
  Bench b(subject, "not-cancelled");
  if (!b.ok()) return b.verdict();
  const int event = eventfd(0, EFD_CLOEXEC);
  if (event < 0) return Skip("no eventfd on this machine");
  const shoji_call call = CallWith(event, 0);
  b.Save("k", "value", &call);
  b.ExpectValue("k", "value", &call);
  b.Remove("k", &call);
  close(event);
  return b.verdict();
}

// What lies behind struct_size must not be looked at.
Verdict SmallerCall(const StoreSubject& subject) {
  Bench b(subject, "smaller-call");
  if (!b.ok()) return b.verdict();
  shoji_call call = CallWith(-1, 1);  // a deadline long past, beyond the end
  call.struct_size = offsetof(shoji_call, deadline_ns);
  call.traceparent = {reinterpret_cast<const char*>(std::uintptr_t{16}), 1U << 20U};
  b.Save("k", "value", &call);
  b.ExpectValue("k", "value", &call);
  call.deadline_ns = 0;
  call.struct_size = offsetof(shoji_call, traceparent);
  b.Save("k", "value", &call);
  b.ExpectValue("k", "value", &call);
  b.Remove("k", &call);
  return b.verdict();
}

Verdict LargerCall(const StoreSubject& subject) {
  struct Newer {
    shoji_call call;
    std::uint64_t unknown[8];
  };
  Bench b(subject, "larger-call");
  if (!b.ok()) return b.verdict();
  Newer newer{CallWith(-1, 0), {}};
  for (std::uint64_t& field : newer.unknown) field = ~std::uint64_t{0};
  newer.call.struct_size = sizeof(Newer);
  constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  newer.call.traceparent = {kTrace.data(), kTrace.size()};
  b.Save("k", "value", &newer.call);
  b.ExpectValue("k", "value", &newer.call);
  b.Remove("k", &newer.call);
  return b.verdict();
}

Verdict UnknownExtension(const StoreSubject& subject) {
  Bench b(subject, "unknown-extension");
  if (!b.ok()) return b.verdict();
  for (const char* id : {"", "shoji", "shoji.store", "shoji.store.scan", "shoji.store.scan/",
                         "shoji.store.scan/2", "shoji.store.scan/10", "shoji.store.txn/2",
                         "SHOJI.STORE.SCAN/1", "com.example.none/1", "shoji.hypervisor/1"}) {
    b.Expect(subject.table->get_extension(b.handle().raw(), id) == nullptr,
             "get_extension(" + Show(id) + ") is not NULL");
  }
  return b.verdict();
}

Verdict Extensions(const StoreSubject& subject) {
  Bench b(subject, "extensions");
  if (!b.ok()) return b.verdict();
  const auto find = [&](const char* id) {
    return subject.table->get_extension(b.handle().raw(), id);
  };
  const auto* scan = static_cast<const shoji_store_scan_v1*>(find(SHOJI_STORE_SCAN_V1));
  const auto* txn = static_cast<const shoji_store_txn_v1*>(find(SHOJI_STORE_TXN_V1));
  b.Expect(scan == nullptr || SHOJI_HAS_SLOT(shoji_store_scan_v1, scan, scan),
           "the table of shoji.store.scan/1 has no scan()");
  b.Expect(txn == nullptr || SHOJI_HAS_SLOT(shoji_store_txn_v1, txn, apply),
           "the table of shoji.store.txn/1 has no apply()");
  b.Expect(scan == find(SHOJI_STORE_SCAN_V1) && txn == find(SHOJI_STORE_TXN_V1),
           "get_extension() gives another table the second time");
  return b.verdict();
}

}  // namespace

void AddCallChecks(std::vector<StoreCheck>* checks) {
  checks->insert(
      checks->end(),
      {{"store-sink-refuses", "load() gives back the code of a sink that refuses", SinkRefuses},
       {"store-sink-larger", "a sink of a newer host is accepted", LargerSink},
       {"store-error-null", "the caller's error may be NULL", NoError},
       {"store-deadline-past", "past the deadline: DEADLINE_EXCEEDED, nothing torn", PastDeadline},
       {"store-deadline-far", "a deadline far away, the farthest, and none", FarDeadline},
       {"store-cancel", "a readable cancel_fd gives CANCELLED, or success at once", Cancelled},
       {"store-cancel-idle", "a cancel_fd that is not readable disturbs nothing", NotCancelled},
       {"store-call-smaller", "fields of shoji_call beyond its struct_size are not read",
        SmallerCall},
       {"store-call-larger", "a shoji_call of a newer host is accepted", LargerCall},
       {"store-extension-unknown", "get_extension() of unknown ids is NULL", UnknownExtension},
       {"store-extension-tables", "the tables of extensions are complete and stay", Extensions}});
}

}  // namespace shoji::validate
