#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "host/liveness.h"
#include "host/mount.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_parts.h"

namespace shoji::testing {
namespace {

// Where a shim is started, as far as that was said.
std::string ShimPlace(const shoji_shim_params& params) {
  std::string out = (params.flags & SHOJI_SHIM_DETACH) != 0 ? " detached" : "";
  if (params.console.size > 0) out += " console=" + Text(params.console);
  if (params.netns.size > 0) out += " netns=" + Text(params.netns);
  return params.join_pid == 0 ? out : out + " join";
}

std::int32_t ShimStart(void* plugin, const shoji_options*, const shoji_call*,
                       const shoji_shim_params* params, std::int32_t* pid, shoji_error* error) {
  auto* world = static_cast<FakeWorld*>(plugin);
  ENTER(world, "shim.start", error);
  world->Note("shim.start", Text(params->container_id) + "/" + Text(params->exec_id) +
                                ((params->flags & SHOJI_SHIM_TERMINAL) != 0 ? " tty " : " ") +
                                Text(params->proxy_url) + ShimPlace(*params));
  *pid = SHOJI_SHIM_BUILT_IN;
  if (!world->shim_processes()) return SHOJI_OK;
  return FillError(error, world->StartShim(*params, pid));
}
std::int32_t ShimStop(void* plugin, const shoji_call*, std::int32_t pid, shoji_error* error) {
  auto* world = static_cast<FakeWorld*>(plugin);
  ENTER(world, "shim.stop", error);
  if (pid > 0) world->StopShim(pid);
  return SHOJI_OK;
}
// Whatever the signal, its process ends, as with the agent.
std::int32_t ShimSignal(void* plugin, const shoji_options*, const shoji_call*,
                        const shoji_shim_params* params, std::int32_t, std::int32_t signal,
                        shoji_error* error) {
  auto* world = static_cast<FakeWorld*>(plugin);
  ENTER(world, "shim.signal", error);
  if (!world->Offers("shim.signal")) return Fail(error, SHOJI_UNAVAILABLE, "it has ended");
  const std::string container = Text(params->container_id);
  const std::string exec = Text(params->exec_id);
  world->Note("shim.signal", container + "/" + exec + " " + std::to_string(signal));
  world->EndProcess(container, exec.empty() ? container : exec);
  return SHOJI_OK;
}

}  // namespace

const shoji_shim_v1 kFakeShim = {sizeof(shoji_shim_v1), 0, ShimStart, ShimStop, ShimSignal};

}  // namespace shoji::testing
