// shoji-shim: the process on the host that stands for one in a guest.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "dial.h"
#include "host_root.h"
#include "options.h"
#include "relay.h"

namespace {

int Fail(const shoji::Status& status, int exit_status) {
  fprintf(stderr, "shoji-shim: %s\n", status.message().c_str());
  return exit_status;
}

// Of a container's own shim; that of an exec is nobody's to enter.
shoji::Status EnterRoot(const shoji::shim::Options& options) {
  const char* const sandbox = getenv("SHOJI_SANDBOX_DIR");
  if (sandbox == nullptr || options.exec_id != options.container_id) return shoji::OkStatus();
  return shoji::shim::EnterHostRoot(sandbox, options.container_id);
}

// Process 1 takes all others of its namespace along. Those are shims too, of processes that ended
// with ours: they get a moment to write what is left. Nothing tells when they are gone.
void AwaitOthers() {
  constexpr int kMilliseconds = 1000;
  if (getpid() != 1) return;
  for (int i = 0; i < kMilliseconds; ++i) {
    if (kill(-1, 0) < 0 && errno == ESRCH) return;
    usleep(1000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace shoji::shim;
  if (getpid() == 1) BlockSignals();
  const auto options = ParseOptions(std::vector<std::string>(argv + 1, argv + argc));
  if (!options.ok()) return Fail(options.status(), 2);
  if (options->help) return fputs(Usage().c_str(), stdout) < 0 ? 1 : 0;
  if (options->version) return puts("shoji-shim version " SHOJI_VERSION) < 0 ? 1 : 0;
  auto fd = Dial(options->agent);
  if (!fd.ok()) return Fail(fd.status(), 1);
  Relay relay(*options, std::move(*fd));
  if (const auto entered = EnterRoot(*options); !entered.ok()) return Fail(entered, 1);
  const auto exit_status = relay.Run();
  AwaitOthers();
  return exit_status.ok() ? *exit_status : Fail(exit_status.status(), 1);
}
