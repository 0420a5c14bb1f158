#include "spawner.h"

namespace shoji::qemu {

Result<Spawned> SpawnByHost(const sdk::Host& host, const std::string& sandbox_id,
                            const std::vector<std::string>& argv,
                            const std::vector<std::pair<int, int>>& fds) {
  const auto* service = host.Service<shoji_spawn_v1>(SHOJI_SPAWN_V1);
  if (!SHOJI_HAS_SLOT(shoji_spawn_v1, service, spawn)) {
    return FailedPrecondition("the host offers no " SHOJI_SPAWN_V1 ", without which no VM starts");
  }
  std::vector<shoji_str> args;
  for (const std::string& arg : argv) args.push_back(sdk::ToStr(arg));
  std::vector<shoji_fd_map> maps;
  for (const auto& [here, there] : fds) maps.push_back({here, there});
  shoji_spawn_args request{};
  request.struct_size = sizeof(request);
  request.flags = SHOJI_SPAWN_SETSID;
  request.sandbox_id = sdk::ToStr(sandbox_id);
  request.argv = args.data();
  request.argc = static_cast<std::uint32_t>(args.size());
  request.fds = maps.data();
  request.fd_count = static_cast<std::uint32_t>(maps.size());

  std::int32_t pid = -1;
  std::int32_t pidfd = -1;
  // The error object is the host's own kind of thing; what we may pass on is the code.
  const std::int32_t code = service->spawn(host.raw(), &request, &pid, &pidfd, nullptr);
  if (code != SHOJI_OK) {
    return Status(static_cast<StatusCode>(code),
                  "cannot start \"" + argv[0] +
                      "\": " + std::string(StatusCodeName(static_cast<StatusCode>(code))));
  }
  return Spawned{pid, UniqueFd(pidfd)};
}

}  // namespace shoji::qemu
