#include "tail_reader.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace shoji::qemu {
namespace {

constexpr std::size_t kMaxLine = 1024;  // longer ones are given in pieces

// Signals of the program are for the program's own threads.
std::thread StartWithoutSignals(std::function<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

TailReader::TailReader(std::vector<UniqueFd> streams, OnLine on_line, TailHooks hooks)
    : on_line_(std::move(on_line)), hooks_(std::move(hooks)), stop_(eventfd(0, EFD_CLOEXEC)) {
  for (UniqueFd& fd : streams) {
    Stream stream;
    stream.fd = std::move(fd);
    streams_.push_back(std::move(stream));
  }
  thread_ = StartWithoutSignals([this] { Run(); });
}

TailReader::~TailReader() {
  const std::uint64_t one = 1;
  while (write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
}

void TailReader::Run() {
  for (;;) {
    std::vector<pollfd> entries = {{stop_.get(), POLLIN, 0}};
    // A negative descriptor, that of an ended stream, is passed over by poll().
    for (const Stream& stream : streams_) entries.push_back({stream.fd.get(), POLLIN, 0});
    if (hooks_.tee != nullptr) hooks_.tee->AddTo(entries);
    if (poll(entries.data(), entries.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (entries[0].revents != 0) return;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (entries[i + 1].revents != 0 && !ReadSome(i)) End(i);
    }
    const std::size_t more = streams_.size() + 1;
    if (hooks_.tee != nullptr) hooks_.tee->Handle(entries[more], entries[more + 1]);
  }
}

bool TailReader::ReadSome(std::size_t index) {
  char buffer[4096];
  const ssize_t n = read(streams_[index].fd.get(), buffer, sizeof(buffer));
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  const std::string_view bytes(buffer, static_cast<std::size_t>(n));
  Keep(streams_[index], bytes);
  if (hooks_.tee != nullptr && index == hooks_.teed) hooks_.tee->Output(bytes);
  GiveLines(index, bytes);
  return true;
}

void TailReader::Keep(Stream& stream, std::string_view bytes) {
  const MutexLock lock(mutex_);
  stream.kept.append(bytes);
  // Twice the size before it is cut, so that a byte costs O(1).
  if (stream.kept.size() < 2 * kKept) return;
  stream.kept.erase(0, stream.kept.size() - kKept);
  stream.cut = true;
}

void TailReader::GiveLines(std::size_t index, std::string_view bytes) {
  std::string& line = streams_[index].line;
  for (const char c : bytes) {
    if (c == '\r') continue;
    if (c != '\n') line += c;
    if (c != '\n' && line.size() < kMaxLine) continue;
    if (on_line_ && !line.empty()) on_line_(index, line);
    line.clear();
  }
}

void TailReader::End(std::size_t index) {
  streams_[index].fd.reset();
  if (hooks_.tee != nullptr && index == hooks_.teed) hooks_.tee->Close();
  {
    const MutexLock lock(mutex_);
    streams_[index].ended = true;
    ended_.notify_all();
  }
  if (hooks_.on_end) hooks_.on_end(index);
}

std::string TailReader::Text(std::size_t stream) const {
  const MutexLock lock(mutex_);
  std::string text = streams_[stream].kept;
  bool cut = streams_[stream].cut;
  if (text.size() > kKept) {
    text.erase(0, text.size() - kKept);
    cut = true;
  }
  const std::size_t line_end = cut ? text.find('\n') : std::string::npos;
  if (line_end != std::string::npos) text.erase(0, line_end + 1);
  return text;
}

bool TailReader::WaitEnd(Deadline deadline) const {
  const auto all_ended = [this] {
    return std::all_of(streams_.begin(), streams_.end(),
                       [](const Stream& stream) { return stream.ended; });
  };
  const auto until = Deadline::Clock::time_point(std::chrono::nanoseconds(deadline.nanos()));
  mutex_.lock();
  bool ended = all_ended();
  while (!ended && !deadline.passed()) {
    if (deadline.never()) {
      ended_.wait(mutex_);
    } else {
      ended_.wait_until(mutex_, until);
    }
    ended = all_ended();
  }
  mutex_.unlock();
  return ended;
}

}  // namespace shoji::qemu
