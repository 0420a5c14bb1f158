#include "serve.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>

#include "console.h"
#include "shoji/base/errno.h"
#include "shoji/mux/mux.h"

namespace shoji::proxy {

namespace {

Result<UniqueFd> EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) < 0) return ErrnoStatus(errno, "sigprocmask");
  // Local ends that go away, and a log that nobody reads.
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, "cannot wait for signals");
  return fd;
}

Status WatchSignals(mux::Mux* mux, int signals, const Log& log) {
  return mux->Watch(signals, [mux, signals, &log] {
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof info) != sizeof info) return true;
    const int number = static_cast<int>(info.ssi_signo);
    log.Write(LogLevel::kInfo,
              "ends by signal " + std::to_string(number) + " (" + strsignal(number) + ")");
    mux->Stop();
    return false;
  });
}

Status WatchConsole(mux::Mux* mux, const std::string& path, const Log& log,
                    std::optional<Console>* console) {
  SHOJI_ASSIGN_OR_RETURN(*console, Console::Connect(path, [&log](std::string_view line) {
    log.Write(LogLevel::kInfo, line, "agent");
  }));
  return mux->Watch((*console)->fd(), [console] { return (*console)->Read(); });
}

}  // namespace

Status Serve(const Options& options, const Log& log) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd signals, EndingSignals());
  mux::MuxConfig config;
  config.serial = options.serial;
  config.listen = options.listen;
  config.warn = [&log](std::string_view text) { log.Write(LogLevel::kWarn, text); };
  std::optional<Console> console;  // outlives the loop that reads it
  SHOJI_ASSIGN_OR_RETURN(const std::unique_ptr<mux::Mux> mux, mux::Mux::Open(std::move(config)));
  SHOJI_RETURN_IF_ERROR(WatchSignals(mux.get(), signals.get(), log));
  if (!options.console.empty()) {
    // The containers do not depend on it.
    const Status watched = WatchConsole(mux.get(), options.console, log, &console);
    if (!watched.ok()) log.Write(LogLevel::kWarn, watched.message());
  }
  log.Write(LogLevel::kInfo, "listens on " + options.listen);
  return mux->Run();
}

}  // namespace shoji::proxy
