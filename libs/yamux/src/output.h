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
#include <utility>

namespace shoji::yamux {

class Output {
 public:
  // The oldest bytes, as many as lie together.
  std::string_view pending() const {
    return blocks_.empty() ? std::string_view() : std::string_view(blocks_.front()).substr(sent_);
  }
  std::size_t pending_bytes() const {
    return static_cast<std::size_t>(queued_total_ - sent_total_);
  }
  std::size_t answers() const { return answers_.size(); }
  std::size_t unsent_acks() const { return acks_.size(); }

  void Append(std::string_view bytes) {
    queued_total_ += bytes.size();
    while (!bytes.empty()) {
      if (blocks_.empty() || blocks_.back().size() == kBlock) AddBlock();
      std::string& block = blocks_.back();
      const std::size_t count = std::min(bytes.size(), kBlock - block.size());
      block.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
    }
  }
  // What was appended last is an answer.
  void MarkAnswer() { answers_.push_back(queued_total_); }
  // ... acknowledges a stream of the peer.
  void MarkAck() { acks_.push_back(queued_total_); }

  void Sent(std::size_t count) {
    while (count > 0 && !blocks_.empty()) {
      const std::size_t part = std::min(count, blocks_.front().size() - sent_);
      sent_ += part;
      sent_total_ += part;
      count -= part;
      if (sent_ == blocks_.front().size()) DropBlock();
    }
    Pop(&answers_);
    Pop(&acks_);
  }

 private:
  // Bytes are never moved within the queue, and a block is still in the cache when it is sent.
  static constexpr std::size_t kBlock = 128U * 1024U;

  void Pop(std::deque<std::uint64_t>* ends) const {
    while (!ends->empty() && ends->front() <= sent_total_) ends->pop_front();
  }

  void AddBlock() {
    blocks_.push_back(std::move(spare_));
    spare_ = std::string();
  }

  // The memory of one block is kept: most often the queue is empty or one block long.
  void DropBlock() {
    spare_ = std::move(blocks_.front());
    spare_.clear();
    blocks_.pop_front();
    sent_ = 0;
  }

  std::deque<std::string> blocks_;  // none empty
  std::string spare_;
  std::size_t sent_ = 0;  // of the first block
  std::uint64_t queued_total_ = 0;
  std::uint64_t sent_total_ = 0;
  std::deque<std::uint64_t> answers_;  // where in the sequence of all bytes each one ends
  std::deque<std::uint64_t> acks_;
};

}  // namespace shoji::yamux

#endif  // SHOJI_YAMUX_OUTPUT_H_
