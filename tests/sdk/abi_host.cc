// A small host: loads a plugin file, opens what it offers, and says "ok KIND".
//
// Built without optimisation by the compiler of this tree, on purpose: the plugins that it loads
// come from other compilers, other flags, and headers of another time.
// Usage: abi_host KIND PLUGIN
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "shoji/plugin/agent.h"
#include "shoji/plugin/factory.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/plugin/network.h"
#include "shoji/plugin/proxy.h"
#include "shoji/plugin/shim.h"
#include "shoji/plugin/store.h"
#include "shoji/sdk/testing/fake_host.h"

namespace {

using shoji::sdk::ToStr;
using shoji::sdk::testing::FakeCall;
using shoji::sdk::testing::FakeError;
using shoji::sdk::testing::FakeHost;
using shoji::sdk::testing::FakeSink;

// Ends the program with a reason unless `good`.
void Need(bool good, const std::string& what, const FakeError& error = {}) {
  if (good) return;
  fprintf(stderr, "abi_host: %s: %s\n", what.c_str(), error.message.c_str());
  std::exit(1);
}

// The struct that the plugin fills, with bytes behind it that are not the plugin's.
struct Canary {
  shoji_plugin plugin{sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  std::array<unsigned char, 64> bytes{};
  Canary() { bytes.fill(0xa5); }
  bool intact() const {
    for (const unsigned char byte : bytes) {
      if (byte != 0xa5) return false;
    }
    return true;
  }
};

struct Subject {
  FakeHost host;
  FakeCall call{std::chrono::seconds(20)};
  FakeError error;
  Canary canary;

  template <typename Table>
  const Table& Find(const char* id) {
    const void* table = canary.plugin.get_interface(canary.plugin.self, id);
    Need(table != nullptr, std::string("no table of ") + id);
    return *static_cast<const Table*>(table);
  }
  void* self() const { return canary.plugin.self; }
};

std::int32_t CountKey(void* count, shoji_str) {
  ++*static_cast<int*>(count);
  return SHOJI_OK;
}

void UseStore(Subject& s) {
  const auto& table = s.Find<shoji_store_v1>(SHOJI_STORE_V1);
  shoji_store* store = nullptr;
  Need(table.open(s.self(), nullptr, &store, s.error.raw()) == SHOJI_OK, "open", s.error);
  const auto* call = s.call.raw();
  Need(table.save(store, call, ToStr("a/b"), ToStr("value"), s.error.raw()) == SHOJI_OK, "save",
       s.error);
  FakeSink sink;
  Need(table.load(store, call, ToStr("a/b"), sink.raw(), s.error.raw()) == SHOJI_OK, "load",
       s.error);
  Need(sink.text() == "value", "load gave \"" + sink.text() + "\"");
  const auto* scan =
      static_cast<const shoji_store_scan_v1*>(table.get_extension(store, SHOJI_STORE_SCAN_V1));
  Need(SHOJI_HAS_SLOT(shoji_store_scan_v1, scan, scan), "no scan");
  int keys = 0;
  Need(scan->scan(store, call, ToStr("a/"), CountKey, &keys, s.error.raw()) == SHOJI_OK, "scan",
       s.error);
  Need(keys == 1, "scan saw " + std::to_string(keys) + " keys");
  Need(table.remove(store, call, ToStr("a/b"), s.error.raw()) == SHOJI_OK, "remove", s.error);
  Need(table.load(store, call, ToStr("a/b"), sink.raw(), s.error.raw()) == SHOJI_NOT_FOUND,
       "load after remove");
  Need(!s.error.message.empty(), "a failure without a message");
  table.close(store);
}

void UseHypervisor(Subject& s) {
  const auto& table = s.Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  shoji_hypervisor* hypervisor = nullptr;
  Need(table.open(s.self(), nullptr, &hypervisor, s.error.raw()) == SHOJI_OK, "open", s.error);
  shoji_vm_config config{};
  config.struct_size = sizeof config;
  shoji_vm* vm = nullptr;
  const auto code = table.create(hypervisor, s.call.raw(), &config, &vm, s.error.raw());
  Need(code != SHOJI_OK && code != SHOJI_INTERNAL && vm == nullptr, "create", s.error);
  table.close(hypervisor);
}

void UseFactory(Subject& s) {
  const auto& table = s.Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  shoji_factory* factory = nullptr;
  Need(table.open(s.self(), nullptr, &factory, s.error.raw()) == SHOJI_OK, "open", s.error);
  Need(table.destroy(factory, s.call.raw(), s.error.raw()) == SHOJI_OK, "destroy", s.error);
  table.close(factory);
}

void UseShim(Subject& s) {
  const auto& table = s.Find<shoji_shim_v1>(SHOJI_SHIM_V1);
  shoji_shim_params params{};
  params.struct_size = sizeof params;
  params.sandbox_id = params.container_id = params.exec_id = ToStr("c");
  std::int32_t pid = 0;
  const auto start = [&] {
    return table.start(s.self(), nullptr, s.call.raw(), &params, &pid, s.error.raw());
  };
  Need(start() == SHOJI_OK && pid == SHOJI_SHIM_BUILT_IN, "start", s.error);
  params.flags = 0x100;
  Need(start() == SHOJI_INVALID_ARGUMENT, "start with unknown flags");
}

void UseProxy(Subject& s) {
  const auto& table = s.Find<shoji_proxy_v1>(SHOJI_PROXY_V1);
  shoji_proxy_params params{};
  params.struct_size = sizeof params;
  params.agent_url = ToStr("unix:///dev/null");
  shoji_proxy* proxy = nullptr;
  Need(table.start(s.self(), nullptr, s.call.raw(), &params, &proxy, s.error.raw()) == SHOJI_OK,
       "start", s.error);
  Need(table.stop(proxy, s.call.raw(), s.error.raw()) == SHOJI_OK, "stop", s.error);
}

void UseAgent(Subject& s) {
  const auto& table = s.Find<shoji_agent_v1>(SHOJI_AGENT_V1);
  int released = 0;
  shoji_connector connector{};
  connector.struct_size = sizeof connector;
  connector.ctx = &released;
  connector.connect = [](void*, const shoji_call*, std::int32_t*, shoji_error*) -> std::int32_t {
    return SHOJI_UNAVAILABLE;
  };
  connector.release = [](void* count) { ++*static_cast<int*>(count); };
  shoji_agent* agent = nullptr;
  Need(table.open(s.self(), nullptr, &connector, &agent, s.error.raw()) == SHOJI_OK, "open",
       s.error);
  table.close(agent);
  Need(released == 1, "the connector was released " + std::to_string(released) + " times");
}

void UseNetwork(Subject& s) {
  const auto& table = s.Find<shoji_network_v1>(SHOJI_NETWORK_V1);
  shoji_network* network = nullptr;
  Need(table.open(s.self(), nullptr, &network, s.error.raw()) == SHOJI_OK, "open", s.error);
  table.close(network);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(Subject&)> kinds = {
      {"store", UseStore},    {"hypervisor", UseHypervisor}, {"factory", UseFactory},
      {"shim", UseShim},      {"proxy", UseProxy},           {"agent", UseAgent},
      {"network", UseNetwork}};
  Need(argc == 3 && kinds.count(argv[1]) == 1, "usage: abi_host KIND PLUGIN");
  void* object = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  Need(object != nullptr, object == nullptr ? dlerror() : "");
  const auto open = reinterpret_cast<shoji_plugin_open_fn>(dlsym(object, SHOJI_PLUGIN_OPEN_SYMBOL));
  Need(open != nullptr, "no entry function");
  Subject subject;
  Need(open(subject.host.raw(), &subject.canary.plugin, subject.error.raw()) == SHOJI_OK,
       "shoji_plugin_open_v1", subject.error);
  kinds.at(argv[1])(subject);
  if (subject.canary.plugin.shutdown != nullptr) subject.canary.plugin.shutdown(subject.self());
  Need(subject.canary.intact(), "the plugin wrote past the end of shoji_plugin");
  printf("ok %s\n", argv[1]);
  return 0;
}
