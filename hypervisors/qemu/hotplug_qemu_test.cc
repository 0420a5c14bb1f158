// Devices and size of a VM that runs: real QEMU, and a guest that tells what it sees.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "hypervisor.h"
#include "shoji/base/file.h"
#include "shoji/sdk/hypervisor_hotplug.h"
#include "shoji/sdk/testing/fake_host.h"
#include "testing/guest_shell.h"
#include "testing/spawn_service.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr seconds kPatience{150};
constexpr std::uint64_t kMiB = 1U << 20U;
constexpr char kMac[] = "02:00:00:00:00:17";

bool HasTun() { return access("/dev/net/tun", R_OK | W_OK) == 0 && geteuid() == 0; }

void PutBigEndian(std::string& out, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0; value >>= 8U) out[at + i] = static_cast<char>(value & 0xff);
}

// An image in which nothing is allocated, as the format's specification has it: header, table of
// reference counts, a block of them, and the table of tables, in a cluster of 64 KiB each.
std::string EmptyQcow2(std::uint64_t size) {
  constexpr std::uint64_t kCluster = 65536;
  std::string image(4 * kCluster, '\0');
  PutBigEndian(image, 0, 0x514649fb, 4);
  PutBigEndian(image, 4, 2, 4);
  PutBigEndian(image, 20, 16, 4);
  PutBigEndian(image, 24, size, 8);
  PutBigEndian(image, 36, 1, 4);
  PutBigEndian(image, 40, 3 * kCluster, 8);
  PutBigEndian(image, 48, kCluster, 8);
  PutBigEndian(image, 56, 1, 4);
  PutBigEndian(image, kCluster, 2 * kCluster, 8);
  for (std::size_t i = 0; i < 4; ++i) PutBigEndian(image, 2 * kCluster + 2 * i, 1, 2);
  return image;
}

// A tap of one queue in a network namespace that goes with it.
UniqueFd MakeTap() {
  UniqueFd fd;
  std::thread([&fd] {
    if (unshare(CLONE_NEWNET) < 0) return;
    UniqueFd tap(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (tap && ioctl(tap.get(), TUNSETIFF, &request) == 0) fd = std::move(tap);
  }).join();
  return fd;
}

class HotplugTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string images = SHOJI_GUEST_IMAGES;
    if (!PathExists(images + "/initrd.img")) GTEST_SKIP() << "build the target guest-image first";
    char name[] = "/tmp/qemu_hotplug_test.XXXXXX";
    dir_ = mkdtemp(name);
    ASSERT_TRUE(MakeDirs(dir_ + "/vm", 0700).ok());
    ASSERT_TRUE(WriteShellInitrd(images + "/initrd.img", dir_ + "/initrd").ok());
    ASSERT_TRUE(MakeFiles());
    host_.AddService(SHOJI_SPAWN_V1, TestSpawnService());
  }
  void TearDown() override {
    other_.reset();
    if (vm_ != nullptr) {
      if (HasFailure()) std::cerr << vm_->LastWords().value() << "\n";
      EXPECT_TRUE(vm_->Destroy({}).ok());
    }
    if (!dir_.empty()) {
      EXPECT_TRUE(RemoveTree(dir_).ok());
    }
  }

  bool MakeFiles() const {
    for (const char* name : {"raw", "other", "target"}) {
      if (!WriteFile(dir_ + "/" + name, "shoji-raw").ok()) return false;
      if (truncate((dir_ + "/" + name).c_str(), 8 << 20) < 0) return false;
    }
    return WriteFile(dir_ + "/cow", EmptyQcow2(24 * kMiB)).ok();
  }

  static sdk::HypervisorCall Call(std::chrono::nanoseconds span = kPatience) {
    return {Deadline::After(span).nanos(), -1};
  }

  void Open(std::vector<std::pair<std::string, std::string>> pairs) {
    pairs.emplace_back("accel", "tcg");
    std::vector<shoji_option> items;
    for (const auto& [name, value] : pairs) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
    const shoji_options options{sizeof(options), static_cast<std::uint32_t>(items.size()),
                                items.data()};
    auto opened = QemuHypervisor::Open(sdk::Host(host_.raw()), sdk::OptionMap(&options));
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    hypervisor_ = std::move(*opened);
  }
  Result<std::unique_ptr<sdk::Vm>> Create(std::vector<sdk::HotplugDevice> devices) {
    sdk::VmConfig config;
    config.id = "box";
    config.run_dir = dir_ + "/vm";
    config.kernel = std::string(SHOJI_GUEST_IMAGES) + "/vmlinux";
    config.initrd = dir_ + "/initrd";
    config.devices = std::move(devices);
    return hypervisor_->Create(Call(), std::move(config));
  }
  void Start(std::vector<sdk::HotplugDevice> devices = {}) {
    auto made = Create(std::move(devices));
    ASSERT_TRUE(made.ok()) << made.status().message();
    vm_.reset(static_cast<QemuVm*>(made->release()));
    const Status started = vm_->Start(Call());
    ASSERT_TRUE(started.ok()) << started.message();
    auto shell = GuestShell::Connect(dir_ + "/vm/kata.sock", Deadline::After(kPatience));
    ASSERT_TRUE(shell.ok()) << shell.status().message();
    shell_ = std::make_unique<GuestShell>(std::move(*shell));
    ASSERT_EQ(Guest("echo ready"), "ready");
  }
  // A second handle, which has no monitor of its own.
  QemuVm& Other() {
    if (other_ == nullptr) {
      auto attached = hypervisor_->Attach(Call(), vm_->SaveState().value());
      EXPECT_TRUE(attached.status.ok()) << attached.status.message();
      other_.reset(static_cast<QemuVm*>(attached.vm.release()));
    }
    return *other_;
  }

  std::string Guest(const std::string& command) { return shell_->Run(command).text; }
  std::string DiskOf(const std::string& serial) {
    return Guest("cd /sys/block; grep -lx " + serial + " */serial | cut -d/ -f1");
  }

  sdk::HotplugDevice Disk(const std::string& id, const std::string& file,
                          std::uint32_t flags = 0) const {
    return {id, sdk::BlockDevice{dir_ + "/" + file, file == "cow" ? "qcow2" : "raw", flags, {}}};
  }
  std::string Attach(QemuVm& vm, const sdk::HotplugDevice& device) {
    const auto answer = vm.Attach(Call(), device);
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    return answer.ok() ? *answer : answer.status().message();
  }
  Status Refused(const sdk::HotplugDevice& device) { return vm_->Attach(Call(), device).status(); }
  void Detach(QemuVm& vm, const std::string& id) {
    const Status gone = vm.Detach(Call(), id);
    EXPECT_TRUE(gone.ok()) << gone.message();
  }

 public:
  void Disks();
  void ReadOnly();
  void Scsi();
  void Undo();
  void Limits();
  void Nic();
  void HostDevices();
  void Vcpus();
  void Memory();
  void ManyDevices();

 protected:
  sdk::testing::FakeHost host_;
  std::string dir_;
  std::unique_ptr<sdk::Hypervisor> hypervisor_;
  std::unique_ptr<QemuVm> vm_;
  std::unique_ptr<QemuVm> other_;
  std::unique_ptr<GuestShell> shell_;
};

void HotplugTest::Disks() {
  EXPECT_EQ(Attach(*vm_, Disk("raw", "raw")), R"({"pci_path":"02/01"})");
  EXPECT_EQ(Attach(*vm_, Disk("raw", "raw")), R"({"pci_path":"02/01"})") << "idempotent";
  EXPECT_EQ(Refused(Disk("raw", "other")).code(), StatusCode::kAlreadyExists);
  // From another handle, of which the first one learns by asking QEMU.
  EXPECT_EQ(Attach(Other(), Disk("cow", "cow")), R"({"pci_path":"02/02"})");
  EXPECT_EQ(Attach(*vm_, Disk("cow", "cow")), R"({"pci_path":"02/02"})");

  ASSERT_TRUE(shell_->Await("grep -qsx raw /sys/block/*/serial"));
  ASSERT_TRUE(shell_->Await("grep -qsx cow /sys/block/*/serial"));
  const std::string raw = DiskOf("raw");
  EXPECT_EQ(Guest("head -c 9 /dev/" + raw), "shoji-raw");
  EXPECT_EQ(Guest("cat /sys/block/" + DiskOf("cow") + "/size"), "49152");
  // At the PCI path that was answered, as the agent looks for it.
  EXPECT_THAT(Guest("readlink -f /sys/block/" + raw), HasSubstr("/0000:00:02.0/0000:01:01.0/"));

  EXPECT_EQ(Guest("printf written | dd of=/dev/" + raw +
                  " conv=notrunc,fsync 2>&1 >/dev/null; "
                  "echo $?"),
            "0+1 records in\n0+1 records out\n0");
  EXPECT_EQ(ReadFile(dir_ + "/raw").value().substr(0, 9), "writtenaw");
  Detach(Other(), "raw");
  EXPECT_TRUE(shell_->Await("[ ! -e /sys/block/" + raw + " ]"));
  Detach(*vm_, "raw");  // success on what is gone
  Detach(*vm_, "cow");
  EXPECT_EQ(Attach(*vm_, Disk("raw", "other")), R"({"pci_path":"02/01"})") << "nothing is left";
  Detach(*vm_, "raw");
}

void HotplugTest::ReadOnly() {
  Attach(*vm_, Disk("ro", "raw", SHOJI_BLOCK_READONLY));
  ASSERT_TRUE(shell_->Await("grep -qsx ro /sys/block/*/serial"));
  const std::string disk = DiskOf("ro");
  EXPECT_EQ(Guest("cat /sys/block/" + disk + "/ro"), "1");
  EXPECT_NE(shell_->Run("printf no | dd of=/dev/" + disk + " conv=notrunc,fsync").code, 0);
  EXPECT_EQ(ReadFile(dir_ + "/raw").value().substr(0, 7), "written");
  // Two disks may read one file.
  Attach(*vm_, Disk("ro2", "raw", SHOJI_BLOCK_READONLY));
  Detach(*vm_, "ro");
  Detach(*vm_, "ro2");
}

void HotplugTest::Scsi() {
  EXPECT_EQ(Attach(*vm_, Disk("s0", "target", SHOJI_BLOCK_SCSI)), R"({"scsi_addr":"0:0"})");
  EXPECT_EQ(Attach(Other(), Disk("s1", "other", SHOJI_BLOCK_SCSI)), R"({"scsi_addr":"1:0"})");
  EXPECT_TRUE(shell_->Await("[ -d /sys/bus/scsi/devices/*:0:1:0/block/sd? ]"))
      << Guest("ls /sys/bus/scsi/devices/ /sys/block /sys/bus/pci/devices; dmesg | tail");
  Detach(*vm_, "s1");
  EXPECT_TRUE(shell_->Await("[ ! -e /sys/bus/scsi/devices/*:0:1:0/block ]"));
  EXPECT_EQ(Attach(*vm_, Disk("s1", "other", SHOJI_BLOCK_SCSI)), R"({"scsi_addr":"1:0"})");
  Detach(*vm_, "s0");
  Detach(*vm_, "s1");
}

void HotplugTest::Undo() {
  // QEMU refuses what is no qcow2: the limits that were made before it are gone again.
  sdk::HotplugDevice bad = Disk("bad", "raw");
  std::get<sdk::BlockDevice>(bad.detail).format = "qcow2";
  const Status refused = Refused(bad);
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(refused.message(), HasSubstr("qcow2"));
  EXPECT_THAT(refused.message(), HasSubstr("\"bad\""));
  EXPECT_EQ(Attach(*vm_, Disk("bad", "raw")), R"({"pci_path":"02/01"})");
  // Two that write one file: refused by QEMU at the last step but one.
  EXPECT_FALSE(Refused(Disk("second", "raw")).ok());
  Detach(*vm_, "bad");
  Attach(*vm_, Disk("second", "raw"));
  Detach(*vm_, "second");

  EXPECT_EQ(Refused(Disk("none", "no-such-file")).code(), StatusCode::kNotFound);
  EXPECT_EQ(Refused(Disk("dir", "vm")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Refused(Disk("a/b", "raw")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Refused({"share", sdk::VmShareConfig{"tag", dir_, false}}).code(),
            StatusCode::kUnimplemented);
}

// Bytes read past the guest's cache within a second or so.
void HotplugTest::Limits() {
  const sdk::BlockLimits slow{512 << 10, 0, 0, 0, 0};
  const sdk::BlockLimits burst{1 << 20, 4 << 20, 1000, 2000, 2500};
  ASSERT_EQ(system(("truncate -s 256M " + dir_ + "/big").c_str()), 0);
  sdk::HotplugDevice disk = Disk("big", "big");
  std::get<sdk::BlockDevice>(disk.detail).limits = slow;
  Attach(*vm_, disk);
  ASSERT_TRUE(shell_->Await("grep -qsx big /sys/block/*/serial"));
  const auto read = [&] {
    const std::string dev = DiskOf("big");
    const std::string file = "/sys/block/" + dev + "/stat";
    Guest("timeout 2 dd if=/dev/" + dev + " of=/dev/null bs=64k iflag=direct");
    const std::string sectors = Guest("awk '{print $3}' " + file);
    return std::strtoull(sectors.c_str(), nullptr, 10) * 512;
  };
  const std::uint64_t limited = read();
  EXPECT_GT(limited, 0U);
  EXPECT_LT(limited, 8 * kMiB);
  EXPECT_TRUE(Other().LimitBlock(Call(), "big", nullptr).ok());
  const std::uint64_t lifted = read() - limited;
  EXPECT_GT(lifted, 4 * limited);

  EXPECT_TRUE(vm_->LimitBlock(Call(), "big", &burst).ok());
  EXPECT_TRUE(vm_->LimitBlock(Call(), "big", &slow).ok());
  EXPECT_EQ(vm_->LimitBlock(Call(), "none", &slow).code(), StatusCode::kNotFound);
  const sdk::BlockLimits upside_down{2 << 20, 1 << 20, 0, 0, 0};
  EXPECT_EQ(vm_->LimitBlock(Call(), "big", &upside_down).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(vm_->LimitBlock(Call(), "big", nullptr).ok());
  Detach(*vm_, "big");
}

void HotplugTest::Nic() {
  if (!HasTun()) return;
  UniqueFd tap = MakeTap();
  ASSERT_TRUE(tap);
  const sdk::HotplugDevice nic{"eth7", sdk::NicDevice{"eth7", kMac, 1400, {tap.get()}, {-1}}};
  EXPECT_EQ(Attach(*vm_, nic), R"({"pci_path":"02/01"})");
  EXPECT_TRUE(shell_->Await(std::string("grep -qsx ") + kMac + " /sys/class/net/*/address"));
  EXPECT_EQ(Guest("cat $(grep -lx " + std::string(kMac) +
                  " /sys/class/net/*/address | sed s/address/mtu/)"),
            "1400");
  Detach(Other(), "eth7");
  EXPECT_TRUE(shell_->Await(std::string("! grep -qsx ") + kMac + " /sys/class/net/*/address"));
  // Its name in QEMU is free again.
  Attach(*vm_, nic);
  Detach(*vm_, "eth7");
  // What is no tap is refused, and nothing is left.
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(Refused({"bad", sdk::NicDevice{"bad", kMac, 0, {null.get()}, {-1}}}).ok());
  const UniqueFd good = MakeTap();
  Attach(*vm_, {"bad", sdk::NicDevice{"bad", kMac, 0, {good.get()}, {-1}}});
  Detach(*vm_, "bad");
}

void HotplugTest::HostDevices() {
  EXPECT_EQ(Refused({"gpu", sdk::VfioDevice{"0000:ff:1f.7"}}).code(), StatusCode::kNotFound);
  const Status vsock = Refused({"vsock", sdk::VsockDevice{77}});
  if (!PathExists("/dev/vhost-vsock")) {
    EXPECT_EQ(vsock.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(vsock.message(), HasSubstr("/dev/vhost-vsock"));
  }
  EXPECT_EQ(Refused({"vu", sdk::VhostUserDevice{"blk", dir_ + "/none", "", ""}}).code(),
            StatusCode::kNotFound);
  const Status memory =
      Refused({"vu", sdk::VhostUserDevice{"blk", dir_ + "/vm/kata.sock", "", ""}});
  EXPECT_EQ(memory.code(), StatusCode::kFailedPrecondition) << memory.message();
}

void HotplugTest::Vcpus() {
  const auto before = vm_->Size(Call());
  ASSERT_TRUE(before.ok()) << before.status().message();
  EXPECT_EQ(before->vcpus, 1U);
  EXPECT_EQ(before->max_vcpus, 3U);
  auto size = vm_->SetVcpus(Call(), 3);
  ASSERT_TRUE(size.ok()) << size.status().message();
  EXPECT_EQ(size->vcpus, 3U);
  EXPECT_TRUE(shell_->Await("[ -e /sys/devices/system/cpu/cpu2/online ]"));
  EXPECT_EQ(Guest("for c in 1 2; do echo 1 > /sys/devices/system/cpu/cpu$c/online; done; nproc"),
            "3");
  EXPECT_EQ(vm_->SetVcpus(Call(), 4).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(vm_->SetVcpus(Call(), 0).status().code(), StatusCode::kInvalidArgument);
  size = Other().SetVcpus(Call(), 1);
  ASSERT_TRUE(size.ok()) << size.status().message();
  // Emulated ones stay, because QEMU would not survive their end.
  EXPECT_EQ(size->vcpus, 3U);
  EXPECT_EQ(Guest("nproc"), "3");
}

void HotplugTest::Memory() {
  const std::uint64_t before = vm_->Size(Call()).value().memory_bytes;
  EXPECT_EQ(before, 256 * kMiB);
  auto size = vm_->SetMemory(Call(), before + 100 * kMiB, 128 * kMiB);
  ASSERT_TRUE(size.ok()) << size.status().message();
  EXPECT_EQ(size->memory_bytes, before + 128 * kMiB);
  EXPECT_EQ(size->max_memory_bytes, 1024 * kMiB);
  EXPECT_TRUE(shell_->Await("grep -qsx offline /sys/devices/system/memory/*/state"));
  EXPECT_GT(std::atol(Guest("a=$(grep -lx offline /sys/devices/system/memory/*/state); echo "
                            "online_movable > $a; awk \"/MemTotal/ {print \\$2}\" /proc/meminfo")
                          .c_str()),
            300 * 1024);
  size = Other().SetMemory(Call(), before, 0);
  ASSERT_TRUE(size.ok()) << size.status().message();
  EXPECT_EQ(size->memory_bytes, before);
  EXPECT_EQ(vm_->SetMemory(Call(), before, 0)->memory_bytes, before);
  EXPECT_EQ(vm_->SetMemory(Call(), 4096 * kMiB, 0).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(vm_->SetMemory(Call(), before + kMiB, 12345).status().code(),
            StatusCode::kInvalidArgument);
  // Both slots, and then none.
  EXPECT_TRUE(vm_->SetMemory(Call(), 384 * kMiB, 0).ok());
  EXPECT_TRUE(vm_->SetMemory(Call(), 512 * kMiB, 0).ok());
  const Status full = vm_->SetMemory(Call(), 640 * kMiB, 0).status();
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted) << full.message();
  EXPECT_THAT(full.message(), HasSubstr("memory_slots"));
}

void HotplugTest::ManyDevices() {
  for (int i = 0; i < 30; ++i) {
    Attach(*vm_, Disk("m" + std::to_string(i), "raw", SHOJI_BLOCK_READONLY));
  }
  // One slot is that of the SCSI controller.
  const Status full = Refused(Disk("more", "raw", SHOJI_BLOCK_READONLY));
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted) << full.message();
  EXPECT_TRUE(shell_->Await("[ $(ls /sys/block | grep -c ^vd) = 30 ]"))
      << Guest("ls /sys/block; dmesg | tail -20");
}

// In one VM: booting one takes longer than all the rest.
TEST_F(HotplugTest, Q35ComesAndGoes) {
  Open({{"max_vcpus", "3"}, {"max_memory", "1G"}, {"memory_slots", "2"}});
  Start();
  ASSERT_FALSE(HasFatalFailure());
  Guest("load blk net scsi");
  const auto timed = [this](const char* name, void (HotplugTest::*part)()) {
    const std::int64_t begin = Deadline::NowNanos();
    SCOPED_TRACE(name);
    (this->*part)();
    if (!vm_->Pids().value().empty())
      std::cerr << name << ": " << (Deadline::NowNanos() - begin) / 1'000'000 << " ms\n";
  };
  timed("disks", &HotplugTest::Disks);
  timed("read-only", &HotplugTest::ReadOnly);
  timed("nic", &HotplugTest::Nic);
  timed("undo", &HotplugTest::Undo);
  timed("limits", &HotplugTest::Limits);
  timed("host devices", &HotplugTest::HostDevices);
  timed("scsi", &HotplugTest::Scsi);
  timed("vcpus", &HotplugTest::Vcpus);
  timed("memory", &HotplugTest::Memory);
  timed("many devices", &HotplugTest::ManyDevices);
}

}  // namespace
}  // namespace shoji::qemu
