#include "direct.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"

struct shoji_error {
  std::int32_t code = 0;
  std::string message;
  std::string last_words;
};

namespace shoji::direct {
namespace {

// Three plugins that write down what is asked of them, and fail where they are told to.
class World {
 public:
  std::vector<std::string> log;
  std::string fail;  // the slot that fails ...
  std::int32_t code = SHOJI_INTERNAL;
  bool vm_dies_in_check = false;
  bool check_blocks = false;
  std::string proxy_dir;
  std::string agent_url;
  std::string span;
  std::uint64_t noise = 0;
  UniqueFd gone{eventfd(0, EFD_CLOEXEC)};
  shoji_connector connector{};

  std::int32_t Step(const std::string& name, shoji_error* error) {
    log.push_back(name);
    if (name != fail) return SHOJI_OK;
    if (error != nullptr) *error = {code, name + " failed", ""};
    return code;
  }
  void KillVm() const { eventfd_write(gone.get(), 1); }
};

World* world = nullptr;  // of the running test: the C tables have nothing else to hold on to

template <typename T>
T* Handle() {
  return reinterpret_cast<T*>(world);
}

shoji_hypervisor_v1 HypervisorTable() {
  shoji_hypervisor_v1 t{};
  t.struct_size = sizeof t;
  t.create = [](shoji_hypervisor*, const shoji_call*, const shoji_vm_config*, shoji_vm** vm,
                shoji_error* e) {
    const std::int32_t code = world->Step("create", e);
    if (code == SHOJI_OK) *vm = Handle<shoji_vm>();
    return code;
  };
  t.start = [](shoji_vm*, const shoji_call*, shoji_error* e) { return world->Step("start", e); };
  t.wait_fd = [](shoji_vm*) -> std::int32_t { return world->gone.get(); };
  t.agent_endpoint = [](shoji_vm*, const shoji_sink* sink, shoji_error* e) {
    static_cast<void>(sdk::Put(sink, "unix:///run/s1/vm/kata.sock"));
    return world->Step("endpoint", e);
  };
  t.last_words = [](shoji_vm*, const shoji_sink* sink, shoji_error*) -> std::int32_t {
    static_cast<void>(sdk::Put(sink, "Kernel panic\nnot syncing\n"));
    return SHOJI_OK;
  };
  t.destroy = [](shoji_vm*, const shoji_call* call, shoji_error* e) {
    EXPECT_FALSE(Deadline::FromNanos(call->deadline_ns).passed());
    return world->Step("destroy", e);
  };
  return t;
}

shoji_proxy_v1 ProxyTable() {
  shoji_proxy_v1 t{};
  t.struct_size = sizeof t;
  t.start = [](void*, const shoji_options*, const shoji_call*, const shoji_proxy_params* params,
               shoji_proxy** proxy, shoji_error* e) {
    world->proxy_dir = sdk::String(params->run_dir);
    world->agent_url = sdk::String(params->agent_url);
    const std::int32_t code = world->Step("proxy.start", e);
    if (code == SHOJI_OK) *proxy = Handle<shoji_proxy>();
    return code;
  };
  t.connect = [](shoji_proxy*, const shoji_call*, std::int32_t* fd, shoji_error* e) {
    *fd = 77;
    return world->Step("proxy.connect", e);
  };
  t.stop = [](shoji_proxy*, const shoji_call*, shoji_error* e) {
    return world->Step("proxy.stop", e);
  };
  return t;
}

std::int32_t Check(const shoji_call* call, shoji_error* error) {
  std::int32_t fd = -1;
  EXPECT_EQ(world->connector.connect(world->connector.ctx, call, &fd, error), SHOJI_OK);
  EXPECT_EQ(fd, 77);
  if (world->vm_dies_in_check) world->KillVm();
  if (world->vm_dies_in_check || world->check_blocks) {
    pollfd cancel{call->cancel_fd, POLLIN, 0};
    const int ready = poll(&cancel, 1, Deadline::FromNanos(call->deadline_ns).PollTimeout());
    const std::int32_t code = ready > 0 ? SHOJI_CANCELLED : SHOJI_DEADLINE_EXCEEDED;
    *error = {code, "check gave up", ""};
    return code;
  }
  return world->Step("agent.check", error);
}

shoji_agent_v1 AgentTable() {
  shoji_agent_v1 t{};
  t.struct_size = sizeof t;
  t.open = [](void*, const shoji_options*, const shoji_connector* connector, shoji_agent** agent,
              shoji_error* e) {
    const std::int32_t code = world->Step("agent.open", e);
    if (code == SHOJI_OK) {
      world->connector = *connector;
      *agent = Handle<shoji_agent>();
    } else {
      connector->release(connector->ctx);
    }
    return code;
  };
  t.close = [](shoji_agent*) {
    world->connector.release(world->connector.ctx);
    world->Step("agent.close", nullptr);
  };
  t.check = [](shoji_agent*, const shoji_call* call, shoji_error* e) { return Check(call, e); };
  t.reseed_random = [](shoji_agent*, const shoji_call*, shoji_str data, shoji_error* e) {
    world->noise = data.size;
    return world->Step("agent.reseed", e);
  };
  return t;
}

std::int32_t FindPlugin(const shoji_host*, shoji_str kind, shoji_str, const char*,
                        const void** table, void** plugin, const shoji_options** options,
                        shoji_error* e) {
  static const shoji_hypervisor_v1 hypervisor = HypervisorTable();
  static const shoji_proxy_v1 proxy = ProxyTable();
  static const shoji_agent_v1 agent = AgentTable();
  const std::string name = sdk::String(kind);
  *table = name == "hypervisor" ? static_cast<const void*>(&hypervisor)
           : name == "proxy"    ? static_cast<const void*>(&proxy)
                                : static_cast<const void*>(&agent);
  *plugin = nullptr;
  *options = nullptr;
  return world->Step("find." + name, e);
}

const void* GetService(const shoji_host*, const char* id) {
  static const shoji_plugins_v1 plugins{sizeof(shoji_plugins_v1), 0, FindPlugin, nullptr};
  static const shoji_trace_v1 trace{
      sizeof(shoji_trace_v1), 0,
      [](const shoji_host*, shoji_str, shoji_str name, std::int64_t begin, std::int64_t end) {
        EXPECT_LE(begin, end);
        world->span = sdk::String(name);
      }};
  if (std::strcmp(id, SHOJI_PLUGINS_V1) == 0) return &plugins;
  return std::strcmp(id, SHOJI_TRACE_V1) == 0 ? &trace : nullptr;
}

class DirectFactoryTest : public ::testing::Test {
 protected:
  DirectFactoryTest() {
    world = &world_;
    host_.struct_size = sizeof host_;
    host_.get_service = GetService;
    host_.error_set = [](shoji_error* e, std::int32_t code, std::int32_t, shoji_str text) {
      if (e != nullptr) *e = {code, sdk::String(text), ""};
    };
    host_.error_detail = [](shoji_error* e, shoji_str name, shoji_str value) {
      if (e != nullptr && sdk::View(name) == "last-words") e->last_words = sdk::String(value);
    };
    interfaces_ = std::make_unique<sdk::Interfaces>(&host_);
    EXPECT_EQ(table_->open(interfaces_.get(), nullptr, &factory_, nullptr), SHOJI_OK);
    config_.struct_size = sizeof config_;
    config_.id = sdk::ToStr("s1");
    config_.run_dir = sdk::ToStr("/run/s1/vm");
    request_.struct_size = sizeof request_;
    request_.hypervisor = Handle<shoji_hypervisor>();
    request_.config = &config_;
    call_.struct_size = sizeof call_;
    call_.cancel_fd = -1;
    call_.deadline_ns = Deadline::After(std::chrono::seconds(20)).nanos();
  }
  ~DirectFactoryTest() override { table_->close(factory_); }

  std::int32_t NewVm() {
    made_.struct_size = sizeof made_;
    return table_->new_vm(factory_, &call_, &request_, &made_, &error_);
  }
  using Steps = std::vector<std::string>;

  World world_;
  shoji_host host_{};
  std::unique_ptr<sdk::Interfaces> interfaces_;
  const shoji_factory_v1* table_ = sdk::FactoryTable<DirectFactory>();
  shoji_factory* factory_ = nullptr;
  shoji_vm_config config_{};
  shoji_vm_request request_{};
  shoji_call call_{};
  shoji_new_vm made_{};
  shoji_error error_;
};

TEST_F(DirectFactoryTest, BootsAVm) {
  ASSERT_EQ(NewVm(), SHOJI_OK) << error_.message;
  EXPECT_EQ(world_.log,
            (Steps{"find.hypervisor", "find.proxy", "find.agent", "create", "start", "endpoint",
                   "proxy.start", "agent.open", "proxy.connect", "agent.check", "agent.reseed"}));
  EXPECT_NE(made_.vm, nullptr);
  EXPECT_NE(made_.proxy, nullptr);
  EXPECT_NE(made_.agent, nullptr);
  EXPECT_EQ(made_.flags, 0U);
  EXPECT_EQ(world_.proxy_dir, "/run/s1/proxy");
  EXPECT_EQ(world_.agent_url, "unix:///run/s1/vm/kata.sock");
  EXPECT_EQ(world_.span, "guest.boot");
  EXPECT_EQ(world_.noise, 512U);
  world_.connector.release(world_.connector.ctx);
}

TEST_F(DirectFactoryTest, EveryFailureIsUndoneInReverse) {
  const Steps undo_all = {"agent.close", "proxy.stop", "destroy"};
  const std::vector<std::pair<std::string, Steps>> cases = {
      {"find.hypervisor", {}},      {"find.proxy", {}},
      {"find.agent", {}},           {"create", {}},
      {"start", {"destroy"}},       {"endpoint", {"destroy"}},
      {"proxy.start", {"destroy"}}, {"agent.open", {"proxy.stop", "destroy"}},
      {"agent.check", undo_all},    {"agent.reseed", undo_all}};
  for (const auto& [step, undo] : cases) {
    world_.log.clear();
    world_.fail = step;
    error_ = {};
    EXPECT_EQ(NewVm(), SHOJI_INTERNAL) << step;
    EXPECT_EQ(error_.message, step + " failed") << "the message of the plugin that failed";
    const auto at = std::find(world_.log.begin(), world_.log.end(), step);
    ASSERT_NE(at, world_.log.end());
    EXPECT_EQ(Steps(at + 1, world_.log.end()), undo) << step;
    EXPECT_EQ(made_.vm, nullptr) << "results are untouched on failure";
  }
}

TEST_F(DirectFactoryTest, VmThatDiesEndsTheCallAtOnceWithItsLastWords) {
  world_.vm_dies_in_check = true;
  const std::int64_t begin = Deadline::NowNanos();
  EXPECT_EQ(NewVm(), SHOJI_UNAVAILABLE);
  EXPECT_LT(Deadline::NowNanos() - begin, 5'000'000'000);
  EXPECT_EQ(error_.code, SHOJI_UNAVAILABLE);
  EXPECT_NE(error_.message.find("Kernel panic not syncing"), std::string::npos) << error_.message;
  EXPECT_EQ(world_.log.back(), "destroy");
}

TEST_F(DirectFactoryTest, ChannelThatBreaksBeforeTheVmIsSeenDead) {
  world_.KillVm();
  world_.fail = "agent.check";
  world_.code = SHOJI_UNAVAILABLE;
  EXPECT_EQ(NewVm(), SHOJI_UNAVAILABLE);
  EXPECT_NE(error_.message.find("Kernel panic"), std::string::npos) << error_.message;
}

TEST_F(DirectFactoryTest, CallerCancels) {
  const UniqueFd cancel(eventfd(1, EFD_CLOEXEC));
  call_.cancel_fd = cancel.get();
  world_.check_blocks = true;
  EXPECT_EQ(NewVm(), SHOJI_CANCELLED);
  EXPECT_EQ(error_.message, "check gave up");
  EXPECT_EQ(world_.log.back(), "destroy");
}

TEST_F(DirectFactoryTest, DeadlinePasses) {
  call_.deadline_ns = Deadline::After(std::chrono::milliseconds(30)).nanos();
  world_.check_blocks = true;
  EXPECT_EQ(NewVm(), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(error_.last_words, "Kernel panic not syncing");
  EXPECT_EQ(world_.log.back(), "destroy");
}

TEST_F(DirectFactoryTest, BadRequests) {
  request_.flags = 1;
  EXPECT_EQ(NewVm(), SHOJI_INVALID_ARGUMENT);
  request_.flags = 0;
  request_.config = nullptr;
  EXPECT_EQ(NewVm(), SHOJI_INVALID_ARGUMENT);
  EXPECT_TRUE(world_.log.empty());
}

TEST_F(DirectFactoryTest, NothingIsPrepared) {
  std::string json;
  const shoji_sink sink{
      sizeof sink, 0, &json, [](void* out, const void* data, std::uint64_t size) -> std::int32_t {
        static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
        return SHOJI_OK;
      }};
  EXPECT_EQ(table_->status(factory_, nullptr, &sink, nullptr), SHOJI_OK);
  EXPECT_NE(json.find("\"ready\":0"), std::string::npos);
  EXPECT_EQ(table_->destroy(factory_, nullptr, nullptr), SHOJI_OK);
}

}  // namespace
}  // namespace shoji::direct
