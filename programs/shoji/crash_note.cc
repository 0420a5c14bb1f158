#include "crash_note.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "plugin/current_plugin.h"

namespace shoji::cli {
namespace {

constexpr std::array<int, 5> kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What was there before us, e.g. a sanitizer's. Signal handlers belong to the process, so
// there can be one set only.
constinit std::array<struct sigaction, kSignals.size()> before{};

// One line in a buffer; longer ones are cut.
class Line {
 public:
  void Add(const char* text) {
    while (*text != '\0' && size_ + 1 < sizeof(buffer_)) buffer_[size_++] = *text++;
  }
  void Write() {
    buffer_[size_++] = '\n';
    // There is nobody to tell about a failure.
    [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, buffer_, size_);
  }

 private:
  char buffer_[1024] = {};
  std::size_t size_ = 0;
};

void PutBack(int signal) {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] == signal) sigaction(signal, &before[i], nullptr);
  }
}

// Async-signal-safe calls only.
void OnCrash(int signal, siginfo_t* info, void* /*context*/) {
  const int saved_errno = errno;
  PutBack(signal);
  if (const PluginMark* plugin = CurrentPlugin()) {
    Line line;
    line.Add("shoji: plugin \"");
    line.Add(plugin->name());
    line.Add("\" (");
    line.Add(plugin->path());
    line.Add(") crashed ");
    line.Add(plugin->where());
    line.Write();
  }
  // A fault happens again when we return; a signal that was sent has to be sent again.
  if (info->si_code <= 0) raise(signal);
  errno = saved_errno;
}

}  // namespace

void InstallCrashNote() {
  struct sigaction action {};
  action.sa_sigaction = OnCrash;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &before[i]);
  }
}

}  // namespace shoji::cli
