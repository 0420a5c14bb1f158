#include "shim.h"

#include <cerrno>
#include <csignal>
#include <string>

namespace shoji::noopshim {

namespace {
constexpr std::int32_t kNone = 0;
}  // namespace

Result<std::int32_t> NoopShim::Start(const sdk::Host& /*host*/, const shoji_options* /*options*/,
                                     const shoji_call* /*call*/, const shoji_shim_params& params) {
  if (params.container_id.size == 0) return InvalidArgument("container_id of a shim is empty");
  return kNone;
}

Status NoopShim::Stop(const sdk::Host& /*host*/, const shoji_call* /*call*/, std::int32_t pid) {
  if (pid == kNone || pid == SHOJI_SHIM_BUILT_IN) return OkStatus();
  // What is gone is stopped, whoever it was.
  if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) return OkStatus();
  return InvalidArgument("process " + std::to_string(pid) +
                         " is no shim of noopshim, which starts none");
}

}  // namespace shoji::noopshim
