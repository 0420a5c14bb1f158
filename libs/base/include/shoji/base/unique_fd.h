// An open file descriptor with one owner.
//
// Threads  Like an int.
// Example  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC)); if (!fd) return ErrnoStatus(...);
#ifndef SHOJI_BASE_UNIQUE_FD_H_
#define SHOJI_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace shoji {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Gives the descriptor away; the caller closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace shoji

#endif  // SHOJI_BASE_UNIQUE_FD_H_
