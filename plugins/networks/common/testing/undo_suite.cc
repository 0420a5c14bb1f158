// Every model that joins a tap and an interface: whatever happens, the namespace becomes what it
// was. Built into the test of each plugin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "shoji/base/file.h"
#include "testing/driver.h"
#include "testing/guest.h"
#include "testing/pod.h"

namespace shoji::network::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class Undo : public ::testing::Test {
 protected:
  void SetUp() override { AddInterfaces(0, 2); }
  void AddInterfaces(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string n = std::to_string(i);
      pod_.AddVeth("eth" + n, "out" + n, "02:00:00:00:00:" + std::to_string(i + 10));
      pod_.AddAddress(pod_.inside(), "eth" + n, "10.9." + n + ".2/24");
      pod_.AddAddress(pod_.inside(), "eth" + n, "fd00:" + n + "::2/64");
      pod_.AddAddress(pod_.outside(), "out" + n, "10.9." + n + ".1/24");
      pod_.AddNeighbor(pod_.inside(), "eth" + n, "10.9." + n + ".7", "02:00:00:00:00:99");
    }
    pod_.AddRoute({.dest = "172." + std::to_string(16 + to) + ".0.0/16",
                   .gateway = "10.9." + std::to_string(to - 1) + ".1",
                   .device = "eth" + std::to_string(to - 1)});
    before_ = pod_.Dump();
  }

  // Runs `body` in a child, which is killed as soon as `until` holds; `body` gets the end of a
  // pipe, and what it wrote is returned.
  std::string KilledChild(const std::function<void(int)>& body,
                          const std::function<bool()>& until) {
    int pipe_fds[2];
    EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    const UniqueFd reading(pipe_fds[0]);
    UniqueFd writing(pipe_fds[1]);
    const pid_t child = fork();
    if (child == 0) {
      body(writing.get());
      pause();
      _exit(0);
    }
    writing.reset();
    std::string text;
    if (until) {
      while (!until()) {
      }
    } else {
      char byte = 0;
      while (read(reading.get(), &byte, 1) == 1 && byte != '\n') text += byte;
    }
    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
    return text;
  }

  Pod pod_;
  std::string before_;
};

TEST_F(Undo, LeaveMakesItWhatItWas) {
  Driver driver;
  shoji_network_link* link = nullptr;
  for (const std::uint32_t queues : {1U, 2U}) {
    ASSERT_EQ(driver.Join("box", pod_.path(), &link, queues), SHOJI_OK) << driver.error.message;
    EXPECT_NE(pod_.Dump(), before_);
    shoji_network_limits limits{};
    limits.struct_size = sizeof limits;
    limits.rx_bytes_per_s = limits.tx_bytes_per_s = 1'000'000;
    ASSERT_EQ(driver.Limit(link, "eth1", limits), SHOJI_OK) << driver.error.message;
    ASSERT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
    EXPECT_EQ(pod_.Dump(), before_);
  }
}

TEST_F(Undo, TwiceWithOneIdIsRefused) {
  Driver driver;
  shoji_network_link* link = nullptr;
  shoji_network_link* again = nullptr;
  ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(driver.Join("box", pod_.path(), &again), SHOJI_ALREADY_EXISTS);
  EXPECT_EQ(again, nullptr);
  EXPECT_EQ(driver.Join("other", pod_.path(), &again), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(driver.error.message, HasSubstr("sandbox box"));
  const std::string state = driver.State(link);
  driver.table->close_link(link);
  EXPECT_EQ(driver.Join("box", pod_.path(), &again), SHOJI_ALREADY_EXISTS) << "still joined";
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
}

TEST_F(Undo, AnotherProcessLeavesForOneThatWasKilled) {
  const std::string state = KilledChild(
      [&](int pipe) {
        Driver driver;
        shoji_network_link* link = nullptr;
        if (driver.Join("box", pod_.path(), &link, 2) != SHOJI_OK) _exit(1);
        (void)WriteAll(pipe, driver.State(link) + "\n");
        pause();
      },
      nullptr);
  EXPECT_NE(pod_.Dump(), before_) << "it survives the process";
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_OK) << driver.error.message;
  const auto nics = driver.Nics(link);
  ASSERT_THAT(nics, SizeIs(2));
  EXPECT_EQ(View(nics[1].id), "eth1");
  EXPECT_EQ(nics[0].queues, 2U);
  EXPECT_EQ(nics[0].tap_fds[0], -1) << "only the first process held it";
  EXPECT_THAT(driver.Config(link), HasSubstr("10.9.1.2"));
  EXPECT_EQ(driver.State(link), state);
  ASSERT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_NOT_FOUND) << "nothing of it is left";
  EXPECT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
}

TEST_F(Undo, WhoeverIsKilledWhileJoiningIsCleanedUpByTheNext) {
  AddInterfaces(2, 8);
  for (const std::size_t taps : {0U, 1U, 2U, 4U, 6U, 8U}) {
    KilledChild(
        [&](int) {
          Driver driver;
          shoji_network_link* link = nullptr;
          driver.Join("box", pod_.path(), &link);
          pause();
        },
        [&] { return pod_.CountTaps() >= taps; });
    // Also with the id of the one that was killed, unless that one was through.
    Driver driver;
    shoji_network_link* link = nullptr;
    const std::int32_t same = driver.Join("box", pod_.path(), &link);
    if (same != SHOJI_OK) {
      EXPECT_EQ(same, SHOJI_ALREADY_EXISTS) << driver.error.message;
      ASSERT_EQ(driver.Join("next", pod_.path(), &link), SHOJI_OK) << driver.error.message;
    }
    EXPECT_THAT(driver.Nics(link), SizeIs(8));
    EXPECT_EQ(pod_.CountTaps(), 8U);
    ASSERT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
    EXPECT_EQ(pod_.Dump(), before_) << "killed with " << taps << " taps";
  }
}

TEST_F(Undo, TheSavedStateMayBeOlderThanWhatIsThere) {
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
  const auto* changes = driver.Changes(link);
  ASSERT_EQ(changes->remove(link, nullptr, ToStr("eth1"), driver.error.raw()), SHOJI_OK);
  const std::string old = driver.State(link);
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  ASSERT_EQ(changes->add(link, nullptr, ToStr("eth1"), &nic, driver.error.raw()), SHOJI_OK);
  driver.table->close_link(link);
  ASSERT_EQ(driver.Attach(old, &link), SHOJI_OK) << driver.error.message;
  ASSERT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
}

TEST_F(Undo, TheInterfaceMayBeGone) {
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
  pod_.Delete("eth0");
  pod_.AddVeth("eth0", "out9", "02:00:00:00:00:10");  // another one by that name
  EXPECT_THAT(driver.Config(link), HasSubstr("eth1"));
  ASSERT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(pod_.CountTaps(), 0U);
}

TEST_F(Undo, TheNamespaceMayBeGone) {
  std::string state;
  {
    Driver driver;
    shoji_network_link* link = nullptr;
    ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
    state = driver.State(link);
    driver.table->close_link(link);
  }
  pod_.CloseInside();
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_NOT_FOUND);
  EXPECT_THAT(driver.error.message, HasSubstr(pod_.path()));
  ASSERT_NE(link, nullptr);
  sdk::testing::FakeSink config;
  EXPECT_EQ(driver.table->guest_config(link, nullptr, config.raw(), driver.error.raw()),
            SHOJI_NOT_FOUND);
  shoji_network_limits limits{};
  limits.struct_size = sizeof limits;
  limits.rx_bytes_per_s = 1000;
  EXPECT_EQ(driver.Limit(link, "eth0", limits), SHOJI_NOT_FOUND);
  EXPECT_EQ(driver.Changes(link)->remove(link, nullptr, ToStr("eth0"), driver.error.raw()),
            SHOJI_OK);
  EXPECT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
}

TEST_F(Undo, AnotherNamespaceAtTheSamePathIsLeftAlone) {
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
  std::string state = driver.State(link);
  ASSERT_EQ(driver.Leave(link), SHOJI_OK);
  Pod other;
  other.AddVeth("eth0", "out0", "02:00:00:00:00:10");
  other.AddVeth("eth1", "out1", "02:00:00:00:00:11");
  shoji_network_link* others = nullptr;
  ASSERT_EQ(driver.Join("other", other.path(), &others), SHOJI_OK) << driver.error.message;
  const std::string joined = other.Dump();
  // The same indexes, the same names, another sandbox's.
  state.replace(state.find(pod_.path()), pod_.path().size(), other.path());
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_NOT_FOUND);
  EXPECT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(other.Dump(), joined);
  EXPECT_EQ(driver.Leave(others), SHOJI_OK);
}

TEST_F(Undo, AJoinThatFailsMidwayLeavesNothing) {
  pod_.AddVeth("eth2", "out2", "02:00:00:00:00:10");  // the address of eth0
  const std::string before = pod_.Dump();
  Driver driver;
  shoji_network_link* link = nullptr;
  EXPECT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(driver.error.message, HasSubstr("eth2"));
  EXPECT_EQ(link, nullptr);
  EXPECT_EQ(pod_.Dump(), before);
}

TEST_F(Undo, CancelledAndLateCallsLeaveNothing) {
  Driver driver;
  shoji_network_link* link = nullptr;
  sdk::testing::FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(driver.Join("box", pod_.path(), &link, 1, cancelled.raw()), SHOJI_CANCELLED);
  shoji_call late{sizeof(shoji_call), -1, 1, {nullptr, 0}};
  EXPECT_EQ(driver.Join("box", pod_.path(), &link, 1, &late), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(link, nullptr);
  EXPECT_EQ(pod_.Dump(), before_);
}

TEST_F(Undo, PathsThatAreNoNamespaceOfAPod) {
  Driver driver;
  shoji_network_link* link = nullptr;
  std::string file = "/tmp/network-test.XXXXXX";
  const UniqueFd made(mkstemp(file.data()));
  EXPECT_EQ(driver.Join("box", "/not/there", &link), SHOJI_NOT_FOUND);
  EXPECT_THAT(driver.error.message, HasSubstr("/not/there"));
  EXPECT_EQ(driver.Join("box", file, &link), SHOJI_NOT_FOUND);
  EXPECT_EQ(driver.Join("box", "/proc/self/ns/net", &link), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(driver.error.message, HasSubstr("the host's own"));
  EXPECT_EQ(driver.Join("", pod_.path(), &link), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(driver.Join(std::string(300, 'x'), pod_.path(), &link), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(driver.Attach("rubbish", &link), SHOJI_DATA_LOSS);
  EXPECT_EQ(driver.Attach("{}", &link), SHOJI_DATA_LOSS);
  EXPECT_EQ(link, nullptr);
  unlink(file.c_str());
  EXPECT_EQ(pod_.Dump(), before_);
}

void DropCapabilities(std::uint32_t drop) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) _exit(2);
  data[0].effective &= ~drop;
  data[0].permitted &= ~drop;
  if (syscall(SYS_capset, &header, data) != 0) _exit(2);
}

TEST_F(Undo, WithoutPermissionNothingHappens) {
  for (const std::uint32_t capability : {1U << CAP_SYS_ADMIN, 1U << CAP_NET_ADMIN}) {
    const pid_t child = fork();
    if (child == 0) {
      DropCapabilities(capability);
      Driver driver;
      shoji_network_link* link = nullptr;
      const bool told = driver.Join("box", pod_.path(), &link) == SHOJI_PERMISSION_DENIED &&
                        driver.error.message.find(pod_.path()) != std::string::npos;
      if (!told) std::fprintf(stderr, "told: %s\n", driver.error.message.c_str());
      _exit(told ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "without capability " << capability;
    EXPECT_EQ(pod_.Dump(), before_);
  }
}

TEST_F(Undo, NoNamespaceNoNetwork) {
  Driver driver;
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Join("box", "", &link), SHOJI_OK) << driver.error.message;
  EXPECT_THAT(driver.Nics(link), SizeIs(0));
  const std::string state = driver.State(link);
  driver.table->close_link(link);
  ASSERT_EQ(driver.Attach(state, &link), SHOJI_OK) << driver.error.message;
  EXPECT_EQ(driver.Config(link), R"({"interfaces":[],"routes":[],"neighbors":[]})");
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  EXPECT_EQ(driver.Changes(link)->add(link, nullptr, ToStr("eth0"), &nic, driver.error.raw()),
            SHOJI_FAILED_PRECONDITION);
  EXPECT_EQ(driver.Leave(link), SHOJI_OK) << driver.error.message;
}

}  // namespace
}  // namespace shoji::network::testing
