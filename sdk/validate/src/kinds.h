// What the kit knows of each kind of plugin.
//
// Purpose  The shape of its tables, a short life of an instance without a machine behind it,
//          and calls that must be refused. The checks that hold for every kind work from it.
// Threads  Constant data; the functions use a Session.
// Example  const Kind* kind = FindKind("store"); Verdict v = kind->live(session);
#ifndef SHOJI_VALIDATE_KINDS_H_
#define SHOJI_VALIDATE_KINDS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "session.h"
#include "shoji/validate/verdict.h"

namespace shoji::validate {

struct Slot {
  const char* name;
  std::size_t offset;
};

struct TableShape {
  const char* id;
  std::size_t first_size;   // in the first release
  std::vector<Slot> slots;  // those of the first release, all required
};

#define KIT_SLOT(type, slot) \
  { #slot, offsetof(type, slot) }

// A call that the plugin had to refuse, and what it did.
struct Refusal {
  std::string what;                    // "save() with an empty key"
  std::vector<std::int32_t> expected;  // codes; empty: any failure
  std::int32_t code = SHOJI_OK;
  std::string message;
  std::vector<std::string> details;
  std::optional<std::string> bad_code;
  std::optional<std::string> bad_message;
  bool touched = false;      // an output changed
  bool may_succeed = false;  // no rule demands the refusal
};

// Makes such calls and notes what comes of them.
class Provoker {
 public:
  explicit Provoker(bool null_error = false) : null_error_(null_error) {}
  using Call = std::function<std::int32_t(shoji_error*)>;

  // Returns whether the call failed. `touched` tells if an output has changed.
  bool Refused(std::string what, std::vector<std::int32_t> expected, const Call& call,
               const std::function<bool()>& touched = {});
  // The last call was not bound to fail.
  void MaySucceed() { refusals_.back().may_succeed = true; }
  const std::vector<Refusal>& refusals() const { return refusals_; }

 private:
  bool null_error_;
  std::vector<Refusal> refusals_;
};

struct Kind {
  std::string name;
  TableShape table;
  std::vector<TableShape> extensions;
  // Opens an instance, does a little with it and closes it.
  std::function<Verdict(Session&)> live;
  std::function<void(Session&, Provoker&)> provoke;
  // The optional interfaces that an instance gives; nothing where that takes a machine.
  std::function<std::optional<std::vector<const void*>>(Session&)> given_extensions;
};

const Kind* FindKind(const std::string& name);

Kind StoreKind();
Kind HypervisorKind();
Kind FactoryKind();
Kind ShimKind();
Kind ProxyKind();
Kind AgentKind();
Kind NetworkKind();

// A value that no plugin gives: what an output holds before the call.
template <typename T>
T* Untouched() {
  return reinterpret_cast<T*>(std::uintptr_t{0x5a5a5a50});
}

// A handle that is closed in any case.
template <typename Handle>
class Closing {
 public:
  Closing(Handle* handle, void (*close)(Handle*)) : handle_(handle), close_(close) {}
  ~Closing() { Close(); }
  Closing(Closing&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), close_(other.close_) {}
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  Handle* get() const { return handle_; }
  Handle* release() { return std::exchange(handle_, nullptr); }
  void Close() {
    if (handle_ != nullptr) close_(std::exchange(handle_, nullptr));
  }

 private:
  Handle* handle_;
  void (*close_)(Handle*);
};

// Opens an instance of a kind whose table has open(plugin, options, ret, error) and close().
// FAILED_PRECONDITION with detail "reason" = "skip" when the machine cannot.
template <typename Handle, typename Table>
Result<Closing<Handle>> OpenInstance(Session& session, const Table* table) {
  KitError error;
  Handle* handle = nullptr;
  const std::int32_t code = table->open(session.self(), session.options(), &handle, error.raw());
  if (code != SHOJI_OK) {
    return Status(static_cast<StatusCode>(code), "open() fails with " + error.Describe(code))
        .WithDetail("reason", error.detail("reason"));
  }
  if (handle == nullptr) return Internal("open() succeeds and gives no handle");
  return Closing<Handle>(handle, table->close);
}

// Fail, or Skip when the machine cannot.
Verdict VerdictOf(const Status& status);

#define KIT_OPEN(lhs, expr) KIT_OPEN_IMPL(SHOJI_STATUS_CONCAT(kit_result_, __LINE__), lhs, expr)
#define KIT_OPEN_IMPL(tmp, lhs, expr)                               \
  auto tmp = (expr);                                                \
  if (!tmp.ok()) return ::shoji::validate::VerdictOf(tmp.status()); \
  lhs = std::move(tmp).value()

// A call that has `ms` milliseconds; 0: until for ever, negative: the time is over.
shoji_call CallFor(int ms);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_KINDS_H_
