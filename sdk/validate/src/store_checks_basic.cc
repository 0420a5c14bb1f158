// Save, load and remove: values of every kind and size.
#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

Verdict Table(const StoreSubject& subject) {
  const shoji_store_v1* table = subject.table;
  if (table == nullptr) return Fail("there is no table");
  if (table->struct_size < sizeof(shoji_store_v1)) {
    return Fail("struct_size " + std::to_string(table->struct_size) + " does not cover ABI 1 (" +
                std::to_string(sizeof(shoji_store_v1)) + " bytes)");
  }
  const bool complete = table->open != nullptr && table->close != nullptr &&
                        table->save != nullptr && table->load != nullptr &&
                        table->remove != nullptr && table->get_extension != nullptr;
  return complete ? Pass() : Fail("a slot of the table is NULL");
}

Verdict SaveLoad(const StoreSubject& subject) {
  Bench b(subject, "save-load");
  if (!b.ok()) return b.verdict();
  b.Save("k", "value");
  b.ExpectValue("k", "value");
  b.Save("deeper/below/k", "other");
  b.ExpectValue("deeper/below/k", "other");
  b.ExpectValue("k", "value");
  return b.verdict();
}

Verdict Replace(const StoreSubject& subject) {
  Bench b(subject, "replace");
  if (!b.ok()) return b.verdict();
  b.Save("k", "a longer value than the next one");
  b.Save("k", "two");
  b.ExpectValue("k", "two");
  b.Save("k", std::string(5000, 'x'));
  b.ExpectValue("k", std::string(5000, 'x'));
  return b.verdict();
}

Verdict EmptyValue(const StoreSubject& subject) {
  Bench b(subject, "empty-value");
  if (!b.ok()) return b.verdict();
  b.Save("k", std::string_view("", 0));
  b.ExpectValue("k", "");
  b.Save("null", std::string_view());  // {NULL, 0} is the empty string
  b.ExpectValue("null", "");
  b.Save("k", "full");
  b.Save("k", "");
  b.ExpectValue("k", "");
  return b.verdict();
}

Verdict BinaryValue(const StoreSubject& subject) {
  Bench b(subject, "binary-value");
  if (!b.ok()) return b.verdict();
  std::string value;
  for (int i = 0; i < 1024; ++i) value += static_cast<char>(i % 256);
  b.Save("k", value);
  b.ExpectValue("k", value);
  b.Save("nul", std::string(3, '\0'));
  b.ExpectValue("nul", std::string(3, '\0'));
  return b.verdict();
}

// A pattern in which a lost or doubled block shows.
std::string Filled(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : out) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return out;
}

Verdict ValueSizes(const StoreSubject& subject) {
  Bench b(subject, "value-sizes");
  if (!b.ok()) return b.verdict();
  for (const std::size_t size : {1U, 4095U, 4096U, 4097U, 65536U, 1U << 20U, (2U << 20U) + 1U}) {
    const std::string value = Filled(size);
    b.Save("k", value);
    b.ExpectValue("k", value);
  }
  return b.verdict();
}

Verdict LargestValue(const StoreSubject& subject) {
  Bench b(subject, "largest-value");
  if (!b.ok()) return b.verdict();
  const std::string value = Filled(SHOJI_STORE_VALUE_MAX);
  b.Save("k", value);
  b.ExpectValue("k", value);
  b.Save("k", "small again");
  b.ExpectValue("k", "small again");
  return b.verdict();
}

Verdict TooLargeValue(const StoreSubject& subject) {
  Bench b(subject, "too-large-value");
  if (!b.ok()) return b.verdict();
  b.Save("k", "old");
  const std::string value(std::size_t{SHOJI_STORE_VALUE_MAX} + 1, 'x');
  b.ExpectCode(b.handle().Save(b.Key("k"), value), {SHOJI_INVALID_ARGUMENT},
               "save() of a value of 16 MiB and one byte");
  b.ExpectValue("k", "old");
  b.ExpectCode(b.handle().Save(b.Key("new"), value), {SHOJI_INVALID_ARGUMENT},
               "save() of a value of 16 MiB and one byte under a new key");
  b.ExpectAbsent("new");
  return b.verdict();
}

Verdict RemoveKey(const StoreSubject& subject) {
  Bench b(subject, "remove");
  if (!b.ok()) return b.verdict();
  b.Save("k", "value");
  b.Save("k2", "stays");
  b.Remove("k");
  b.ExpectAbsent("k");
  b.ExpectValue("k2", "stays");
  b.Save("k", "again");
  b.ExpectValue("k", "again");
  return b.verdict();
}

Verdict RemoveAbsent(const StoreSubject& subject) {
  Bench b(subject, "remove-absent");
  if (!b.ok()) return b.verdict();
  b.Remove("never/was");
  b.Save("k", "value");
  b.Remove("k/below");
  b.ExpectValue("k", "value");
  return b.verdict();
}

Verdict LoadAbsent(const StoreSubject& subject) {
  Bench b(subject, "load-absent");
  if (!b.ok()) return b.verdict();
  b.ExpectAbsent("never/was");
  b.Save("k/below", "value");
  b.ExpectAbsent("k");
  const Answer answer = b.handle().Load(b.Key("none"));
  b.Expect(answer.writes == 0, "load() of an absent key writes to the sink");
  return b.verdict();
}

Verdict Idempotent(const StoreSubject& subject) {
  Bench b(subject, "idempotent");
  if (!b.ok()) return b.verdict();
  for (int i = 0; i < 10; ++i) b.Save("k", "value");
  for (int i = 0; i < 10; ++i) b.ExpectValue("k", "value");
  for (int i = 0; i < 10; ++i) b.Remove("k");
  for (int i = 0; i < 10; ++i) b.ExpectAbsent("k");
  return b.verdict();
}

}  // namespace

void AddBasicChecks(std::vector<StoreCheck>* checks) {
  checks->insert(checks->end(),
                 {{"store-table", "the table covers ABI 1 and has no empty slot", Table},
                  {"store-save-load", "what is saved is loaded", SaveLoad},
                  {"store-replace", "save() replaces, with longer and shorter values", Replace},
                  {"store-empty-value", "an empty value is a value", EmptyValue},
                  {"store-binary-value", "values are bytes: every one comes back", BinaryValue},
                  {"store-value-sizes", "values around the sizes of pages and blocks", ValueSizes},
                  {"store-largest-value", "a value of 16 MiB is stored", LargestValue},
                  {"store-too-large-value",
                   "16 MiB and one byte is INVALID_ARGUMENT, nothing changes", TooLargeValue},
                  {"store-remove", "remove() takes away one key", RemoveKey},
                  {"store-remove-absent", "remove() of what is not there succeeds", RemoveAbsent},
                  {"store-load-absent",
                   "load() of what is not there is NOT_FOUND, the sink untouched", LoadAbsent},
                  {"store-idempotent", "save, load and remove, ten times each", Idempotent}});
}

}  // namespace shoji::validate
