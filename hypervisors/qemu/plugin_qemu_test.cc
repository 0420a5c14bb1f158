// The plugin as a host sees it: the shared object, its C table, real QEMU, a real kernel.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/sdk/testing/fake_host.h"
#include "testing/spawn_service.h"
#include "testing/tiny_initrd.h"

namespace shoji::qemu {
namespace {

using sdk::testing::FakeError;
using sdk::testing::FakeHost;
using sdk::testing::FakeSink;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

// A guest boots in about two seconds; the limit is for a machine under heavy load.
constexpr seconds kPatience{120};

std::string KernelPath() {
  const char* given = getenv("SHOJI_TEST_KERNEL");
  return given != nullptr ? given : SHOJI_TEST_KERNEL_PATH;
}

std::size_t OpenFds() { return ListDir("/proc/self/fd").value().size(); }

bool HasChildren() {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

class PluginTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/qemu_plugin_test.XXXXXX";
    dir_ = mkdtemp(name);
    ASSERT_TRUE(WriteTinyInitrd(SHOJI_TEST_INIT_PATH, dir_ + "/initrd").ok());
    ASSERT_TRUE(MakeDirs(dir_ + "/vm", 0700).ok());
    ASSERT_TRUE(MakeDirs(dir_ + "/share,with comma").ok());
    host_.AddService(SHOJI_SPAWN_V1, TestSpawnService());
    library_ = dlopen(SHOJI_TEST_PLUGIN_PATH, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
    const auto open =
        reinterpret_cast<shoji_plugin_open_fn>(dlsym(library_, SHOJI_PLUGIN_OPEN_SYMBOL));
    ASSERT_NE(open, nullptr);
    ASSERT_EQ(open(host_.raw(), &plugin_, error_.raw()), SHOJI_OK) << error_.message;
    table_ = static_cast<const shoji_hypervisor_v1*>(
        plugin_.get_interface(plugin_.self, SHOJI_HYPERVISOR_V1));
    ASSERT_NE(table_, nullptr);
    Reopen({});
    fds_before_ = OpenFds();
  }

  void TearDown() override {
    if (vm_ != nullptr) {
      EXPECT_EQ(table_->destroy(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
    }
    EXPECT_THAT(ListDir(dir_ + "/vm").value(), testing::IsEmpty());
    EXPECT_EQ(OpenFds(), fds_before_);
    EXPECT_FALSE(HasChildren());
    table_->close(hypervisor_);
    plugin_.shutdown(plugin_.self);
    dlclose(library_);
    EXPECT_TRUE(RemoveTree(dir_).ok());
  }

  // The hypervisor with these options on top of accel=tcg.
  void Reopen(std::vector<std::pair<std::string, std::string>> pairs) {
    if (hypervisor_ != nullptr) table_->close(hypervisor_);
    pairs.insert(pairs.begin(), {"accel", "tcg"});
    std::vector<shoji_option> items;
    for (const auto& [name, value] : pairs) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
    const shoji_options options{sizeof(options), static_cast<std::uint32_t>(items.size()),
                                items.data()};
    ASSERT_EQ(table_->open(plugin_.self, &options, &hypervisor_, error_.raw()), SHOJI_OK)
        << error_.message;
  }

  std::int32_t Create(const std::string& params, std::uint64_t memory = 0) {
    const std::string run_dir = dir_ + "/vm";
    const std::string initrd = dir_ + "/initrd";
    const std::string kernel = KernelPath();
    const std::string shared = dir_ + "/share,with comma";
    const shoji_share rw{sizeof(rw), 0, sdk::ToStr("kataShared"), sdk::ToStr(shared)};
    const shoji_share ro{sizeof(ro), SHOJI_SHARE_READONLY, sdk::ToStr("ro"), sdk::ToStr(shared)};
    const shoji_share* shares[] = {&rw, &ro};
    shoji_vm_config config{};
    config.struct_size = sizeof(config);
    config.memory_bytes = memory;
    config.id = sdk::ToStr("test-vm");
    config.run_dir = sdk::ToStr(run_dir);
    config.kernel = sdk::ToStr(kernel);
    config.initrd = sdk::ToStr(initrd);
    config.kernel_params = sdk::ToStr(params);
    config.shares = shares;
    config.share_count = 2;
    return table_->create(hypervisor_, nullptr, &config, &vm_, error_.raw());
  }
  void CreateAndStart(const std::string& params) {
    ASSERT_EQ(Create(params), SHOJI_OK) << error_.message;
    EXPECT_EQ(table_->wait_fd(vm_), -1);
    const shoji_call call = CallWithin(kPatience);
    ASSERT_EQ(table_->start(vm_, &call, error_.raw()), SHOJI_OK) << error_.message;
    ASSERT_GE(table_->wait_fd(vm_), 0);
  }
  static shoji_call CallWithin(std::chrono::nanoseconds span) {
    return {sizeof(shoji_call), -1, Deadline::After(span).nanos(), {}};
  }

  // True when the VM ends within the patience of the test.
  bool WaitForEnd() {
    pollfd entry{table_->wait_fd(vm_), POLLIN, 0};
    const Deadline deadline = Deadline::After(kPatience);
    int rc = 0;
    do {
      rc = poll(&entry, 1, deadline.PollTimeout());
    } while (rc < 0 && errno == EINTR);
    return rc == 1;
  }
  bool Ended() {
    pollfd entry{table_->wait_fd(vm_), POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
  }

  template <typename Slot>
  std::string TextOf(Slot slot) {
    FakeSink sink;
    EXPECT_EQ(slot(vm_, sink.raw(), error_.raw()), SHOJI_OK) << error_.message;
    return sink.text();
  }
  pid_t Pid() { return static_cast<pid_t>(ParseInt(TextOf(table_->pids)).value()); }

  std::int32_t Attach(const std::string& state, shoji_vm** vm) {
    return table_->attach(hypervisor_, nullptr, sdk::ToStr(state), vm, error_.raw());
  }

  FakeHost host_;
  FakeError error_;
  std::string dir_;
  void* library_ = nullptr;
  shoji_plugin plugin_{sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  const shoji_hypervisor_v1* table_ = nullptr;
  shoji_hypervisor* hypervisor_ = nullptr;
  shoji_vm* vm_ = nullptr;
  std::size_t fds_before_ = 0;
};

TEST_F(PluginTest, StartsAndStops) {
  CreateAndStart("testmode=wait");
  EXPECT_THAT(host_.spans(), testing::ElementsAre("vm.process", "vm.qmp"));
  EXPECT_GT(Pid(), 0);
  EXPECT_FALSE(Ended());
  const std::string url = TextOf(table_->agent_endpoint);
  EXPECT_EQ(url, "unix://" + dir_ + "/vm/kata.sock");
  EXPECT_TRUE(ConnectUnix(dir_ + "/vm/kata.sock").ok());  // at once: nobody has to wait
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_FAILED_PRECONDITION);

  const shoji_call call = CallWithin(kPatience);
  EXPECT_EQ(table_->stop(vm_, &call, 0, error_.raw()), SHOJI_OK) << error_.message;
  EXPECT_TRUE(Ended());
  EXPECT_EQ(TextOf(table_->pids), "");
  EXPECT_EQ(table_->stop(vm_, &call, 0, error_.raw()), SHOJI_OK) << error_.message;
  EXPECT_EQ(table_->stop(vm_, &call, SHOJI_VM_STOP_FORCE, error_.raw()), SHOJI_OK);
  EXPECT_EQ(table_->stop(vm_, &call, 0x80, error_.raw()), SHOJI_INVALID_ARGUMENT);
}

TEST_F(PluginTest, StopAndDestroyBeforeStart) {
  ASSERT_EQ(Create(""), SHOJI_OK) << error_.message;
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
  EXPECT_EQ(TextOf(table_->last_words), "");
  EXPECT_EQ(table_->get_extension(vm_, "com.example.none/1"), nullptr);
}

TEST_F(PluginTest, StopByForce) {
  CreateAndStart("testmode=wait");
  EXPECT_EQ(table_->stop(vm_, nullptr, SHOJI_VM_STOP_FORCE, error_.raw()), SHOJI_OK);
  EXPECT_TRUE(Ended());
}

// QEMU that does not answer is killed when the caller's time is over.
TEST_F(PluginTest, StopOfAFrozenVmmKeepsTheDeadline) {
  CreateAndStart("testmode=wait");
  ASSERT_EQ(kill(Pid(), SIGSTOP), 0);
  const shoji_call call = CallWithin(std::chrono::milliseconds(200));
  EXPECT_EQ(table_->stop(vm_, &call, 0, error_.raw()), SHOJI_OK) << error_.message;
  EXPECT_TRUE(Ended());
}

TEST_F(PluginTest, GuestThatPowersOffIsNoticed) {
  CreateAndStart("testmode=poweroff");
  EXPECT_TRUE(WaitForEnd()) << TextOf(table_->last_words);
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK) << error_.message;
}

TEST_F(PluginTest, PanicEndsTheVmAndIsInTheLastWords) {
  CreateAndStart("testmode=panic");
  ASSERT_TRUE(WaitForEnd());
  const std::string words = TextOf(table_->last_words);
  EXPECT_THAT(words, HasSubstr("guest console:"));
  EXPECT_THAT(words, HasSubstr("Kernel panic"));
  EXPECT_LT(words.size(), 64U << 10U);
}

TEST_F(PluginTest, KilledVmmIsNoticed) {
  CreateAndStart("testmode=wait");
  ASSERT_EQ(kill(Pid(), SIGKILL), 0);
  ASSERT_TRUE(WaitForEnd());
  EXPECT_EQ(TextOf(table_->pids), "");
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK) << error_.message;
}

TEST_F(PluginTest, AttachFindsItAgainAndStopsItOverTheOtherMonitor) {
  CreateAndStart("testmode=wait");
  const std::string state = TextOf(table_->save_state);
  const pid_t pid = Pid();
  shoji_vm* second = nullptr;
  ASSERT_EQ(Attach(state, &second), SHOJI_OK) << error_.message;
  table_->close_vm(vm_);
  vm_ = second;
  EXPECT_EQ(Pid(), pid);
  EXPECT_FALSE(Ended());
  EXPECT_EQ(TextOf(table_->save_state), state);
  EXPECT_EQ(TextOf(table_->agent_endpoint), "unix://" + dir_ + "/vm/kata.sock");
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_FAILED_PRECONDITION);
  const shoji_call call = CallWithin(kPatience);
  EXPECT_EQ(table_->stop(vm_, &call, 0, error_.raw()), SHOJI_OK) << error_.message;
  EXPECT_TRUE(Ended());

  shoji_vm* gone = nullptr;
  EXPECT_EQ(Attach(state, &gone), SHOJI_NOT_FOUND);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(table_->destroy(gone, nullptr, error_.raw()), SHOJI_OK) << error_.message;
}

// Ends the VM from a process that is not QEMU's parent.
TEST_F(PluginTest, AnotherProcessStopsIt) {
  CreateAndStart("testmode=wait");
  const std::string state = TextOf(table_->save_state);
  const pid_t other = fork();
  if (other == 0) {
    shoji_vm* vm = nullptr;
    const shoji_call call = CallWithin(kPatience);
    if (Attach(state, &vm) != SHOJI_OK) _exit(1);
    if (table_->stop(vm, &call, 0, error_.raw()) != SHOJI_OK) _exit(2);
    _exit(0);
  }
  ASSERT_TRUE(WaitForEnd());
  int status = -1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
}

TEST_F(PluginTest, GarbageIsNoState) {
  shoji_vm* vm = nullptr;
  for (const char* garbage : {"", "{}", "\x01\x02", "[1]"}) {
    EXPECT_EQ(Attach(garbage, &vm), SHOJI_DATA_LOSS);
    EXPECT_EQ(vm, nullptr);
  }
}

// The guest outlives its owner and does not wait for anybody to read its console.
TEST_F(PluginTest, GuestGoesOnWithoutReaders) {
  CreateAndStart("testmode=panic loglevel=8");
  const std::string state = TextOf(table_->save_state);
  shoji_vm* second = nullptr;
  ASSERT_EQ(Attach(state, &second), SHOJI_OK) << error_.message;
  table_->close_vm(vm_);
  vm_ = second;
  EXPECT_TRUE(WaitForEnd());
  siginfo_t info{};  // the closed handle was the parent's: nobody else reaps
  EXPECT_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
}

class BadStartTest : public PluginTest {
 protected:
  void ExpectStartToFail(std::int32_t code, const std::string& text) {
    ASSERT_EQ(Create("testmode=wait"), SHOJI_OK) << error_.message;
    const shoji_call call = CallWithin(kPatience);
    EXPECT_EQ(table_->start(vm_, &call, error_.raw()), code) << error_.message;
    EXPECT_THAT(error_.message, HasSubstr(text));
    EXPECT_EQ(error_.message.find('\n'), std::string::npos);
    EXPECT_EQ(table_->wait_fd(vm_), -1);
    EXPECT_FALSE(HasChildren());
    EXPECT_THAT(ListDir(dir_ + "/vm").value(), testing::IsEmpty());
  }
};

TEST_F(BadStartTest, UnknownMachineTypeIsToldInTheWordsOfQemu) {
  Reopen({{"machine", "no-such-machine"}});
  ExpectStartToFail(SHOJI_FAILED_PRECONDITION, "unsupported machine type");
  EXPECT_THAT(error_.message, HasSubstr("exit status 1"));
}

TEST_F(BadStartTest, UnknownCpuModel) {
  Reopen({{"cpu", "no-such-cpu"}});
  ExpectStartToFail(SHOJI_FAILED_PRECONDITION, "no-such-cpu");
}

TEST_F(BadStartTest, ProgramThatIsNotQemu) {
  Reopen({{"path", "/bin/true"}});
  ExpectStartToFail(SHOJI_FAILED_PRECONDITION, "exit status 0");
}

TEST_F(BadStartTest, VmmThatNeverAnswersMeetsTheDeadline) {
  ASSERT_TRUE(WriteFile(dir_ + "/mute", "#!/bin/sh\necho last words >&2\nexec sleep 1000\n").ok());
  ASSERT_EQ(chmod((dir_ + "/mute").c_str(), 0755), 0);
  Reopen({{"path", dir_ + "/mute"}});
  ASSERT_EQ(Create(""), SHOJI_OK) << error_.message;
  const shoji_call call = CallWithin(std::chrono::milliseconds(500));
  EXPECT_EQ(table_->start(vm_, &call, error_.raw()), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_THAT(error_.message, HasSubstr("last words"));
  EXPECT_FALSE(HasChildren());
}

TEST_F(BadStartTest, MissingBinaryAndSmallMemoryAreRefusedByCreate) {
  Reopen({{"path", "/no/such/qemu"}});
  EXPECT_EQ(Create(""), SHOJI_NOT_FOUND);
  EXPECT_THAT(error_.message, HasSubstr("hypervisor.qemu.path"));
  Reopen({});
  EXPECT_EQ(Create("", 16U << 20U), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("memory 16 MiB is too small"));
  EXPECT_EQ(Create(std::string(3000, 'x')), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("kernel_params is too long"));
  EXPECT_EQ(vm_, nullptr);
}

TEST_F(PluginTest, CheckReportsThisMachine) {
  FakeSink sink;
  EXPECT_EQ(table_->check(hypervisor_, nullptr, sink.raw(), error_.raw()), SHOJI_OK)
      << error_.message << sink.text();
  for (const char* item : {"cpu virtualisation", "/dev/kvm", "KVM_CREATE_VM", "qemu",
                           "machine type", "vhost-vsock", "memory"}) {
    EXPECT_THAT(sink.text(), HasSubstr(std::string("{\"item\":\"") + item + "\""));
  }
}

}  // namespace
}  // namespace shoji::qemu
