#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

std::int32_t Collect(void* ctx, shoji_str key) noexcept {
  static_cast<std::vector<std::string>*>(ctx)->emplace_back(key.data,
                                                            static_cast<std::size_t>(key.size));
  return SHOJI_OK;
}

template <typename Table>
const Table* Extension(const shoji_store_v1* table, shoji_store* handle, const char* id) {
  if (!SHOJI_HAS_SLOT(shoji_store_v1, table, get_extension)) return nullptr;
  return static_cast<const Table*>(table->get_extension(handle, id));
}

std::vector<shoji_store_op> ToOps(const std::vector<Store::Op>& ops) {
  std::vector<shoji_store_op> out;
  out.reserve(ops.size());
  for (const Store::Op& op : ops) {
    out.push_back({sizeof(shoji_store_op), op.remove ? SHOJI_STORE_OP_REMOVE : SHOJI_STORE_OP_SAVE,
                   ToStr(op.key), op.remove ? ToStr({}) : ToStr(op.value)});
  }
  return out;
}

}  // namespace

Store::Store(const shoji_store_v1* table, shoji_store* handle, std::string name)
    : table_(table),
      handle_(handle),
      scan_(Extension<shoji_store_scan_v1>(table, handle, SHOJI_STORE_SCAN_V1)),
      txn_(Extension<shoji_store_txn_v1>(table, handle, SHOJI_STORE_TXN_V1)),
      name_(std::move(name)) {}

Store::~Store() {
  if (SHOJI_HAS_SLOT(shoji_store_v1, table_, close)) table_->close(handle_);
}

Status Store::Save(const Call& call, std::string_view key, std::string_view value) {
  if (!SHOJI_HAS_SLOT(shoji_store_v1, table_, save)) return NoSlot(name_, "save");
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->save(handle_, arg.get(), ToStr(key), ToStr(value), error.get());
  return error.ToStatus(name_, "save", code);
}

Result<std::string> Store::Load(const Call& call, std::string_view key) {
  if (!SHOJI_HAS_SLOT(shoji_store_v1, table_, load)) return NoSlot(name_, "load");
  const CallArg arg(call);
  TextSink sink(SHOJI_STORE_VALUE_MAX);
  PluginError error;
  const std::int32_t code = table_->load(handle_, arg.get(), ToStr(key), sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "load", code));
  return sink.Take();
}

Status Store::Remove(const Call& call, std::string_view key) {
  if (!SHOJI_HAS_SLOT(shoji_store_v1, table_, remove)) return NoSlot(name_, "remove");
  const CallArg arg(call);
  PluginError error;
  return error.ToStatus(name_, "remove",
                        table_->remove(handle_, arg.get(), ToStr(key), error.get()));
}

bool Store::can_scan() const { return SHOJI_HAS_SLOT(shoji_store_scan_v1, scan_, scan); }

Result<std::vector<std::string>> Store::Scan(const Call& call, std::string_view prefix) {
  if (!can_scan()) return NoSlot(name_, "scan");
  const CallArg arg(call);
  PluginError error;
  std::vector<std::string> keys;
  const std::int32_t code =
      scan_->scan(handle_, arg.get(), ToStr(prefix), Collect, &keys, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "scan", code));
  return keys;
}

bool Store::has_transactions() const { return SHOJI_HAS_SLOT(shoji_store_txn_v1, txn_, apply); }

Status Store::Apply(const Call& call, const std::vector<Op>& ops) {
  if (!has_transactions()) {
    for (const Op& op : ops) {
      SHOJI_RETURN_IF_ERROR(op.remove ? Remove(call, op.key) : Save(call, op.key, op.value));
    }
    return OkStatus();
  }
  const std::vector<shoji_store_op> items = ToOps(ops);
  std::vector<const shoji_store_op*> pointers;
  for (const shoji_store_op& item : items) pointers.push_back(&item);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code =
      txn_->apply(handle_, arg.get(), pointers.data(), Count(pointers.size()), error.get());
  return error.ToStatus(name_, "apply", code);
}

}  // namespace shoji
