#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "host/liveness.h"
#include "host/mount.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_parts.h"

namespace shoji::testing {
namespace {

FakeStore* StoreOf(shoji_store* store) { return reinterpret_cast<FakeStore*>(store); }

std::int32_t StoreSave(shoji_store* s, const shoji_call*, shoji_str key, shoji_str value,
                       shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.save", error);
  return FillError(error, WriteFileAtomic(StoreOf(s)->Path(Text(key)), Text(value)));
}
std::int32_t StoreLoad(shoji_store* s, const shoji_call*, shoji_str key, const shoji_sink* out,
                       shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.load", error);
  const auto text = ReadFile(StoreOf(s)->Path(Text(key)));
  if (!text.ok()) return Fail(error, SHOJI_NOT_FOUND, "no key " + Text(key));
  return Put(out, *text);
}
std::int32_t StoreRemove(shoji_store* s, const shoji_call*, shoji_str key, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.remove", error);
  return FillError(error, RemoveFile(StoreOf(s)->Path(Text(key))));
}
std::int32_t StoreScan(shoji_store* s, const shoji_call*, shoji_str prefix, shoji_store_visit visit,
                       void* ctx, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.scan", error);
  const auto names = ListDir(StoreOf(s)->world->dir() + "/store");
  for (std::string key : names.ok() ? *names : std::vector<std::string>()) {
    for (char& c : key) c = c == '%' ? '/' : c;
    if (key.rfind(Text(prefix), 0) != 0) continue;
    if (key.find(".tmp.") != std::string::npos) continue;  // of a writer that was killed
    if (const std::int32_t code = visit(ctx, ToStr(key)); code != SHOJI_OK) return code;
  }
  return SHOJI_OK;
}
std::int32_t StoreApply(shoji_store* s, const shoji_call* call, const shoji_store_op* const* ops,
                        std::uint32_t count, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.apply", error);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int32_t code = ops[i]->op == SHOJI_STORE_OP_SAVE
                                  ? StoreSave(s, call, ops[i]->key, ops[i]->value, error)
                                  : StoreRemove(s, call, ops[i]->key, error);
    if (code != SHOJI_OK) return code;
  }
  return SHOJI_OK;
}
constexpr shoji_store_scan_v1 kScan = {sizeof(shoji_store_scan_v1), 0, StoreScan};
constexpr shoji_store_txn_v1 kTxn = {sizeof(shoji_store_txn_v1), 0, StoreApply};
const void* StoreExtension(shoji_store* s, const char* id) {
  if (std::string(id) == SHOJI_STORE_SCAN_V1) return &kScan;
  if (std::string(id) == SHOJI_STORE_TXN_V1 && StoreOf(s)->world->transactions()) return &kTxn;
  return nullptr;
}
void StoreClose(shoji_store* s) { delete StoreOf(s); }

}  // namespace

const shoji_store_v1 kFakeStore = {
    sizeof(shoji_store_v1), 0, nullptr, StoreClose, StoreSave, StoreLoad, StoreRemove,
    StoreExtension};

}  // namespace shoji::testing
