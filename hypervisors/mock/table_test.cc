#include "table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "shoji/sdk/hypervisor.h"
#include "shoji/sdk/hypervisor_hotplug.h"
#include "shoji/sdk/hypervisor_state.h"
#include "shoji/sdk/testing/fake_call.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::mock {
namespace {

using sdk::testing::FakeCall;
using sdk::testing::FakeError;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using sdk::testing::FakeSink;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What was asked of the hypervisor under the mock, and how many of its VMs live.
std::vector<std::string>* steps = nullptr;
int handles = 0;

// A VM whose process is a child that sleeps.
class RealVm : public sdk::Vm {
 public:
  RealVm() { ++handles; }
  ~RealVm() override {
    --handles;
    if (pidfd_ >= 0) close(pidfd_);
  }
  Status Start(const sdk::HypervisorCall&) override {
    steps->push_back("start");
    pid_ = fork();
    if (pid_ == 0) {
      pause();
      _exit(0);
    }
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    return OkStatus();
  }
  Status Stop(const sdk::HypervisorCall&, bool) override {
    steps->push_back("stop");
    return End();
  }
  int WaitFd() override { return pidfd_; }
  Result<std::vector<std::int32_t>> Pids() override { return std::vector<std::int32_t>{pid_}; }
  Result<std::string> AgentEndpoint() override { return std::string("unix:///x"); }
  Result<std::string> LastWords() override { return std::string("words"); }
  Result<std::string> SaveState() override { return std::string("inner state"); }
  Status Destroy(const sdk::HypervisorCall&) override {
    steps->push_back("destroy");
    return End();
  }
  Result<std::string> Attach(const sdk::HypervisorCall&, const sdk::HotplugDevice& device) {
    steps->push_back("attach " + device.id);
    return std::string(R"({"path":"/dev/x"})");
  }
  Status Detach(const sdk::HypervisorCall&, std::string_view) { return OkStatus(); }
  Status LimitBlock(const sdk::HypervisorCall&, std::string_view, const sdk::BlockLimits*) {
    return OkStatus();
  }
  Result<sdk::VmStats> Stats(const sdk::HypervisorCall&) { return sdk::VmStats{3, 4, 5, 6, 7, 8}; }
  const void* Extension(std::string_view id) override {
    if (const void* table = sdk::VmHotplugExtension<RealVm>(id)) return table;
    return id == "com.example.other/1" ? this : sdk::VmStateExtension<RealVm>(id);
  }

 private:
  Status End() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = 0;
    return OkStatus();
  }
  pid_t pid_ = 0;
  int pidfd_ = -1;
};

class RealHypervisor : public sdk::Hypervisor {
 public:
  static Result<std::unique_ptr<sdk::Hypervisor>> Open(const sdk::Host&, const sdk::OptionMap&) {
    return std::unique_ptr<sdk::Hypervisor>(std::make_unique<RealHypervisor>());
  }
  Report Check(const sdk::HypervisorCall&) override { return {"[]", OkStatus()}; }
  Result<std::unique_ptr<sdk::Vm>> Create(const sdk::HypervisorCall&, sdk::VmConfig) override {
    steps->push_back("create");
    return std::unique_ptr<sdk::Vm>(std::make_unique<RealVm>());
  }
  Attached Attach(const sdk::HypervisorCall&, std::string_view state) override {
    steps->push_back("attach to " + std::string(state));
    if (state == "inner state") return {std::make_unique<RealVm>(), OkStatus()};
    return {std::make_unique<RealVm>(), NotFound("it is gone")};
  }
};

class MockTest : public ::testing::Test {
 protected:
  MockTest() {
    steps = &steps_;
    handles = 0;
    real_ = std::make_unique<sdk::Interfaces>(host_.raw());
    mine_ = std::make_unique<sdk::Interfaces>(host_.raw());
    host_.AddPlugin("hypervisor", "real", SHOJI_HYPERVISOR_V1,
                    sdk::HypervisorTable<RealHypervisor>(), real_.get());
  }
  ~MockTest() override {
    if (vm_ != nullptr) {
      EXPECT_EQ(table_->destroy(vm_, nullptr, error_.raw()), SHOJI_OK);
    }
    if (mock_ != nullptr) table_->close(mock_);
    EXPECT_EQ(handles, 0) << "a handle of the hypervisor below is left";
  }
  std::int32_t Open(const std::string& script, const std::string& over = "real") {
    const FakeOptions options({{"over", over}, {"script", script}});
    return table_->open(mine_.get(), options.raw(), &mock_, error_.raw());
  }
  std::int32_t Create() {
    shoji_vm_config config{};
    config.struct_size = sizeof config;
    config.id = sdk::ToStr("vm");
    return table_->create(mock_, nullptr, &config, &vm_, error_.raw());
  }
  void Started(const std::string& script) {
    ASSERT_EQ(Open(script), SHOJI_OK) << error_.message;
    ASSERT_EQ(Create(), SHOJI_OK) << error_.message;
    ASSERT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
    steps_.clear();
  }
  bool Dead() const {
    pollfd entry{table_->wait_fd(vm_), POLLIN, 0};
    return poll(&entry, 1, 0) > 0;
  }

  FakeHost host_;
  FakeError error_;
  std::vector<std::string> steps_;
  std::unique_ptr<sdk::Interfaces> real_;
  std::unique_ptr<sdk::Interfaces> mine_;
  const shoji_hypervisor_v1* table_ = MockTable();
  shoji_hypervisor* mock_ = nullptr;
  shoji_vm* vm_ = nullptr;
};

TEST_F(MockTest, WithoutAScriptItIsTheOther) {
  Started("");
  FakeSink pids;
  FakeSink url;
  FakeSink words;
  FakeSink report;
  EXPECT_EQ(table_->pids(vm_, pids.raw(), nullptr), SHOJI_OK);
  EXPECT_GT(std::stoi(pids.text()), 1);
  EXPECT_EQ(table_->agent_endpoint(vm_, url.raw(), nullptr), SHOJI_OK);
  EXPECT_EQ(url.text(), "unix:///x");
  EXPECT_EQ(table_->last_words(vm_, words.raw(), nullptr), SHOJI_OK);
  EXPECT_EQ(words.text(), "words");
  EXPECT_EQ(table_->check(mock_, nullptr, report.raw(), nullptr), SHOJI_OK);
  EXPECT_EQ(report.text(), "[]");
  EXPECT_EQ(table_->stop(vm_, nullptr, 0x80, error_.raw()), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
  EXPECT_THAT(steps_, ElementsAre("stop"));
}

TEST_F(MockTest, OffersWhatTheOtherOffers) {
  Started("attach_device:2:RESOURCE_EXHAUSTED:full;stats:2:late-UNKNOWN");
  EXPECT_EQ(table_->get_extension(vm_, SHOJI_HYPERVISOR_PAUSE_V1), nullptr);
  EXPECT_EQ(table_->get_extension(vm_, "com.example.other/1"), nullptr) << "it cannot be wrapped";
  const auto* hotplug = static_cast<const shoji_hypervisor_hotplug_v1*>(
      table_->get_extension(vm_, SHOJI_HYPERVISOR_HOTPLUG_V1));
  ASSERT_NE(hotplug, nullptr);
  shoji_block_device block{sizeof block, 0, sdk::ToStr("/x"), {nullptr, 0}, nullptr};
  const shoji_device device{sizeof device, SHOJI_DEVICE_BLOCK, sdk::ToStr("d"), &block};
  FakeSink sink;
  EXPECT_EQ(hotplug->attach(vm_, nullptr, &device, sink.raw(), error_.raw()), SHOJI_OK);
  EXPECT_EQ(sink.text(), R"({"path":"/dev/x"})");
  EXPECT_EQ(hotplug->attach(vm_, nullptr, &device, sink.raw(), error_.raw()),
            SHOJI_RESOURCE_EXHAUSTED);
  EXPECT_EQ(error_.message, "full");
  EXPECT_THAT(steps_, ElementsAre("attach d"));
  const auto* stats = static_cast<const shoji_hypervisor_stats_v1*>(
      table_->get_extension(vm_, SHOJI_HYPERVISOR_STATS_V1));
  ASSERT_NE(stats, nullptr);
  shoji_vm_stats use{};
  use.struct_size = sizeof use;
  EXPECT_EQ(stats->stats(vm_, nullptr, &use, error_.raw()), SHOJI_OK);
  EXPECT_EQ(use.cpu_ns, 4U);
  use.cpu_ns = 99;
  EXPECT_EQ(stats->stats(vm_, nullptr, &use, error_.raw()), SHOJI_UNKNOWN);
  EXPECT_EQ(use.cpu_ns, 99U) << "untouched on failure";
}

TEST_F(MockTest, FailureDoesNothing) {
  ASSERT_EQ(Open("start:1:UNAVAILABLE:not today"), SHOJI_OK);
  ASSERT_EQ(Create(), SHOJI_OK);
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_UNAVAILABLE);
  EXPECT_EQ(error_.message, "not today");
  EXPECT_THAT(steps_, ElementsAre("create"));
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_OK);
}

TEST_F(MockTest, LateFailureHasDoneTheWork) {
  ASSERT_EQ(Open("create:1:late-ABORTED; start:1:late-DEADLINE_EXCEEDED"), SHOJI_OK);
  EXPECT_EQ(Create(), SHOJI_ABORTED);
  EXPECT_EQ(vm_, nullptr);
  EXPECT_EQ(handles, 0);
  ASSERT_EQ(Create(), SHOJI_OK);
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_FALSE(Dead());
  EXPECT_THAT(steps_, ElementsAre("create", "create", "start"));
}

TEST_F(MockTest, HangsUntilTheCallSays) {
  Started("stop:1-2:hang");
  const FakeCall brief{milliseconds(20)};
  EXPECT_EQ(table_->stop(vm_, brief.raw(), 0, error_.raw()), SHOJI_DEADLINE_EXCEEDED);
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(table_->stop(vm_, cancelled.raw(), 0, error_.raw()), SHOJI_CANCELLED);
  EXPECT_THAT(steps_, IsEmpty());
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
}

TEST_F(MockTest, KillsBeforeAndAfter) {
  Started("save_state:1:kill-after; stop:1:kill");
  FakeSink state;
  EXPECT_EQ(table_->save_state(vm_, state.raw(), error_.raw()), SHOJI_OK);
  EXPECT_THAT(state.text(), HasSubstr("inner state"));
  EXPECT_TRUE(Dead());
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
  EXPECT_THAT(steps_, ElementsAre("stop"));
}

TEST_F(MockTest, StatesAreWrappedAndCanBeTorn) {
  Started("save_state:2:partial");
  FakeSink whole;
  FakeSink torn;
  ASSERT_EQ(table_->save_state(vm_, whole.raw(), error_.raw()), SHOJI_OK);
  ASSERT_EQ(table_->save_state(vm_, torn.raw(), error_.raw()), SHOJI_OK);
  EXPECT_EQ(torn.text(), whole.text().substr(0, whole.text().size() / 2));
  shoji_vm* found = nullptr;
  EXPECT_EQ(table_->attach(mock_, nullptr, sdk::ToStr(torn.text()), &found, error_.raw()),
            SHOJI_DATA_LOSS);
  EXPECT_EQ(found, nullptr);
  ASSERT_EQ(table_->attach(mock_, nullptr, sdk::ToStr(whole.text()), &found, error_.raw()),
            SHOJI_OK);
  EXPECT_THAT(steps_, ElementsAre("attach to inner state"));
  table_->close_vm(found);
  const std::string gone = whole.text() + "!";
  found = nullptr;
  EXPECT_EQ(table_->attach(mock_, nullptr, sdk::ToStr(gone), &found, error_.raw()),
            SHOJI_NOT_FOUND);
  ASSERT_NE(found, nullptr) << "a handle to clean up with";
  EXPECT_EQ(table_->destroy(found, nullptr, error_.raw()), SHOJI_OK);
}

TEST_F(MockTest, HandleIsGoneAlsoWhenDestroyFails) {
  ASSERT_EQ(Open("destroy:1:INTERNAL; destroy:2:late-INTERNAL;destroy:3:kill-after"), SHOJI_OK);
  for (const std::int32_t code : {SHOJI_INTERNAL, SHOJI_INTERNAL, SHOJI_OK}) {
    ASSERT_EQ(Create(), SHOJI_OK);
    EXPECT_EQ(handles, 1);
    EXPECT_EQ(table_->destroy(vm_, nullptr, error_.raw()), code);
    vm_ = nullptr;
    EXPECT_EQ(handles, 0);
  }
  EXPECT_THAT(steps_, ElementsAre("create", "create", "destroy", "create", "destroy"));
}

TEST_F(MockTest, BadOptions) {
  EXPECT_EQ(Open("start"), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("script, character 1"));
  EXPECT_EQ(Open("", "mock"), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Open("", ""), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(mock_, nullptr);
  ASSERT_EQ(Open("", "none"), SHOJI_OK) << "it is looked for when it is needed";
  EXPECT_EQ(Create(), SHOJI_NOT_FOUND);
  FakeSink report;
  EXPECT_EQ(table_->check(mock_, nullptr, report.raw(), error_.raw()), SHOJI_FAILED_PRECONDITION);
  EXPECT_EQ(error_.details["reason"], "skip");
}

}  // namespace
}  // namespace shoji::mock
