#include "plugin/error.h"

#include <algorithm>

#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxMessage = 4096;
constexpr std::size_t kMaxDetail = 64U << 10U;
constexpr std::size_t kMaxDetails = 64;

std::string_view View(shoji_str text) {
  return text.data == nullptr ? std::string_view()
                              : std::string_view(text.data, static_cast<std::size_t>(text.size));
}

bool IsCode(std::int32_t code) { return code > SHOJI_OK && code <= SHOJI_UNAUTHENTICATED; }

}  // namespace

std::string OneLine(std::string_view text) {
  std::string out;
  for (const char c : Trim(text).substr(0, kMaxMessage)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = byte < 0x20 || byte == 0x7f;
    // "a\r\n  b" is one gap, not four.
    if (blank && !out.empty() && out.back() == ' ') continue;
    out += blank ? ' ' : c;
  }
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

void SetError(shoji_error* error, std::int32_t code, std::int32_t sys_errno, shoji_str message) {
  if (error == nullptr) return;
  error->code = code;
  error->sys_errno = sys_errno;
  error->message = OneLine(View(message));
  error->details.clear();
}

void AddErrorDetail(shoji_error* error, shoji_str name, shoji_str value) {
  if (error == nullptr || error->details.size() >= kMaxDetails) return;
  error->details[OneLine(View(name))] = std::string(View(value).substr(0, kMaxDetail));
}

std::int32_t FillError(shoji_error* error, const Status& status) {
  const auto code = static_cast<std::int32_t>(status.code());
  if (status.ok() || error == nullptr) return code;
  error->code = code;
  error->sys_errno = status.sys_errno();
  error->message = OneLine(status.message());
  error->details = status.details();
  return code;
}

Status PluginError::ToStatus(std::string_view plugin, std::string_view call,
                             std::int32_t code) const {
  if (code == SHOJI_OK) return OkStatus();
  const std::string who = "plugin " + std::string(plugin) + ": call " + std::string(call);
  if (!IsCode(code)) {
    return Internal(who + " failed with the unknown code " + std::to_string(code) +
                    (error_.message.empty() ? "" : ": " + error_.message));
  }
  const auto status_code = static_cast<StatusCode>(code);
  if (error_.message.empty()) {
    return Internal(who + " failed with " + std::string(StatusCodeName(status_code)) +
                    " and no message");
  }
  Status status = Status(status_code, error_.message).WithErrno(error_.sys_errno);
  for (const auto& [name, value] : error_.details) {
    status = std::move(status).WithDetail(name, value);
  }
  return status;
}

}  // namespace shoji
