#include "rpc/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace shoji::agent {

void WritePrefix(std::size_t length, char* buffer) {
  buffer[0] = 0;
  for (unsigned i = 0; i < 4; ++i) {
    buffer[1 + i] = static_cast<char>((length >> (24U - 8U * i)) & 0xffU);
  }
}

Status MessageReader::ReadPrefix(std::string_view* bytes) {
  const std::size_t take = std::min(kPrefixBytes - header_used_, bytes->size());
  std::memcpy(header_ + header_used_, bytes->data(), take);
  header_used_ += take;
  bytes->remove_prefix(take);
  if (header_used_ < kPrefixBytes) return OkStatus();
  if (header_[0] != 0) {
    return Unimplemented("message is compressed; the agent takes uncompressed messages only");
  }
  length_ = 0;
  for (unsigned i = 0; i < 4; ++i) length_ = (length_ << 8U) | header_[1 + i];
  if (length_ > max_message_) {
    return ResourceExhausted("message has " + std::to_string(length_) + " bytes, at most " +
                             std::to_string(max_message_) + " are taken");
  }
  return OkStatus();
}

Status MessageReader::Add(std::string_view bytes) {
  if (header_used_ < kPrefixBytes) SHOJI_RETURN_IF_ERROR(ReadPrefix(&bytes));
  if (bytes.empty()) return OkStatus();
  if (bytes.size() > length_ - body_.size()) {
    return Unimplemented("call has more than one request message");
  }
  body_.append(bytes);
  return OkStatus();
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 0xfU]);
    }
  }
  return out;
}

std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  constexpr std::array<std::pair<char, std::int64_t>, 6> kUnits = {{{'H', 3'600'000'000'000},
                                                                    {'M', 60'000'000'000},
                                                                    {'S', 1'000'000'000},
                                                                    {'m', 1'000'000},
                                                                    {'u', 1'000},
                                                                    {'n', 1}}};
  for (const auto& [name, nanos] : kUnits) {
    if (name != text.back()) continue;
    // Nobody waits longer than a year, and more would not fit into 64 bits.
    constexpr std::int64_t kYear = 365LL * 24 * 3'600'000'000'000;
    return std::chrono::nanoseconds(value > kYear / nanos ? kYear : value * nanos);
  }
  return std::nullopt;
}

}  // namespace shoji::agent
