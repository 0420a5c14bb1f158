// The parts that MakeFakePlugins() is made of, one file for each kind.
//
// Threads  As FakeWorld, which each of them tells of every call.
#ifndef SHOJI_CORE_TESTING_FAKE_PARTS_H_
#define SHOJI_CORE_TESTING_FAKE_PARTS_H_

#include <string>

#include "metadata/record.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/agent.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/plugin/proxy.h"
#include "shoji/plugin/shim.h"
#include "shoji/plugin/store.h"
#include "testing/fake_plugins.h"

namespace shoji::testing {

inline std::string Text(shoji_str text) {
  return text.size == 0 ? std::string() : std::string(text.data, text.size);
}

inline std::int32_t Put(const shoji_sink* sink, const std::string& text) {
  return sink->write(sink->ctx, text.data(), text.size());
}

inline std::int32_t Fail(shoji_error* error, std::int32_t code, const std::string& message) {
  SetError(error, code, 0, ToStr(message));
  return code;
}

#define ENTER(world, slot, error) \
  if (const std::int32_t entered = (world)->Enter(slot, error); entered != 0) return entered

// One file for each key.
struct FakeStore {
  FakeWorld* world;
  std::string Path(const std::string& key) const {
    std::string name = key;
    for (char& c : name) c = c == '/' ? '%' : c;
    return world->dir() + "/store/" + name;
  }
};
extern const shoji_store_v1 kFakeStore;

// A process that sleeps.
struct FakeVm {
  FakeWorld* world;
  ProcessId process;
  std::string run_dir;
  UniqueFd pidfd;
};
Result<FakeVm*> BootVm(FakeWorld* world, const std::string& run_dir);
extern const shoji_hypervisor_v1 kFakeHypervisor;

struct FakeProxy {
  FakeWorld* world;
  std::string socket;
};
extern const shoji_proxy_v1 kFakeProxy;

extern const shoji_shim_v1 kFakeShim;

struct FakeAgent {
  FakeWorld* world;
  UniqueFd vm;  // readable when the VM is gone
};
extern const shoji_agent_v1 kFakeAgent;

}  // namespace shoji::testing

#endif  // SHOJI_CORE_TESTING_FAKE_PARTS_H_
