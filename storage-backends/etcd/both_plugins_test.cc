// The store and the agent plugin, which both bring gRPC along, in one process: each loads, works
// and closes beside the other, whichever is loaded first.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "shoji/base/deadline.h"
#include "shoji/base/socket.h"
#include "shoji/plugin/agent.h"
#include "shoji/plugin/store.h"
#include "shoji/sdk/testing/fake_host.h"
#include "testing/etcd_server.h"

namespace shoji::etcd {
namespace {

using sdk::testing::FakeError;
using sdk::testing::FakeHost;
using sdk::testing::FakeSink;

constexpr char kRole[] = "--load";

class Plugin {
 public:
  explicit Plugin(const std::string& name) {
    void* library = dlopen((std::string(PLUGIN_DIR) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) std::printf("dlopen: %s\n", dlerror());
    if (library == nullptr) return;
    auto open = reinterpret_cast<shoji_plugin_open_fn>(dlsym(library, SHOJI_PLUGIN_OPEN_SYMBOL));
    plugin_.struct_size = sizeof(plugin_);
    if (open(host_.raw(), &plugin_, nullptr) != SHOJI_OK) plugin_.self = nullptr;
  }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  ~Plugin() {
    if (plugin_.self != nullptr) plugin_.shutdown(plugin_.self);
  }
  void* self() { return plugin_.self; }
  template <typename Table>
  const Table* Find(const char* id) {
    return static_cast<const Table*>(plugin_.get_interface(plugin_.self, id));
  }

 private:
  FakeHost host_;
  shoji_plugin plugin_{};
};

std::string UseStore(Plugin* plugin, const std::string& endpoint) {
  const auto* table = plugin->Find<shoji_store_v1>(SHOJI_STORE_V1);
  const shoji_option option = {sdk::ToStr("endpoints"), sdk::ToStr(endpoint)};
  const shoji_options options = {sizeof(shoji_options), 1, &option};
  FakeError error;
  shoji_store* store = nullptr;
  if (table->open(plugin->self(), &options, &store, error.raw()) != SHOJI_OK) {
    return "open: " + error.message;
  }
  const std::string value(3U << 20U, 'v');
  const FakeSink sink;
  std::string out;
  if (table->save(store, nullptr, sdk::ToStr("k"), sdk::ToStr(value), error.raw()) != SHOJI_OK ||
      table->load(store, nullptr, sdk::ToStr("k"), sink.raw(), error.raw()) != SHOJI_OK) {
    out = "save and load: " + error.message;
  } else if (sink.text() != value) {
    out = "load gave another value";
  }
  table->close(store);
  return out;
}

std::int32_t Connect(void* ctx, const shoji_call*, std::int32_t* ret_fd, shoji_error*) {
  Result<UniqueFd> fd = ConnectUnix(*static_cast<std::string*>(ctx));
  if (!fd.ok()) return SHOJI_UNAVAILABLE;
  *ret_fd = fd->release();
  return SHOJI_OK;
}

// etcd answers a call of the guest agent's service as every gRPC server does: it has none.
std::string UseAgent(Plugin* plugin, std::string socket) {
  const auto* table = plugin->Find<shoji_agent_v1>(SHOJI_AGENT_V1);
  const shoji_connector connector = {sizeof(connector), 0, &socket, Connect, nullptr};
  FakeError error;
  shoji_agent* agent = nullptr;
  if (table->open(plugin->self(), nullptr, &connector, &agent, error.raw()) != SHOJI_OK) {
    return "agent open: " + error.message;
  }
  shoji_call call{};
  call.struct_size = sizeof(call);
  call.cancel_fd = -1;
  call.deadline_ns = Deadline::After(std::chrono::seconds(20)).nanos();
  const std::int32_t code = table->check(agent, &call, error.raw());
  table->close(agent);
  if (code == SHOJI_UNIMPLEMENTED) return "";
  return "agent check gave " + std::to_string(code) + ": " + error.message;
}

int Run(const std::string& first, const std::string& socket) {
  const bool store_first = first == "store";
  Plugin one(store_first ? "store-etcd.so" : "agent-kata.so");
  Plugin two(store_first ? "agent-kata.so" : "store-etcd.so");
  if (one.self() == nullptr || two.self() == nullptr) return 1;
  Plugin* store = store_first ? &one : &two;
  Plugin* agent = store_first ? &two : &one;
  for (int round = 0; round < 3; ++round) {
    for (const bool store_now : {store_first, !store_first}) {
      const std::string problem =
          store_now ? UseStore(store, "unix://" + socket) : UseAgent(agent, socket);
      if (problem.empty()) continue;
      std::printf("round %d: %s\n", round, problem.c_str());
      return 1;
    }
  }
  return 0;
}

void RunInChild(const std::string& first) {
  EtcdServer server;
  const Status started = server.Start({});
  ASSERT_TRUE(started.ok()) << started.message();
  const Result<std::string> out =
      RunProgram({"/proc/self/exe", kRole, first, server.dir() + "/c:1"});
  EXPECT_TRUE(out.ok()) << out.status().message();
}

TEST(BothPlugins, StoreFirst) { RunInChild("store"); }

TEST(BothPlugins, AgentFirst) { RunInChild("agent"); }

}  // namespace

int RunRole(char** argv) { return Run(argv[2], argv[3]); }

}  // namespace shoji::etcd

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == shoji::etcd::kRole) return shoji::etcd::RunRole(argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
