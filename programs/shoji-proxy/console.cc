#include "console.h"

#include <sys/socket.h>

#include <cerrno>

#include "shoji/base/socket.h"

namespace shoji::proxy {

namespace {
constexpr std::size_t kLongest = 4096;
}  // namespace

void Lines::Flush() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  if (!line_.empty()) on_line_(line_);
  line_.clear();
}

void Lines::Add(std::string_view piece) {
  while (line_.size() + piece.size() > kLongest) {
    const std::size_t room = kLongest - line_.size();
    line_ += piece.substr(0, room);
    piece.remove_prefix(room);
    on_line_(line_);
    line_.clear();
  }
  line_ += piece;
}

void Lines::Feed(std::string_view bytes) {
  for (std::size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos;) {
    Add(bytes.substr(0, end));
    Flush();
    bytes.remove_prefix(end + 1);
  }
  Add(bytes);
}

Result<Console> Console::Connect(const std::string& path, Lines::OnLine on_line) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(path));
  return Console(std::move(fd), std::move(on_line));
}

bool Console::Read() {
  char buffer[4096];
  const ssize_t n = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
  if (n > 0) {
    lines_.Feed({buffer, static_cast<std::size_t>(n)});
    return true;
  }
  lines_.Flush();
  return false;
}

}  // namespace shoji::proxy
