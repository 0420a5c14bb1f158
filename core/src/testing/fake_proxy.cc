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

FakeProxy* ProxyOf(shoji_proxy* proxy) { return reinterpret_cast<FakeProxy*>(proxy); }

std::int32_t ProxyInfo(shoji_proxy* proxy, std::int32_t* pid, const shoji_sink* url,
                       shoji_error* error) {
  ENTER(ProxyOf(proxy)->world, "proxy.info", error);
  *pid = 1;
  return Put(url, "unix://" + ProxyOf(proxy)->socket);
}
std::int32_t ProxySaveState(shoji_proxy* proxy, const shoji_sink* out, shoji_error* error) {
  ENTER(ProxyOf(proxy)->world, "proxy.save_state", error);
  return Put(out, ProxyOf(proxy)->socket);
}
void ProxyRelease(shoji_proxy* proxy) {
  ProxyOf(proxy)->world->Gone("proxy");
  delete ProxyOf(proxy);
}
std::int32_t ProxyStop(shoji_proxy* proxy, const shoji_call*, shoji_error* error) {
  const std::int32_t entered = ProxyOf(proxy)->world->Enter("proxy.stop", error);
  (void)RemoveFile(ProxyOf(proxy)->socket);
  ProxyRelease(proxy);
  return entered;
}
shoji_proxy_v1 ProxyTable() {
  shoji_proxy_v1 table = {};
  table.struct_size = sizeof(table);
  table.info = ProxyInfo;
  table.save_state = ProxySaveState;
  table.stop = ProxyStop;
  table.release = ProxyRelease;
  return table;
}

}  // namespace

const shoji_proxy_v1 kFakeProxy = ProxyTable();

}  // namespace shoji::testing
