// Bytes that wait for the pipe, and how many of them are mere answers to the peer.
//
// Purpose  A peer that sends and never reads must not make us grow: answers (pongs, resets,
//          acknowledgements, window updates) are counted until they were sent.
// Threads  One at a time.
// Example  out.Append(bytes); send(fd, out.pending()); out.Sent(n);
#ifndef SHOJI_YAMUX_OUTPUT_H_
#define SHOJI_YAMUX_OUTPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace shoji::yamux {

class Output {
 public:
  std::string_view pending() const { return std::string_view(buffer_).substr(sent_); }
  std::size_t answers() const { return answers_.size(); }
  std::size_t unsent_acks() const { return acks_.size(); }

  void Append(std::string_view bytes) {
    buffer_.append(bytes);
    queued_total_ += bytes.size();
  }
  // What was appended last is an answer.
  void MarkAnswer() { answers_.push_back(queued_total_); }
  // ... acknowledges a stream of the peer.
  void MarkAck() { acks_.push_back(queued_total_); }

  void Sent(std::size_t count) {
    count = std::min(count, buffer_.size() - sent_);
    sent_ += count;
    sent_total_ += count;
    Pop(&answers_);
    Pop(&acks_);
    Compact();
  }

 private:
  static constexpr std::size_t kKeep = 1U << 20U;      // capacity worth keeping when empty
  static constexpr std::size_t kCompact = 64U << 10U;  // sent bytes worth a move

  void Pop(std::deque<std::uint64_t>* ends) const {
    while (!ends->empty() && ends->front() <= sent_total_) ends->pop_front();
  }

  void Compact() {
    if (sent_ == buffer_.size()) {
      if (buffer_.capacity() > kKeep) buffer_ = std::string();
      buffer_.clear();
      sent_ = 0;
    } else if (sent_ >= kCompact && sent_ >= buffer_.size() / 2) {
      buffer_.erase(0, sent_);  // moves at most as much as was sent: linear over all
      sent_ = 0;
    }
  }

  std::string buffer_;
  std::size_t sent_ = 0;  // of buffer_
  std::uint64_t queued_total_ = 0;
  std::uint64_t sent_total_ = 0;
  std::deque<std::uint64_t> answers_;  // where in the sequence of all bytes each one ends
  std::deque<std::uint64_t> acks_;
};

}  // namespace shoji::yamux

#endif  // SHOJI_YAMUX_OUTPUT_H_
