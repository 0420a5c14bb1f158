#include "rpc/reset_gate.h"

#include <algorithm>

namespace shoji::agent {
namespace {

constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kRstStream = 3;
constexpr std::size_t kRstStreamBytes = 4;

std::uint32_t BigEndian(const char* bytes, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

}  // namespace

void ResetGate::Pass(std::string_view bytes, const Sink& sink) {
  std::size_t begin = 0;  // of what is not handed on yet; a head goes by itself, from head_
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (body_left_ > 0) {
      const std::size_t take = std::min(body_left_, bytes.size() - at);
      if (dropping_) begin = at + take;
      body_left_ -= take;
      at += take;
      continue;
    }
    const bool whole = head_size_ == 0 && bytes.size() - at >= kHeadBytes;
    const std::size_t head_begin = at;
    at += TakeHead(bytes.substr(at));
    if (whole && !dropping_) continue;  // the head lies where the rest lies
    if (begin < head_begin && !sink(bytes.substr(begin, head_begin - begin))) return;
    begin = at;
    if (head_size_ == 0 && !dropping_ && !sink({head_.data(), kHeadBytes})) return;
  }
  if (begin < bytes.size()) (void)sink(bytes.substr(begin));
}

std::size_t ResetGate::TakeHead(std::string_view bytes) {
  const std::size_t take = std::min(bytes.size(), kHeadBytes - head_size_);
  std::copy_n(bytes.data(), take, head_.data() + head_size_);
  head_size_ += take;
  dropping_ = false;
  if (head_size_ == kHeadBytes) Judge();
  return take;
}

void ResetGate::Judge() {
  head_size_ = 0;
  body_left_ = BigEndian(head_.data(), 3);
  const auto type = static_cast<std::uint8_t>(head_[3]);
  const std::uint32_t stream = BigEndian(head_.data() + 5, 4) & 0x7fffffffU;
  if (type == kHeaders) opened_ = std::max(opened_, stream);
  dropping_ =
      type == kRstStream && body_left_ == kRstStreamBytes && stream % 2 == 1 && stream > opened_;
}

}  // namespace shoji::agent
