#include "host_check.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest_files.h"
#include "host_facts.h"
#include "process_usage.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

using testing::HasSubstr;

// A machine that is a tree of files.
class Machine : public testing::Test {
 protected:
  Machine() {
    char name[] = "/tmp/machine-test-XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~Machine() override { (void)RemoveTree(dir_); }
  void Put(const std::string& path, const std::string& text) {
    const std::string whole = dir_ + path;
    ASSERT_TRUE(MakeDirs(whole.substr(0, whole.rfind('/'))).ok());
    ASSERT_TRUE(WriteFile(whole, text).ok());
  }
  CheckLine Line(const std::string& item, std::uint64_t vm_memory = 0) {
    for (CheckLine& line : CheckHost(dir_, vm_memory)) {
      if (line.item == item) return line;
    }
    ADD_FAILURE() << "nothing is said of " << item;
    return {};
  }
  std::string dir_;
};

TEST_F(Machine, DevicesThatAreMissingSayHowToGetThem) {
  const CheckLine without = Line("/dev/vhost-net");
  EXPECT_EQ(without.level, CheckLevel::kWarning);
  EXPECT_EQ(without.advice, "modprobe vhost_net");
  EXPECT_THAT(Line("/dev/net/tun").detail, HasSubstr("cannot have a network"));
  Put("/dev/vhost-net", "");
  EXPECT_EQ(Line("/dev/vhost-net").level, CheckLevel::kOk);
  EXPECT_EQ(Line("/dev/vhost-net").advice, "");
}

TEST_F(Machine, OverlayIsAWordOfItsOwn) {
  Put("/proc/filesystems", "nodev\tsysfs\n\text4\nnodev\toverlayfs2\n");
  EXPECT_EQ(Line("overlayfs").level, CheckLevel::kWarning);
  EXPECT_EQ(Line("overlayfs").advice, "modprobe overlay");
  Put("/proc/filesystems", "nodev\tsysfs\n\text4\nnodev\toverlay\n");
  EXPECT_EQ(Line("overlayfs").level, CheckLevel::kOk);
}

TEST_F(Machine, ControlGroupsOfThreeKinds) {
  EXPECT_EQ(Line("control groups").level, CheckLevel::kWarning);
  const std::string v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
  const std::string v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n";
  Put("/proc/mounts", v2);
  EXPECT_EQ(Line("control groups").detail, "v2");
  Put("/proc/mounts", v1);
  EXPECT_EQ(Line("control groups").detail, "v1");
  Put("/proc/mounts", v1 + v2);
  EXPECT_EQ(Line("control groups").detail, "hybrid (v1 and v2)");
}

TEST_F(Machine, MemoryIsComparedWithThatOfAVm) {
  EXPECT_EQ(Line("free memory").level, CheckLevel::kWarning);  // nobody tells
  Put("/proc/meminfo", "MemTotal:  1048576 kB\nMemAvailable:     262144 kB\n");
  EXPECT_EQ(Line("free memory", 256U << 20U).level, CheckLevel::kOk);
  const CheckLine less = Line("free memory", (256U << 20U) + 1);
  EXPECT_EQ(less.level, CheckLevel::kWarning);
  EXPECT_THAT(less.detail, HasSubstr("256.0 MiB available"));
}

TEST_F(Machine, FactsOfTheHost) {
  Put("/proc/cpuinfo",
      "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU\nflags\t\t: fpu vmx "
      "sse\n\n"
      "processor\t: 1\nflags\t\t: fpu vmx sse\n");
  Put("/proc/meminfo", "MemTotal: 2048 kB\n");
  Put("/etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  const HostFacts facts = ReadHostFacts(dir_);
  EXPECT_EQ(facts.cpus, 2U);
  EXPECT_TRUE(facts.cpu_virtualizes);
  EXPECT_EQ(facts.cpu_model, "Some CPU");
  EXPECT_EQ(facts.cpu_vendor, "GenuineIntel");
  EXPECT_EQ(facts.memory_bytes, 2048U << 10U);
  EXPECT_EQ(facts.distribution, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_FALSE(facts.kernel.empty());
  Put("/proc/cpuinfo", "processor : 0\nflags : fpu vmxish\n");
  EXPECT_FALSE(ReadHostFacts(dir_).cpu_virtualizes);
}

TEST_F(Machine, GuestFilesAgainstTheirManifest) {
  Put("/guest/vmlinux", "kernel");
  Put("/guest/initrd.img", "initrd");
  Assets assets;
  assets.kernel = dir_ + "/guest/vmlinux";
  assets.initrd = dir_ + "/guest/initrd.img";
  std::vector<GuestFile> files = GuestFiles(assets);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_TRUE(files[0].status.ok() && files[0].expected.empty());
  EXPECT_EQ(files[0].size, 6U);
  const std::string right = files[0].sha256;
  EXPECT_EQ(right.size(), 64U);
  Put("/guest/manifest.json", R"({"build_id":"b","kernel":{"release":"6.1"},"files":{"vmlinux":)"
                              R"({"sha256":")" +
                                  right + R"("},"initrd.img":{"sha256":"00"}}})");
  files = GuestFiles(assets);
  EXPECT_EQ(files[0].expected, right);
  EXPECT_TRUE(files[0].status.ok());
  EXPECT_EQ(files[1].status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(files[1].status.message(), HasSubstr("manifest.json says 00"));
  EXPECT_EQ(ReadGuestManifest(assets).kernel_release, "6.1");
}

TEST_F(Machine, GuestFilesThatCannotBeRead) {
  Assets assets;
  assets.kernel = dir_ + "/missing";
  EXPECT_EQ(GuestFiles(assets)[0].status.code(), StatusCode::kNotFound);
  assets.kernel = dir_;
  EXPECT_FALSE(GuestFiles(assets)[0].status.ok());
  for (const char* odd : {"", "[]", "{", R"({"files":[]})", R"({"files":{"vmlinux":7}})"}) {
    Put("/guest/vmlinux", "kernel");
    Put("/guest/manifest.json", odd);
    assets.kernel = dir_ + "/guest/vmlinux";
    EXPECT_TRUE(GuestFiles(assets)[0].status.ok()) << odd;
    EXPECT_EQ(GuestFiles(assets)[0].expected, "") << odd;
    EXPECT_EQ(ReadGuestManifest(assets).build_id, "") << odd;
  }
}

TEST_F(Machine, UseOfAProcess) {
  Put("/proc/7/stat", "7 (a ) (b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 0 0\n");
  Put("/proc/7/smaps_rollup", "00-ff ---p 0 0 0 [rollup]\nRss:  9000 kB\nPss:    4096 kB\n");
  const auto use = ReadProcessUsage(dir_, 7);
  ASSERT_TRUE(use.ok()) << use.status().message();
  EXPECT_EQ(use->name, "a ) (b");
  EXPECT_EQ(use->pss_bytes, 4U << 20U);
  EXPECT_EQ(use->cpu_ns, 300U * (1'000'000'000ULL / static_cast<unsigned>(sysconf(_SC_CLK_TCK))));
  EXPECT_EQ(ReadProcessUsage(dir_, 8).status().code(), StatusCode::kNotFound);
  for (const char* odd : {"", "7", "7 (a)", "7 (a) S 1", "7 (a) S 1 1 1 1 1 1 1 1 1 1 x y 1"}) {
    Put("/proc/7/stat", odd);
    EXPECT_FALSE(ReadProcessUsage(dir_, 7).ok()) << odd;
  }
  // This very process, on the real machine.
  EXPECT_GT(ReadProcessUsage("", getpid())->pss_bytes, 0U);
}

}  // namespace
}  // namespace shoji::cli
