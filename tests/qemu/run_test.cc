// Console, statistics, virtio-fs and the options of how a VM is run, with real guests.
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "agent_line.h"
#include "bed.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::qemu::testing {
namespace {

using ::testing::HasSubstr;

class RunTest : public Bed {
 protected:
  static std::string Socket(const Box& box) { return box.run_dir + "/kata.sock"; }

  UniqueFd Console(Box& box) {
    const shoji_call call = Call();
    int fd = -1;
    console_code_ = Get<shoji_hypervisor_console_v1>(box, SHOJI_HYPERVISOR_CONSOLE_V1)
                        ->open_console(box.vm, &call, &fd, error_.raw());
    return UniqueFd(fd);
  }
  // The guest writes `word` to its console.
  static bool Speaks(AgentLine& line, const std::string& word) {
    std::string output;
    const std::string bad = line.Run({"sh", "-c", "echo '<0>" + word + "' > /dev/kmsg"}, &output);
    EXPECT_EQ(bad + output, "");
    return bad.empty() && output.empty();
  }
  // `word` comes out of the console.
  static bool Says(const UniqueFd& console, const std::string& word) {
    const Deadline deadline = Deadline::After(std::chrono::seconds(30));
    std::string text;
    while (text.find(word) == std::string::npos) {
      pollfd entry{console.get(), POLLIN, 0};
      char bytes[512];
      const ssize_t n = poll(&entry, 1, deadline.PollTimeout()) == 1
                            ? read(console.get(), bytes, sizeof(bytes))
                            : -1;
      if (n <= 0) return false;
      text.append(bytes, static_cast<std::size_t>(n));
    }
    return true;
  }
  shoji_vm_stats Stats(Box& box) {
    shoji_vm_stats stats{};
    stats.struct_size = sizeof(stats);
    const shoji_call call = Call();
    EXPECT_EQ(Get<shoji_hypervisor_stats_v1>(box, SHOJI_HYPERVISOR_STATS_V1)
                  ->stats(box.vm, &call, &stats, error_.raw()),
              SHOJI_OK)
        << error_.message;
    return stats;
  }
  void ConsoleWhileOwned(Box& box, AgentLine& line);
  void ConsoleWithoutOwner(Box& box, AgentLine& line);
  std::string StatusOf(pid_t pid) {
    return ReadFile("/proc/" + std::to_string(pid) + "/status").value();
  }

  std::int32_t console_code_ = 0;
};

void RunTest::ConsoleWhileOwned(Box& box, AgentLine& line) {
  const UniqueFd console = Console(box);
  ASSERT_EQ(console_code_, SHOJI_OK) << error_.message;
  const UniqueFd second = Console(box);
  EXPECT_EQ(console_code_, SHOJI_ABORTED);
  EXPECT_EQ(second.get(), -1);
  ASSERT_TRUE(Speaks(line, "first"));
  EXPECT_TRUE(Says(console, "first"));
}

void RunTest::ConsoleWithoutOwner(Box& box, AgentLine& line) {
  const std::string state = TextOf(box, table_->save_state);
  shoji_vm* other = nullptr;
  ASSERT_EQ(Attach(state, &other), SHOJI_OK) << error_.message;
  table_->close_vm(std::exchange(box.vm, other));
  {
    const UniqueFd console = Console(box);
    ASSERT_EQ(console_code_, SHOJI_OK) << error_.message;
    (void)Console(box);
    EXPECT_EQ(console_code_, SHOJI_ABORTED);
    ASSERT_TRUE(Speaks(line, "second"));
    EXPECT_TRUE(Says(console, "second"));
  }
}

TEST_F(RunTest, ConsoleAndStatistics) {
  Box& box = NewBox("box");
  box.share = dir_ + "/share";
  FillShare(box.share);
  ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
  AgentLine line(Socket(box));
  ASSERT_EQ(line.Check(), "");
  const shoji_vm_stats before = Stats(box);
  EXPECT_EQ(before.vcpus, 1U);
  EXPECT_GT(before.cpu_ns, 100'000'000U);
  EXPECT_GT(before.vmm_cpu_ns, 0U);
  EXPECT_GT(before.resident_bytes, 32U << 20U);
  ASSERT_EQ(line.MountShare(ShareMount(box, "kataShared")), "");
  ConsoleWhileOwned(box, line);
  ConsoleWithoutOwner(box, line);
  const shoji_vm_stats after = Stats(box);
  EXPECT_GT(after.cpu_ns, before.cpu_ns);
  EXPECT_GE(after.vmm_cpu_ns, before.vmm_cpu_ns);

  ASSERT_EQ(table_->stop(box.vm, nullptr, SHOJI_VM_STOP_FORCE, error_.raw()), SHOJI_OK);
  (void)Console(box);
  EXPECT_EQ(console_code_, SHOJI_UNAVAILABLE);
  siginfo_t info{};  // the closed handle was the parent's: nobody else reaps
  waitid(P_ALL, 0, &info, WEXITED | WNOHANG);
}

TEST_F(RunTest, VirtioFs) {
  ASSERT_EQ(Open({{"shared_fs", "virtio-fs"}}), SHOJI_OK) << error_.message;
  Box& box = NewBox("box");
  box.share = dir_ + "/share, with comma";
  FillShare(box.share);
  ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
  AgentLine line(Socket(box));
  ASSERT_EQ(line.Check(), "");
  EXPECT_THAT(ShareMount(box, "kataShared"), HasSubstr("\"fstype\":\"virtiofs\""));
  ASSERT_EQ(line.MountShare(ShareMount(box, "kataShared")), "");
  std::string output;
  EXPECT_EQ(line.Run({"sh", "-c", "echo hello > /from-guest; cat /proc/mounts"}, &output), "");
  EXPECT_THAT(output, HasSubstr("virtiofs"));
  EXPECT_EQ(ReadFile(box.share + "/rootfs/from-guest").value(), "hello\n");

  ASSERT_EQ(Pause(box), SHOJI_OK);
  ASSERT_TRUE(MakeDirs(dir_ + "/state").ok());
  EXPECT_EQ(Save(box, dir_ + "/state", false), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("kataShared"));
  ASSERT_EQ(Resume(box), SHOJI_OK);

  const std::vector<pid_t> pids = Pids(box);
  ASSERT_EQ(pids.size(), 2U);
  ASSERT_EQ(kill(pids[1], SIGKILL), 0);
  EXPECT_TRUE(WaitForEnd(box));
  EXPECT_THAT(TextOf(box, table_->last_words), HasSubstr("virtiofsd of share \"kataShared\""));
}

TEST_F(RunTest, VirtioFsEndsWithTheVm) {
  ASSERT_EQ(Open({{"shared_fs", "virtio-fs"}}), SHOJI_OK) << error_.message;
  Box& box = NewBox("box");
  box.share = dir_;
  ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
  const std::vector<pid_t> pids = Pids(box);
  ASSERT_EQ(pids.size(), 2U);
  EXPECT_EQ(Destroy(box), SHOJI_OK) << error_.message;
  EXPECT_FALSE(PathExists("/proc/" + std::to_string(pids[1])));
}

TEST_F(RunTest, VirtioFsThatDoesNotStart) {
  ASSERT_EQ(Open({{"shared_fs", "virtio-fs"}, {"virtiofsd", "/no/virtiofsd"}}), SHOJI_OK);
  Box& box = NewBox("box");
  box.share = dir_;
  EXPECT_EQ(Create(box), SHOJI_NOT_FOUND);
  EXPECT_THAT(error_.message, HasSubstr("hypervisor.qemu.virtiofsd"));
  ASSERT_EQ(Open({{"shared_fs", "virtio-fs"}, {"virtiofsd", "/bin/false"}}), SHOJI_OK);
  EXPECT_NE(Start(box), SHOJI_OK);
  EXPECT_EQ(table_->wait_fd(box.vm), -1);
}

TEST_F(RunTest, AsAnotherUserWithAllOptions) {
  ASSERT_EQ(Open({{"user", "nobody"},
                  {"prealloc", "true"},
                  {"mlock", "true"},
                  {"cpu_features", "-avx"},
                  {"machine_accelerators", "dump-guest-core=off"}}),
            SHOJI_OK)
      << error_.message;
  Box& box = NewBox("box");
  ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
  const std::string status = StatusOf(Pids(box)[0]);
  EXPECT_THAT(status, HasSubstr("Uid:\t65534\t65534\t65534\t65534"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_GT(Stats(box).resident_bytes, 256U << 20U) << "prealloc takes all of it";
  EXPECT_EQ(AgentLine(Socket(box)).Check(), "");

  Box& shared = NewBox("shared");
  shared.share = dir_;
  EXPECT_EQ(Create(shared), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("virtio-fs"));
}

class ImageTest : public RunTest {
 protected:
  void Boots(const Options& options) {
    ASSERT_EQ(Open(options), SHOJI_OK) << error_.message;
    Box& box = NewBox("box");
    box.image = dir_ + "/root.img";
    box.share = dir_ + "/share";
    FillShare(box.share);
    const std::string make = std::string(SHOJI_ROOT_IMAGE_BUILDER) + " --initrd " +
                             SHOJI_GUEST_IMAGES + "/initrd.img --output " + box.image;
    ASSERT_EQ(std::system(make.c_str()), 0);
    ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
    AgentLine line(Socket(box));
    ASSERT_EQ(line.Check(), "") << TextOf(box, table_->last_words);
    ASSERT_EQ(line.MountShare(ShareMount(box, "kataShared")), "");
    std::string output;
    EXPECT_EQ(line.Run({"cat", "/proc/1/mounts"}, &output), "");
    EXPECT_EQ(output.find("rootfs / rootfs"), std::string::npos) << output;
    EXPECT_GT(Stats(box).resident_bytes, 0U);
  }
};

TEST_F(ImageTest, OnADisk) {
  Boots({});
  EXPECT_GT(Stats(*boxes_[0]).block_read_bytes, 1U << 20U);
}

TEST_F(ImageTest, AsMemory) { Boots({{"image_device", "nvdimm"}}); }

TEST_F(RunTest, OptionsThatMakeNoSense) {
  const std::vector<std::pair<Options, std::string>> cases = {
      {{{"user", "no-such-user"}}, "no-such-user"},
      {{{"shared_fs", "nfs"}}, "9p, virtio-fs"},
      {{{"firmware", "/no/bios"}}, "/no/bios"},
      {{{"image_device", "floppy"}}, "virtio-blk, nvdimm"},
      {{{"virtiofs_cache", "much"}}, "auto, none, always"},
      {{{"cpu_features", "+aes -smp 2"}}, "cpu_features"},
      {{{"machine_accelerators", ",a"}}, "machine_accelerators"},
  };
  for (const auto& [options, text] : cases) {
    EXPECT_NE(Open(options), SHOJI_OK) << text;
    EXPECT_THAT(error_.message, HasSubstr(text));
  }
  ASSERT_EQ(Open({{"hugepages", "true"}}), SHOJI_OK);
  Box& box = NewBox("box");
  box.memory_path = dir_ + "/memory";
  EXPECT_EQ(Create(box), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("exclude each other"));
}

}  // namespace
}  // namespace shoji::qemu::testing
