// shoji-shim: the process on the host that stands for one in a guest.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control.h"
#include "dial.h"
#include "host_root.h"
#include "options.h"
#include "relay.h"

namespace {

int Fail(const shoji::Status& status, int exit_status) {
  fprintf(stderr, "shoji-shim: %s\n", status.message().c_str());
  return exit_status;
}

struct Place {
  std::string sandbox_dir;  // empty: we are nobody's
  bool joins = false;       // the process of a container that has a shim of its own
};

Place PlaceOf(const shoji::shim::Options& options) {
  const char* const dir = getenv("SHOJI_SANDBOX_DIR");
  return {dir == nullptr ? "" : dir, options.exec_id != options.container_id};
}

// Of a container's own shim; that of an exec has nobody to listen to, and is nobody's to enter.
shoji::Result<std::unique_ptr<shoji::shim::Control>> Listen(const Place& place,
                                                            const std::string& container_id) {
  if (place.sandbox_dir.empty() || place.joins) return std::unique_ptr<shoji::shim::Control>();
  return shoji::shim::Control::Listen(place.sandbox_dir, container_id);
}

shoji::Status EnterRoot(const Place& place, const std::string& container_id) {
  if (place.sandbox_dir.empty() || place.joins) return shoji::OkStatus();
  return shoji::shim::EnterHostRoot(place.sandbox_dir, container_id);
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
  const Place place = PlaceOf(*options);
  const std::string& container = options->container_id;
  const auto control = Listen(place, container);
  if (!control.ok()) return Fail(control.status(), 1);
  Relay relay(*options, std::move(*fd), control->get());  // has what it needs of the host's root
  if (const auto entered = EnterRoot(place, container); !entered.ok()) return Fail(entered, 1);
  std::optional<Guard> guard;
  if (place.joins && !place.sandbox_dir.empty()) {
    guard = Guard::Connect(place.sandbox_dir, container, options->exec_id);
  }
  const auto exit_status = relay.Run();
  if (guard && exit_status.ok()) guard->Ended();
  AwaitOthers();
  return exit_status.ok() ? *exit_status : Fail(exit_status.status(), 1);
}
