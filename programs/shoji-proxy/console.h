// The guest's console, line by line.
//
// Purpose  Kernel and agent write there, and once somebody is connected it has to be read all
//          the time, or the guest's writes stall.
// Threads  One.
// Bounds   A line is handed on in pieces of 4 KiB.
// Example  Lines lines([](std::string_view line) { ... }); lines.Feed("a\r\nb");
#ifndef SHOJI_PROGRAMS_PROXY_CONSOLE_H_
#define SHOJI_PROGRAMS_PROXY_CONSOLE_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::proxy {

class Lines {
 public:
  using OnLine = std::function<void(std::string_view)>;
  explicit Lines(OnLine on_line) : on_line_(std::move(on_line)) {}

  void Feed(std::string_view bytes);
  // The rest, which has no line feed.
  void Flush();

 private:
  void Add(std::string_view piece);

  OnLine on_line_;
  std::string line_;
};

class Console {
 public:
  static Result<Console> Connect(const std::string& path, Lines::OnLine on_line);

  int fd() const { return fd_.get(); }
  // Takes what is there. False: it has ended.
  bool Read();

 private:
  Console(UniqueFd fd, Lines::OnLine on_line) : fd_(std::move(fd)), lines_(std::move(on_line)) {}

  UniqueFd fd_;
  Lines lines_;
};

}  // namespace shoji::proxy

#endif  // SHOJI_PROGRAMS_PROXY_CONSOLE_H_
