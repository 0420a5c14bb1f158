#include "shim.h"

#include <cerrno>
#include <csignal>
#include <string>

namespace shoji::katashimbuiltin {

namespace {

Status NotEmpty(shoji_str value, const char* name) {
  if (value.size > 0) return OkStatus();
  return InvalidArgument(std::string(name) + " of a shim is empty");
}

}  // namespace

Result<std::int32_t> KataShimBuiltin::Start(const sdk::Host& /*host*/,
                                            const shoji_options* /*options*/,
                                            const shoji_call* /*call*/,
                                            const shoji_shim_params& params) {
  constexpr std::uint32_t kKnown = SHOJI_SHIM_TERMINAL | SHOJI_SHIM_DETACH;
  if ((params.flags & ~kKnown) != 0) {
    return InvalidArgument("unknown flags " + std::to_string(params.flags & ~kKnown) +
                           " of a shim; known are TERMINAL (1) and DETACH (2)");
  }
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.sandbox_id, "sandbox_id"));
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.container_id, "container_id"));
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.exec_id, "exec_id"));
  return SHOJI_SHIM_BUILT_IN;
}

Status KataShimBuiltin::Stop(const sdk::Host& /*host*/, const shoji_call* /*call*/,
                             std::int32_t pid) {
  if (pid == SHOJI_SHIM_BUILT_IN) return OkStatus();
  // What is gone is stopped, whoever it was.
  if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) return OkStatus();
  return InvalidArgument("process " + std::to_string(pid) +
                         " is no shim of katashimbuiltin, which starts none");
}

}  // namespace shoji::katashimbuiltin
