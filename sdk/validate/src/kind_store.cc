// Kind "store": what the kit does with one besides StoreChecks().
#include <unistd.h>

#include <string>

#include "kinds.h"
#include "shoji/plugin/store.h"

namespace shoji::validate {
namespace {

TableShape Table() {
  return {SHOJI_STORE_V1,
          offsetof(shoji_store_v1, get_extension) + sizeof(void*),
          {KIT_SLOT(shoji_store_v1, open), KIT_SLOT(shoji_store_v1, close),
           KIT_SLOT(shoji_store_v1, save), KIT_SLOT(shoji_store_v1, load),
           KIT_SLOT(shoji_store_v1, remove), KIT_SLOT(shoji_store_v1, get_extension)}};
}

std::vector<TableShape> Extensions() {
  return {{SHOJI_STORE_SCAN_V1,
           offsetof(shoji_store_scan_v1, scan) + sizeof(void*),
           {KIT_SLOT(shoji_store_scan_v1, scan)}},
          {SHOJI_STORE_TXN_V1,
           offsetof(shoji_store_txn_v1, apply) + sizeof(void*),
           {KIT_SLOT(shoji_store_txn_v1, apply)}}};
}

// Of this process alone: checks run side by side, and a store on a server is one for all.
std::string LifeKey() { return "shoji-validate/life-" + std::to_string(getpid()); }

// Save, load and remove one key, without a call: no deadline, cannot be cancelled.
Verdict Live(Session& session) {
  const auto* table = session.Find<shoji_store_v1>(SHOJI_STORE_V1);
  KIT_OPEN(const auto store, OpenInstance<shoji_store>(session, table));
  const std::string key = LifeKey();
  KitError error;
  std::int32_t code = table->save(store.get(), nullptr, Str(key), Str("value"), error.raw());
  KIT_EXPECT(code == SHOJI_OK, "save() fails with " + error.Describe(code));
  KitSink sink;
  code = table->load(store.get(), nullptr, Str(key), sink.raw(), error.raw());
  KIT_EXPECT(code == SHOJI_OK, "load() fails with " + error.Describe(code));
  code = table->remove(store.get(), nullptr, Str(key), error.raw());
  KIT_EXPECT(code == SHOJI_OK, "remove() fails with " + error.Describe(code));
  return Pass();
}

void ProvokeKey(const shoji_store_v1* table, shoji_store* store, const std::string& what,
                shoji_str key, Provoker& provoker) {
  KitSink sink;
  provoker.Refused("save() with " + what, {SHOJI_INVALID_ARGUMENT}, [&](shoji_error* err) {
    return table->save(store, nullptr, key, Str("x"), err);
  });
  provoker.Refused(
      "load() with " + what, {SHOJI_INVALID_ARGUMENT},
      [&](shoji_error* err) { return table->load(store, nullptr, key, sink.raw(), err); },
      [&] { return !sink.text().empty(); });
  provoker.Refused("remove() with " + what, {SHOJI_INVALID_ARGUMENT},
                   [&](shoji_error* err) { return table->remove(store, nullptr, key, err); });
}

void ProvokeTxn(const shoji_store_v1* table, shoji_store* store, Provoker& provoker) {
  const auto* txn =
      static_cast<const shoji_store_txn_v1*>(table->get_extension(store, SHOJI_STORE_TXN_V1));
  if (!SHOJI_HAS_SLOT(shoji_store_txn_v1, txn, apply)) return;
  const shoji_store_op op = {sizeof(shoji_store_op), 77, Str("shoji-validate/op"), Str("")};
  const shoji_store_op* const ops[] = {&op};
  provoker.Refused("apply() with an unknown operation", {SHOJI_INVALID_ARGUMENT},
                   [&](shoji_error* err) { return txn->apply(store, nullptr, ops, 1, err); });
}

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_store_v1>(SHOJI_STORE_V1);
  auto opened = OpenInstance<shoji_store>(session, table);
  if (!opened.ok()) return;
  shoji_store* const store = opened->get();
  KitSink sink;
  provoker.Refused(
      "load() of a key that is not there", {SHOJI_NOT_FOUND},
      [&](shoji_error* err) {
        return table->load(store, nullptr, Str("shoji-validate/no such key"), sink.raw(), err);
      },
      [&] { return !sink.text().empty(); });
  ProvokeKey(table, store, "the key NULL", {nullptr, 0}, provoker);
  ProvokeKey(table, store, "the key \"../up\"", Str("../up"), provoker);
  ProvokeKey(table, store, "a key with a line break and \"//\"", Str("a\nb//c"), provoker);
  ProvokeTxn(table, store, provoker);
}

std::optional<std::vector<const void*>> GivenExtensions(Session& session) {
  const auto* table = session.Find<shoji_store_v1>(SHOJI_STORE_V1);
  auto opened = OpenInstance<shoji_store>(session, table);
  if (!opened.ok()) return std::nullopt;
  std::vector<const void*> given;
  for (const TableShape& shape : Extensions()) {
    given.push_back(table->get_extension(opened->get(), shape.id));
  }
  return given;
}

}  // namespace

Kind StoreKind() { return {"store", Table(), Extensions(), Live, Provoke, GivenExtensions}; }

}  // namespace shoji::validate
