// How Shoji reports failure: a Status, or a Result<T> that holds a value or a Status.
//
// Purpose  One error type for libshoji, our plugins and our libraries. The codes are
//          the sixteen canonical ones, with gRPC's numbers; the plugin ABI uses the
//          same. No public function of Shoji throws.
// Threads  Values; as thread-safe as an int.
// Example
//     shoji::Result<Config> Load(const std::string& path) {
//       if (path.empty()) return shoji::InvalidArgument("path of the configuration is empty");
//       SHOJI_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
//       return Parse(text);
//     }
//     if (auto config = Load(p); !config.ok()) std::cerr << config.status().message();
//
// A message is one line without a trailing full stop, names the thing and its value,
// and says what to do when that is known. Details carry what programs look at.
#ifndef SHOJI_STATUS_H_
#define SHOJI_STATUS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace shoji {

enum class StatusCode : std::int32_t {
  kOk = 0,
  kCancelled = 1,           // the caller gave up
  kUnknown = 2,             // an error of a foreign system, no better code
  kInvalidArgument = 3,     // wrong whatever the state of the system
  kDeadlineExceeded = 4,    // a time limit passed
  kNotFound = 5,            // the thing named does not exist
  kAlreadyExists = 6,       // exists already, or with other content
  kPermissionDenied = 7,    // may not; trying again is useless
  kResourceExhausted = 8,   // disk, memory, descriptors, quota
  kFailedPrecondition = 9,  // wrong state, or this machine cannot
  kAborted = 10,            // lost a race; try the whole operation again
  kOutOfRange = 11,         // past the end
  kUnimplemented = 12,      // not offered
  kInternal = 13,           // a defect of ours
  kUnavailable = 14,        // gone or not reachable now; may be tried again
  kDataLoss = 15,           // stored data is torn or unreadable
  kUnauthenticated = 16,    // credentials missing or wrong
};

// "NOT_FOUND" for kNotFound.
constexpr std::string_view StatusCodeName(StatusCode code) {
  constexpr std::string_view kNames[] = {"OK",
                                         "CANCELLED",
                                         "UNKNOWN",
                                         "INVALID_ARGUMENT",
                                         "DEADLINE_EXCEEDED",
                                         "NOT_FOUND",
                                         "ALREADY_EXISTS",
                                         "PERMISSION_DENIED",
                                         "RESOURCE_EXHAUSTED",
                                         "FAILED_PRECONDITION",
                                         "ABORTED",
                                         "OUT_OF_RANGE",
                                         "UNIMPLEMENTED",
                                         "INTERNAL",
                                         "UNAVAILABLE",
                                         "DATA_LOSS",
                                         "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kNames) ? kNames[index] : std::string_view("UNKNOWN");
}

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // errno behind the failure; 0 when there is none.
  int sys_errno() const { return sys_errno_; }

  // Named facts for programs, e.g. "reason" = "command-not-found".
  const std::map<std::string, std::string>& details() const { return details_; }
  std::string detail(const std::string& name) const {
    const auto it = details_.find(name);
    return it == details_.end() ? std::string() : it->second;
  }

  Status WithErrno(int value) && {
    sys_errno_ = value;
    return std::move(*this);
  }
  Status WithDetail(std::string name, std::string value) && {
    details_[std::move(name)] = std::move(value);
    return std::move(*this);
  }
  // The same failure, told from one step further out: "context: message".
  Status WithContext(std::string_view context) && {
    if (!ok()) message_ = std::string(context) + ": " + message_;
    return std::move(*this);
  }

 private:
  StatusCode code_ = StatusCode::kOk;
  int sys_errno_ = 0;
  std::string message_;
  std::map<std::string, std::string> details_;
};

inline Status OkStatus() { return {}; }
inline Status Cancelled(std::string m) { return {StatusCode::kCancelled, std::move(m)}; }
inline Status UnknownError(std::string m) { return {StatusCode::kUnknown, std::move(m)}; }
inline Status InvalidArgument(std::string m) {
  return {StatusCode::kInvalidArgument, std::move(m)};
}
inline Status DeadlineExceeded(std::string m) {
  return {StatusCode::kDeadlineExceeded, std::move(m)};
}
inline Status NotFound(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
inline Status AlreadyExists(std::string m) { return {StatusCode::kAlreadyExists, std::move(m)}; }
inline Status PermissionDenied(std::string m) {
  return {StatusCode::kPermissionDenied, std::move(m)};
}
inline Status ResourceExhausted(std::string m) {
  return {StatusCode::kResourceExhausted, std::move(m)};
}
inline Status FailedPrecondition(std::string m) {
  return {StatusCode::kFailedPrecondition, std::move(m)};
}
inline Status Aborted(std::string m) { return {StatusCode::kAborted, std::move(m)}; }
inline Status OutOfRange(std::string m) { return {StatusCode::kOutOfRange, std::move(m)}; }
inline Status Unimplemented(std::string m) { return {StatusCode::kUnimplemented, std::move(m)}; }
inline Status Internal(std::string m) { return {StatusCode::kInternal, std::move(m)}; }
inline Status Unavailable(std::string m) { return {StatusCode::kUnavailable, std::move(m)}; }
inline Status DataLoss(std::string m) { return {StatusCode::kDataLoss, std::move(m)}; }

// A T, or the Status that says why there is none. Reading the value of a failed
// Result ends the program (std::bad_variant_access out of a noexcept function).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT: implicit
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT: implicit
    if (std::get<1>(state_).ok())
      state_.template emplace<1>(Internal("Result made of an OK status"));
  }

  bool ok() const { return state_.index() == 0; }
  Status status() const& { return ok() ? Status() : std::get<1>(state_); }
  Status status() && { return ok() ? Status() : std::get<1>(std::move(state_)); }

  T& value() & noexcept { return std::get<0>(state_); }
  const T& value() const& noexcept { return std::get<0>(state_); }
  T&& value() && noexcept { return std::get<0>(std::move(state_)); }
  T& operator*() & noexcept { return value(); }
  const T& operator*() const& noexcept { return value(); }
  T&& operator*() && noexcept { return std::move(*this).value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace shoji

#define SHOJI_STATUS_CONCAT_INNER(a, b) a##b
#define SHOJI_STATUS_CONCAT(a, b) SHOJI_STATUS_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expr` (a Status) is not OK.
#define SHOJI_RETURN_IF_ERROR(expr)                                  \
  do {                                                               \
    if (::shoji::Status shoji_status = (expr); !shoji_status.ok()) { \
      return shoji_status;                                           \
    }                                                                \
  } while (false)

// `SHOJI_ASSIGN_OR_RETURN(auto x, F());` assigns the value or returns the Status.
#define SHOJI_ASSIGN_OR_RETURN(lhs, expr) \
  SHOJI_ASSIGN_OR_RETURN_IMPL(SHOJI_STATUS_CONCAT(shoji_result_, __LINE__), lhs, expr)
#define SHOJI_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                \
  if (!tmp.ok()) return std::move(tmp).status();    \
  lhs = std::move(tmp).value()

#endif  // SHOJI_STATUS_H_
