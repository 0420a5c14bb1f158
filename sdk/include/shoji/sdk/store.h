// For authors of store plugins: a C++ class becomes the tables of kind "store".
//
// Purpose  Write a class with Open, Save, Load (or LoadInto) and Remove; add Scan and Apply if it
//          can.
//          Keys and values are checked before they reach it.
// Threads  All members but the destructor are called from any thread, side by side.
// Example
//     class KvStore {
//      public:
//       static shoji::Result<std::unique_ptr<KvStore>> Open(const shoji::sdk::Host& host,
//                                                           const shoji::sdk::OptionMap& o);
//       shoji::Status Save(const shoji_call* call, std::string_view key, std::string_view value);
//       shoji::Result<std::string> Load(const shoji_call* call, std::string_view key);
//       shoji::Status Remove(const shoji_call* call, std::string_view key);
//       // instead of Load(), without a copy: one Put() of the whole, checked value
//       shoji::Status LoadInto(const shoji_call*, std::string_view key, const shoji_sink* sink);
//       // optional: shoji.store.scan/1, sorted; or ScanEach(), which visits key by key
//       shoji::Result<std::vector<std::string>> Scan(const shoji_call*, std::string_view prefix);
//       shoji::Status ScanEach(const shoji_call*, std::string_view prefix,
//                              const shoji::sdk::KeyVisitor& visit);
//       // optional: shoji.store.txn/1
//       shoji::Status Apply(const shoji_call*, const std::vector<shoji::sdk::StoreOp>& ops);
//     };
//     i.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<KvStore>());
#ifndef SHOJI_SDK_STORE_H_
#define SHOJI_SDK_STORE_H_

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/plugin/store.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

struct StoreOp {
  bool remove = false;
  std::string_view key;
  std::string_view value;
};

// Takes the next key of a scan. Not OK: the caller has enough, and ScanEach() returns it.
using KeyVisitor = std::function<Status(std::string_view key)>;

namespace internal {

// Bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
inline std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is above U+10FFFF.
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return size;
}

inline bool IsAscii(std::string_view text) {
  unsigned char seen = 0;
  for (const char c : text) seen |= static_cast<unsigned char>(c);
  return seen < 0x80;
}

inline bool IsUtf8(std::string_view text) {
  if (IsAscii(text)) return true;  // nearly every key
  while (!text.empty()) {
    const std::size_t size = Utf8Length(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace internal

// The rules for keys in shoji/plugin/store.h.
inline Status CheckStoreKey(std::string_view key) {
  if (key.empty()) return InvalidArgument("key is empty");
  if (key.size() > SHOJI_STORE_KEY_MAX) {
    return InvalidArgument("key of " + std::to_string(key.size()) + " bytes; at most " +
                           std::to_string(SHOJI_STORE_KEY_MAX) + " are allowed");
  }
  if (key.find('\0') != std::string_view::npos) return InvalidArgument("key contains a NUL byte");
  if (!internal::IsUtf8(key)) return InvalidArgument("key is not UTF-8");
  for (std::size_t at = 0; at <= key.size();) {
    const std::size_t slash = key.find('/', at);
    const std::size_t end = slash == std::string_view::npos ? key.size() : slash;
    const std::string_view part = key.substr(at, end - at);
    if (part.empty() || (part[0] == '.' && (part == "." || part == ".."))) {
      return InvalidArgument("key \"" + std::string(key) + "\" has the component \"" +
                             std::string(part) + "\"; write names with / between them");
    }
    at = end + 1;
  }
  return OkStatus();
}

inline Status CheckStoreValue(std::string_view value) {
  if (value.size() <= SHOJI_STORE_VALUE_MAX) return OkStatus();
  return InvalidArgument("value of " + std::to_string(value.size()) + " bytes; at most " +
                         std::to_string(SHOJI_STORE_VALUE_MAX) + " are allowed");
}

namespace internal {

template <typename T>
concept CanLoadInto = requires(T& store, const shoji_call* call, std::string_view key,
                               const shoji_sink* sink) {
  store.LoadInto(call, key, sink);
};
template <typename T>
concept CanList = requires(T& store, const shoji_call* call, std::string_view prefix) {
  store.Scan(call, prefix);
};
template <typename T>
concept CanVisit = requires(T& store, const shoji_call* call, std::string_view prefix,
                            const KeyVisitor& visit) {
  store.ScanEach(call, prefix, visit);
};
template <typename T>
concept CanScan = CanList<T> || CanVisit<T>;
template <typename T>
concept CanApply = requires(T& store, const shoji_call* call, const std::vector<StoreOp>& ops) {
  store.Apply(call, ops);
};

// The slots for class T. A handle is a Box.
template <typename T>
struct StoreSlots {
  struct Box {
    const Host& host;
    std::unique_ptr<T> store;
  };
  static Box* Of(shoji_store* handle) { return reinterpret_cast<Box*>(handle); }

  // `body` gets the store and a call whose every field may be read; never NULL.
  template <typename Body>
  static std::int32_t Run(shoji_store* handle, const shoji_call* call, shoji_error* error,
                          Body&& body) noexcept {
    const CallView known(call);
    return Of(handle)->host.Guard(error, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(known.CheckDeadline());
      return body(*Of(handle)->store, known.get());
    });
  }

  static std::int32_t Open(void* plugin, const shoji_options* options, shoji_store** ret_store,
                           shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<T> store,
                             NotNull<T>(T::Open(host, OptionMap(options)), "Open"));
      *ret_store = reinterpret_cast<shoji_store*>(new Box{host, std::move(store)});
      return OkStatus();
    });
  }
  static void Close(shoji_store* handle) noexcept { delete Of(handle); }

  static std::int32_t Save(shoji_store* handle, const shoji_call* call, shoji_str key,
                           shoji_str value, shoji_error* error) noexcept {
    return Run(handle, call, error, [&](T& store, const shoji_call* known) -> Status {
      SHOJI_RETURN_IF_ERROR(CheckStoreKey(View(key)));
      SHOJI_RETURN_IF_ERROR(CheckStoreValue(View(value)));
      return store.Save(known, View(key), View(value));
    });
  }
  static std::int32_t Load(shoji_store* handle, const shoji_call* call, shoji_str key,
                           const shoji_sink* ret_value, shoji_error* error) noexcept {
    return Run(handle, call, error, [&](T& store, const shoji_call* known) -> Status {
      SHOJI_RETURN_IF_ERROR(CheckStoreKey(View(key)));
      if constexpr (CanLoadInto<T>) {
        return store.LoadInto(known, View(key), ret_value);
      } else {
        SHOJI_ASSIGN_OR_RETURN(const std::string value, store.Load(known, View(key)));
        return Put(ret_value, value);
      }
    });
  }
  static std::int32_t Remove(shoji_store* handle, const shoji_call* call, shoji_str key,
                             shoji_error* error) noexcept {
    return Run(handle, call, error, [&](T& store, const shoji_call* known) -> Status {
      SHOJI_RETURN_IF_ERROR(CheckStoreKey(View(key)));
      return store.Remove(known, View(key));
    });
  }

  static Status ScanEach(T& store, const shoji_call* call, std::string_view prefix,
                         const KeyVisitor& visit) requires CanScan<T> {
    if constexpr (CanVisit<T>) {
      return store.ScanEach(call, prefix, visit);
    } else {
      SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.Scan(call, prefix));
      for (const std::string& key : keys) SHOJI_RETURN_IF_ERROR(visit(key));
      return OkStatus();
    }
  }
  static std::int32_t Scan(shoji_store* handle, const shoji_call* call, shoji_str prefix,
                           shoji_store_visit visit, void* ctx,
                           shoji_error* error) noexcept requires CanScan<T> {
    const auto pass_on = [&](std::string_view key) -> Status {
      const std::int32_t code = visit(ctx, ToStr(key));
      if (code == SHOJI_OK) return OkStatus();
      return {static_cast<StatusCode>(code),
              "the caller stopped the scan at key " + std::string(key)};
    };
    return Run(handle, call, error, [&](T& store, const shoji_call* known) -> Status {
      return ScanEach(store, known, View(prefix), pass_on);
    });
  }

  static Result<StoreOp> ToOp(const shoji_store_op* op) {
    if (!SHOJI_HAS(shoji_store_op, op, value)) return TooShort("shoji_store_op");
    if (op->op != SHOJI_STORE_OP_SAVE && op->op != SHOJI_STORE_OP_REMOVE) {
      return InvalidArgument("unknown operation " + std::to_string(op->op) + " in a transaction");
    }
    SHOJI_RETURN_IF_ERROR(CheckStoreKey(View(op->key)));
    SHOJI_RETURN_IF_ERROR(CheckStoreValue(View(op->value)));
    return StoreOp{op->op == SHOJI_STORE_OP_REMOVE, View(op->key), View(op->value)};
  }
  static std::int32_t Apply(shoji_store* handle, const shoji_call* call,
                            const shoji_store_op* const* ops, std::uint32_t count,
                            shoji_error* error) noexcept requires CanApply<T> {
    return Run(handle, call, error, [&](T& store, const shoji_call* known) -> Status {
      std::vector<StoreOp> list;
      for (std::uint32_t i = 0; i < count; ++i) {
        SHOJI_ASSIGN_OR_RETURN(const StoreOp op, ToOp(ops[i]));
        list.push_back(op);
      }
      return store.Apply(known, list);
    });
  }

  static const void* Extension(shoji_store* /*handle*/, const char* id) noexcept {
    if constexpr (CanScan<T>) {
      static constexpr shoji_store_scan_v1 kScan = {sizeof(shoji_store_scan_v1), 0, Scan};
      if (std::strcmp(id, SHOJI_STORE_SCAN_V1) == 0) return &kScan;
    }
    if constexpr (CanApply<T>) {
      static constexpr shoji_store_txn_v1 kTxn = {sizeof(shoji_store_txn_v1), 0, Apply};
      if (std::strcmp(id, SHOJI_STORE_TXN_V1) == 0) return &kTxn;
    }
    return nullptr;
  }
};

}  // namespace internal

// The value that LoadInto() of `store` gives, for those who want a string.
template <typename T>
Result<std::string> LoadString(T* store, const shoji_call* call, std::string_view key) {
  std::string value;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &value,
                           [](void* ctx, const void* data, std::uint64_t size) -> std::int32_t {
                             static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                                                    static_cast<std::size_t>(size));
                             return SHOJI_OK;
                           }};
  SHOJI_RETURN_IF_ERROR(store->LoadInto(call, key, &sink));
  return value;
}

// The table of shoji.store/1 for class T.
template <typename T>
const shoji_store_v1* StoreTable() {
  using Slots = internal::StoreSlots<T>;
  static constexpr shoji_store_v1 kTable = {
      sizeof(shoji_store_v1), 0, Slots::Open, Slots::Close, Slots::Save, Slots::Load, Slots::Remove,
      Slots::Extension};
  return &kTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_STORE_H_
