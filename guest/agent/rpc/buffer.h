// Bytes of a reply, with room in front for what is known last.
//
// Purpose  What a process prints is read to where it is sent from: no zeroing, no copy into a
//          message. The lengths that stand before it are put there afterwards.
// Threads  One.
// Example  Buffer b(8, 4096); ssize_t n = read(fd, b.end(), b.room()); b.Grow(n);
//          b.Prepend("head");
#ifndef SHOJI_GUEST_AGENT_RPC_BUFFER_H_
#define SHOJI_GUEST_AGENT_RPC_BUFFER_H_

#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace shoji::agent {

class Buffer {
 public:
  Buffer() = default;
  // Empty, with `front` bytes of room before and `back` behind.
  Buffer(std::size_t front, std::size_t back)
      : bytes_(new char[front + back]), begin_(front), end_(front), capacity_(front + back) {}

  char* end() { return bytes_.get() + end_; }
  std::size_t room() const { return capacity_ - end_; }
  std::size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {bytes_.get() + begin_, size()}; }

  // `count` bytes were written to end().
  void Grow(std::size_t count) {
    assert(count <= room());
    end_ += count;
  }
  void Prepend(std::string_view bytes) {
    assert(bytes.size() <= begin_);
    begin_ -= bytes.size();
    std::memcpy(bytes_.get() + begin_, bytes.data(), bytes.size());
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_BUFFER_H_
