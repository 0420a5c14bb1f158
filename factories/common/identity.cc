#include "identity.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>

#include "shoji/base/errno.h"

namespace shoji::factories {

Result<std::int32_t> ReseedGuest(const shoji_agent_v1& table, shoji_agent* agent,
                                 const shoji_call* call, shoji_error* error) {
  std::array<char, 512> noise{};
  std::size_t have = 0;
  while (have < noise.size()) {
    const ssize_t n = getrandom(noise.data() + have, noise.size() - have, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read random bytes");
    have += static_cast<std::size_t>(n);
  }
  return table.reseed_random(agent, call, {noise.data(), noise.size()}, error);
}

std::int32_t SetGuestClock(const shoji_agent_v1& table, shoji_agent* agent, const shoji_call* call,
                           shoji_error* error) {
  constexpr std::int64_t kMicros = 1'000'000;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return table.set_time(agent, call, micros / kMicros, micros % kMicros, error);
}

}  // namespace shoji::factories
