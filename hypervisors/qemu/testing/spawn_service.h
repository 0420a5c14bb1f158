// shoji.spawn/1 over libs/spawn, for tests of the plugin.
//
// Threads  Safe.
// Example  fake_host.AddService(SHOJI_SPAWN_V1, TestSpawnService());
#ifndef SHOJI_HYPERVISORS_QEMU_TESTING_SPAWN_SERVICE_H_
#define SHOJI_HYPERVISORS_QEMU_TESTING_SPAWN_SERVICE_H_

#include "shoji/sdk/plugin.h"
#include "shoji/spawn/spawn.h"

namespace shoji::qemu {

inline std::int32_t TestSpawn(const shoji_host* host, const shoji_spawn_args* args,
                              std::int32_t* ret_pid, std::int32_t* ret_pidfd, shoji_error* err) {
  const sdk::Host wrapped(host);
  return wrapped.Guard(err, [&]() -> Status {
    SpawnOptions options;
    for (std::uint32_t i = 0; i < args->argc; ++i) {
      options.argv.push_back(sdk::String(args->argv[i]));
    }
    for (std::uint32_t i = 0; i < args->fd_count; ++i) {
      options.fds.emplace_back(args->fds[i].host_fd, args->fds[i].child_fd);
    }
    options.new_session = (args->flags & SHOJI_SPAWN_SETSID) != 0;
    options.env = {"SHOJI_SANDBOX_DIR=/test/" + sdk::String(args->sandbox_id)};
    SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(options));
    *ret_pid = child.pid();
    *ret_pidfd = child.TakePidfd().release();
    return OkStatus();
  });
}

inline const shoji_spawn_v1* TestSpawnService() {
  static const shoji_spawn_v1 kService = {sizeof(shoji_spawn_v1), 0, TestSpawn};
  return &kService;
}

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_TESTING_SPAWN_SERVICE_H_
