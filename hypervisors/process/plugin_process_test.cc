// The plugin as a host sees it: its C table, the real agent, real namespaces.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cgroups.h"
#include "hypervisor.h"
#include "shoji/agent_dial/dial.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/sdk/testing/fake_call.h"
#include "shoji/sdk/testing/fake_host.h"
#include "shoji/spawn/spawn.h"
#include "state.h"

namespace shoji::process {
namespace {

using sdk::testing::FakeCall;
using sdk::testing::FakeError;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using sdk::testing::FakeSink;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kPatience{30};

bool Readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  const Deadline deadline = Deadline::After(kPatience);
  while (!deadline.passed()) {
    if (poll(&entry, 1, deadline.PollTimeout()) > 0) return true;
  }
  return false;
}

// Of the host, without those of sandboxes that other tests run meanwhile.
std::string Mounts() {
  std::string out;
  for (const std::string& line : Split(ReadFile("/proc/self/mountinfo").value(), '\n')) {
    const bool others = line.find("/sandboxes/") != std::string::npos ||
                        line.find(" /tmp/api-test-") != std::string::npos;
    if (!others) out += line + "\n";
  }
  return out;
}

// The back file of a loop device; empty: it has none.
std::string BackFile(const std::string& node) {
  const auto text =
      ReadFile("/sys/block/" + node.substr(node.rfind('/') + 1) + "/loop/backing_file");
  return text.ok() ? std::string(Trim(*text)) : std::string();
}

// The kernel lets go of a device a moment after its last user.
bool BecomesFree(const std::string& node) {
  const Deadline deadline = Deadline::After(kPatience);
  while (!deadline.passed()) {
    if (BackFile(node).empty()) return true;
    poll(nullptr, 0, 5);
  }
  return false;
}

class ProcessPluginTest : public ::testing::Test {
 protected:
  ProcessPluginTest() {
    char name[] = "/tmp/process-plugin-test-XXXXXX";
    dir_ = mkdtemp(name);
    for (const char* sub : {"/vm", "/share"}) std::filesystem::create_directories(dir_ + sub);
    std::ofstream(dir_ + "/share/hello") << "from the host";
    mounts_ = Mounts();
    interfaces_ = std::make_unique<sdk::Interfaces>(host_.raw());
    const FakeOptions options({{"allow_insecure", "true"}, {"agent", SHOJI_PROCESS_AGENT}});
    EXPECT_EQ(table_->open(interfaces_.get(), options.raw(), &hypervisor_, error_.raw()), SHOJI_OK)
        << error_.message;
  }
  ~ProcessPluginTest() override {
    if (vm_ != nullptr) {
      EXPECT_EQ(table_->destroy(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
    }
    EXPECT_TRUE(ListDir(dir_ + "/vm").value().empty());
    EXPECT_EQ(Mounts(), mounts_) << "mounts of the host have changed";
    EXPECT_FALSE(PathExists(CgroupFor("test-vm", dir_ + "/vm")));
    siginfo_t info{};
    EXPECT_LT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0) << "children are left";
    table_->close(hypervisor_);
    std::filesystem::remove_all(dir_);
  }

  std::int32_t Create(const std::string& params = "") {
    const std::string run_dir = dir_ + "/vm";
    const std::string shared = dir_ + "/share";
    const shoji_share rw{sizeof rw, 0, sdk::ToStr("kataShared"), sdk::ToStr(shared)};
    const shoji_share ro{sizeof ro, SHOJI_SHARE_READONLY, sdk::ToStr("ro"), sdk::ToStr(shared)};
    const shoji_share* shares[] = {&rw, &ro};
    shoji_vm_config config{};
    config.struct_size = sizeof config;
    config.vcpus = 1;
    config.id = sdk::ToStr("test-vm");
    config.run_dir = sdk::ToStr(run_dir);
    config.kernel_params = sdk::ToStr(params);
    config.shares = shares;
    config.share_count = 2;
    config.devices = devices_.data();
    config.device_count = static_cast<std::uint32_t>(devices_.size());
    return table_->create(hypervisor_, nullptr, &config, &vm_, error_.raw());
  }
  void CreateAndStart(const std::string& params = "") {
    ASSERT_EQ(Create(params), SHOJI_OK) << error_.message;
    const FakeCall call{milliseconds(kPatience)};
    ASSERT_EQ(table_->start(vm_, call.raw(), error_.raw()), SHOJI_OK) << error_.message;
    ASSERT_GE(table_->wait_fd(vm_), 0);
  }
  template <typename Slot>
  std::string TextOf(Slot slot, shoji_vm* vm = nullptr) {
    FakeSink sink;
    EXPECT_EQ(slot(vm == nullptr ? vm_ : vm, sink.raw(), error_.raw()), SHOJI_OK) << error_.message;
    return sink.text();
  }
  SavedVm Saved() { return DecodeState(TextOf(table_->save_state)).value(); }
  // A path as the agent sees it.
  std::string Inside(const std::string& path) {
    return "/proc/" + std::to_string(Saved().agent.pid) + "/root" + path;
  }
  template <typename Table>
  const Table* Extension(const char* id) {
    return static_cast<const Table*>(table_->get_extension(vm_, id));
  }
  const shoji_hypervisor_hotplug_v1* Hotplug() {
    return Extension<shoji_hypervisor_hotplug_v1>(SHOJI_HYPERVISOR_HOTPLUG_V1);
  }
  std::int32_t AttachDisk(const std::string& id, const std::string& path, std::uint32_t flags,
                          std::string* answer) {
    shoji_block_device block{sizeof block, flags, sdk::ToStr(path), {nullptr, 0}, nullptr};
    const shoji_device device{sizeof device, SHOJI_DEVICE_BLOCK, sdk::ToStr(id), &block};
    FakeSink sink;
    const auto code = Hotplug()->attach(vm_, nullptr, &device, sink.raw(), error_.raw());
    *answer = sink.text();
    return code;
  }
  std::string MakeDisk(const std::string& name) {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path) << "first block";
    std::filesystem::resize_file(path, 1U << 20U);
    return path;
  }

  FakeHost host_;
  FakeError error_;
  std::string dir_;
  std::string mounts_;
  std::vector<const shoji_device*> devices_;
  const shoji_hypervisor_v1* table_ = sdk::HypervisorTable<ProcessHypervisor>();
  std::unique_ptr<sdk::Interfaces> interfaces_;
  shoji_hypervisor* hypervisor_ = nullptr;
  shoji_vm* vm_ = nullptr;
};

TEST_F(ProcessPluginTest, RefusesToBeInsecureUnasked) {
  for (const char* value : {"false", ""}) {
    const FakeOptions options({{"allow_insecure", value}, {"agent", SHOJI_PROCESS_AGENT}});
    shoji_hypervisor* refused = nullptr;
    EXPECT_EQ(table_->open(interfaces_.get(), options.raw(), &refused, error_.raw()),
              SHOJI_FAILED_PRECONDITION);
    EXPECT_EQ(refused, nullptr);
    EXPECT_THAT(error_.message, HasSubstr("no isolation boundary"));
    EXPECT_THAT(error_.message, HasSubstr("hypervisor.process.allow_insecure = true"));
  }
}

TEST_F(ProcessPluginTest, ServesManyAsAVmmWithHybridVsockDoes) {
  table_->close(hypervisor_);
  const FakeOptions options(
      {{"allow_insecure", "true"}, {"agent", SHOJI_PROCESS_AGENT}, {"hybrid_vsock", "true"}});
  ASSERT_EQ(table_->open(interfaces_.get(), options.raw(), &hypervisor_, error_.raw()), SHOJI_OK);
  CreateAndStart();
  EXPECT_EQ(Saved().agent_port, 1024U);
  const std::string url = "hvsock://" + dir_ + "/vm/kata.sock:";
  EXPECT_EQ(TextOf(table_->agent_endpoint), url + "1024");
  const DialLimits limits{Deadline::After(kPatience)};
  const auto dial = [&](const std::string& port) {
    return DialAgentOnce(ParseAgentUrl(url + port).value(), limits);
  };
  // One that says nothing, and one that says too much, keep nobody else waiting.
  const auto silent = ConnectUnix(dir_ + "/vm/kata.sock");
  const auto endless = ConnectUnix(dir_ + "/vm/kata.sock");
  ASSERT_TRUE(silent.ok() && endless.ok());
  ASSERT_TRUE(WriteAll(endless->get(), std::string(100, 'x')).ok());
  const auto one = dial("1024");
  const auto two = dial("1024");
  ASSERT_TRUE(one.ok() && two.ok()) << one.status().message();
  for (const UniqueFd* fd : {&*one, &*two}) {  // the server speaks first: SETTINGS
    std::array<char, 9> frame{};
    ASSERT_EQ(recv(fd->get(), frame.data(), frame.size(), MSG_WAITALL), 9);
    EXPECT_EQ(frame[3], 4);
  }
  EXPECT_EQ(dial("1025").status().detail("retry"), "1");
  char byte = 0;
  EXPECT_LE(recv(endless->get(), &byte, 1, 0), 0);
}

TEST_F(ProcessPluginTest, StartsAndStops) {
  CreateAndStart();
  ASSERT_FALSE(host_.logs().empty());
  EXPECT_EQ(host_.logs()[0].first, SHOJI_LOG_WARN);
  EXPECT_THAT(host_.logs()[0].second, HasSubstr("NO ISOLATION"));
  EXPECT_EQ(Split(TextOf(table_->pids), '\n').size(), 2U);
  EXPECT_EQ(TextOf(table_->agent_endpoint), "unix://" + dir_ + "/vm/kata.sock");
  EXPECT_TRUE(ConnectUnix(dir_ + "/vm/kata.sock").ok());
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_FAILED_PRECONDITION);
  for (const std::uint32_t flags : {0U, 0U, SHOJI_VM_STOP_FORCE}) {
    EXPECT_EQ(table_->stop(vm_, nullptr, flags, error_.raw()), SHOJI_OK) << error_.message;
  }
  EXPECT_TRUE(Readable(table_->wait_fd(vm_)));
  EXPECT_EQ(TextOf(table_->pids), "");
}

TEST_F(ProcessPluginTest, LivesInAWorldOfItsOwn) {
  CreateAndStart();
  const std::string agent = "/proc/" + std::to_string(Saved().agent.pid);
  for (const char* kind : {"mnt", "pid", "ipc", "uts", "net"}) {
    EXPECT_NE(std::filesystem::read_symlink(agent + "/ns/" + kind),
              std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind));
  }
  EXPECT_EQ(std::filesystem::read_symlink(agent + "/ns/user"),
            std::filesystem::read_symlink("/proc/self/ns/user"));
  EXPECT_EQ(ListDir(Inside("/")).value(),
            (std::vector<std::string>{"dev", "etc", "proc", "run", "shares", "sys", "tmp"}));
  EXPECT_EQ(ReadFile(Inside("/shares/kataShared/hello")).value(), "from the host");
  EXPECT_TRUE(WriteFile(Inside("/shares/kataShared/new"), "x").ok());
  EXPECT_TRUE(PathExists(dir_ + "/share/new"));
  EXPECT_FALSE(WriteFile(Inside("/shares/ro/refused"), "x").ok());
  EXPECT_FALSE(WriteFile(Inside("/sys/kernel/profiling"), "x").ok()) << "the host's /sys";
}

TEST_F(ProcessPluginTest, SharesAreBindMounts) {
  CreateAndStart();
  const auto* shares = Extension<shoji_hypervisor_shares_v1>(SHOJI_HYPERVISOR_SHARES_V1);
  ASSERT_NE(shares, nullptr);
  FakeSink sink;
  ASSERT_EQ(shares->share_mount(vm_, sdk::ToStr("kataShared"), sink.raw(), error_.raw()), SHOJI_OK);
  const auto json = nlohmann::json::parse(sink.text());
  EXPECT_EQ(json["source"], "/shares/kataShared");
  EXPECT_EQ(json["fstype"], "bind");
  FakeSink none;
  EXPECT_EQ(shares->share_mount(vm_, sdk::ToStr("../x"), none.raw(), error_.raw()),
            SHOJI_NOT_FOUND);
  EXPECT_EQ(none.text(), "");
}

TEST_F(ProcessPluginTest, ShareComesAndGoes) {
  CreateAndStart();
  const std::string path = dir_ + "/more";
  std::filesystem::create_directories(path);
  std::ofstream(path + "/file") << "more";
  shoji_share share{sizeof share, SHOJI_SHARE_READONLY, sdk::ToStr("more"), sdk::ToStr(path)};
  const shoji_device device{sizeof device, SHOJI_DEVICE_SHARE, sdk::ToStr("s1"), &share};
  for (int i = 0; i < 2; ++i) {
    FakeSink sink;
    ASSERT_EQ(Hotplug()->attach(vm_, nullptr, &device, sink.raw(), error_.raw()), SHOJI_OK)
        << error_.message;
    EXPECT_EQ(sink.text(), R"({"mount_tag":"more"})");
  }
  EXPECT_EQ(ReadFile(Inside("/shares/more/file")).value(), "more");
  EXPECT_FALSE(WriteFile(Inside("/shares/more/x"), "x").ok());
  const auto* shares = Extension<shoji_hypervisor_shares_v1>(SHOJI_HYPERVISOR_SHARES_V1);
  FakeSink mount;
  EXPECT_EQ(shares->share_mount(vm_, sdk::ToStr("more"), mount.raw(), error_.raw()), SHOJI_OK);
  share.flags = 0;  // other content
  FakeSink other;
  EXPECT_EQ(Hotplug()->attach(vm_, nullptr, &device, other.raw(), error_.raw()),
            SHOJI_ALREADY_EXISTS);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Hotplug()->detach(vm_, nullptr, sdk::ToStr("s1"), error_.raw()), SHOJI_OK);
  }
  EXPECT_FALSE(PathExists(Inside("/shares/more")));
}

TEST_F(ProcessPluginTest, DiskIsALoopDeviceThatEndsWithIt) {
  if (!PathExists("/dev/loop-control")) GTEST_SKIP() << "no loop devices";
  CreateAndStart();
  std::string answer;
  const std::string path = MakeDisk("disk");
  ASSERT_EQ(AttachDisk("d1", path, 0, &answer), SHOJI_OK) << error_.message;
  const std::string node = nlohmann::json::parse(answer).at("path");
  EXPECT_EQ(BackFile(node), path);
  EXPECT_TRUE(PathExists(Inside(node)));
  std::string again;
  EXPECT_EQ(AttachDisk("d1", path, 0, &again), SHOJI_OK);
  EXPECT_EQ(again, answer);
  EXPECT_EQ(AttachDisk("d1", path, SHOJI_BLOCK_READONLY, &again), SHOJI_ALREADY_EXISTS);
  ASSERT_EQ(AttachDisk("d2", MakeDisk("second"), SHOJI_BLOCK_READONLY, &again), SHOJI_OK);
  const std::string second = nlohmann::json::parse(again).at("path");
  EXPECT_EQ(ReadFile("/sys/block/" + second.substr(5) + "/ro").value(), "1\n");
  EXPECT_EQ(Hotplug()->detach(vm_, nullptr, sdk::ToStr("d1"), error_.raw()), SHOJI_OK);
  EXPECT_TRUE(BecomesFree(node));
  EXPECT_EQ(BackFile(second), dir_ + "/second");
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK);
  EXPECT_TRUE(BecomesFree(second));
}

TEST_F(ProcessPluginTest, DiskThatIsMountedStays) {
  if (!PathExists("/dev/loop-control")) GTEST_SKIP() << "no loop devices";
  CreateAndStart();
  const std::string path = MakeDisk("disk");
  std::filesystem::resize_file(path, 4U << 20U);
  if (std::system(("mkfs.ext4 -q -F " + path).c_str()) != 0) GTEST_SKIP() << "no mkfs.ext4";
  std::string answer;
  ASSERT_EQ(AttachDisk("d", path, 0, &answer), SHOJI_OK) << error_.message;
  const std::string node = nlohmann::json::parse(answer).at("path");
  const std::string point = dir_ + "/point";
  std::filesystem::create_directories(point);
  ASSERT_EQ(mount(node.c_str(), point.c_str(), "ext4", 0, nullptr), 0);
  const FakeCall call(milliseconds(100));
  EXPECT_EQ(Hotplug()->detach(vm_, call.raw(), sdk::ToStr("d"), error_.raw()),
            SHOJI_DEADLINE_EXCEEDED);
  EXPECT_THAT(error_.message, HasSubstr("mounted"));
  EXPECT_EQ(umount(point.c_str()), 0);
  EXPECT_EQ(Hotplug()->detach(vm_, nullptr, sdk::ToStr("d"), error_.raw()), SHOJI_OK);
  EXPECT_TRUE(BecomesFree(node));
}

TEST_F(ProcessPluginTest, DisksThatCannotBe) {
  CreateAndStart();
  std::string answer;
  EXPECT_EQ(AttachDisk("d", dir_ + "/none", 0, &answer), SHOJI_NOT_FOUND);
  EXPECT_THAT(error_.message, HasSubstr(dir_ + "/none"));
  EXPECT_EQ(AttachDisk("../d", MakeDisk("disk"), 0, &answer), SHOJI_INVALID_ARGUMENT);
  shoji_block_device block{sizeof block, 0, sdk::ToStr("/x"), sdk::ToStr("qcow2"), nullptr};
  const shoji_device device{sizeof device, SHOJI_DEVICE_BLOCK, sdk::ToStr("q"), &block};
  FakeSink sink;
  EXPECT_EQ(Hotplug()->attach(vm_, nullptr, &device, sink.raw(), error_.raw()),
            SHOJI_UNIMPLEMENTED);
  shoji_vsock_device vsock{sizeof vsock, 5};
  const shoji_device other{sizeof other, SHOJI_DEVICE_VSOCK, sdk::ToStr("v"), &vsock};
  EXPECT_EQ(Hotplug()->attach(vm_, nullptr, &other, sink.raw(), error_.raw()), SHOJI_UNIMPLEMENTED);
  EXPECT_EQ(Hotplug()->detach(vm_, nullptr, sdk::ToStr("none"), error_.raw()), SHOJI_OK);
}

TEST_F(ProcessPluginTest, DevicesAtTheStart) {
  if (!PathExists("/dev/loop-control")) GTEST_SKIP() << "no loop devices";
  const std::string path = MakeDisk("disk");
  shoji_block_device block{sizeof block, 0, sdk::ToStr(path), {nullptr, 0}, nullptr};
  const shoji_device device{sizeof device, SHOJI_DEVICE_BLOCK, sdk::ToStr("d"), &block};
  devices_ = {&device};
  CreateAndStart();
  std::string answer;
  EXPECT_EQ(AttachDisk("d", path, 0, &answer), SHOJI_OK) << error_.message;
  EXPECT_EQ(BackFile(nlohmann::json::parse(answer).at("path")), path);
}

TEST_F(ProcessPluginTest, FailedDeviceAtTheStartLeavesNothing) {
  const std::string path = dir_ + "/none";
  shoji_block_device block{sizeof block, 0, sdk::ToStr(path), {nullptr, 0}, nullptr};
  const shoji_device device{sizeof device, SHOJI_DEVICE_BLOCK, sdk::ToStr("d"), &block};
  devices_ = {&device};
  ASSERT_EQ(Create(), SHOJI_OK) << error_.message;
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_NOT_FOUND);
  EXPECT_THAT(error_.message, HasSubstr(path));
  EXPECT_EQ(TextOf(table_->pids), "");
  EXPECT_TRUE(ListDir(dir_ + "/vm").value().empty());
}

// Runs the task in a network namespace, and the test goes on in its own.
class InNetwork {
 public:
  explicit InNetwork(const std::string& path) : own_(open("/proc/self/ns/net", O_RDONLY)) {
    const UniqueFd there(path.empty() ? -1 : open(path.c_str(), O_RDONLY));
    EXPECT_EQ(path.empty() ? unshare(CLONE_NEWNET) : setns(there.get(), CLONE_NEWNET), 0);
  }
  ~InNetwork() { EXPECT_EQ(setns(own_.get(), CLONE_NEWNET), 0); }

 private:
  UniqueFd own_;
};

void BringUp(const char* name) {
  const UniqueFd any(socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  ASSERT_EQ(ioctl(any.get(), SIOCGIFFLAGS, &request), 0) << name;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  ASSERT_EQ(ioctl(any.get(), SIOCSIFFLAGS, &request), 0) << name;
}

// Frames of a type that nobody else sends.
constexpr std::uint16_t kFrameType = 0x88b5;

UniqueFd RawSocket(const char* name) {
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW, htons(kFrameType)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kFrameType);
  address.sll_ifindex = static_cast<int>(if_nametoindex(name));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << name;
  return fd;
}

void SendFrame(int fd, const std::string& text) {
  std::string frame = "\xff\xff\xff\xff\xff\xff\x02\x77\x77\x77\x77\x77\x88\xb5" + text;
  frame.resize(std::max<std::size_t>(frame.size(), 60));
  EXPECT_EQ(send(fd, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
}

std::string ReceiveFrame(int fd) {
  char frame[2048] = {};
  if (!Readable(fd)) return "nothing came";
  const ssize_t size = recv(fd, frame, sizeof frame, 0);
  return size > 14 ? std::string(frame + 14) : "cut off";
}

TEST_F(ProcessPluginTest, CardCarriesFrames) {
  if (!PathExists("/dev/net/tun")) GTEST_SKIP() << "no tap devices";
  CreateAndStart();
  const std::string netns = "/proc/" + std::to_string(Saved().agent.pid) + "/ns/net";
  UniqueFd tap;
  UniqueFd outside;
  {
    const InNetwork host("");  // in place of the host's, which stays as it is
    tap.reset(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    std::strncpy(request.ifr_name, "tap7", sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    ASSERT_EQ(ioctl(tap.get(), TUNSETIFF, &request), 0);
    BringUp("tap7");
    outside = RawSocket("tap7");
  }
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  nic.queues = 1;
  nic.id = sdk::ToStr("eth0");
  nic.mac = sdk::ToStr("02:00:00:00:00:09");
  nic.mtu = 1400;
  nic.tap_fds[0] = tap.get();
  nic.vhost_fds[0] = -1;
  const shoji_device device{sizeof device, SHOJI_DEVICE_NIC, sdk::ToStr("n1"), &nic};
  for (int i = 0; i < 2; ++i) {
    FakeSink sink;
    ASSERT_EQ(Hotplug()->attach(vm_, nullptr, &device, sink.raw(), error_.raw()), SHOJI_OK)
        << error_.message;
  }
  tap.reset();  // the keeper has its own
  UniqueFd inside;
  {
    const InNetwork agent(netns);
    BringUp("eth0");
    inside = RawSocket("eth0");
    const UniqueFd any(socket(AF_INET, SOCK_DGRAM, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, "eth0", sizeof request.ifr_name - 1);
    ASSERT_EQ(ioctl(any.get(), SIOCGIFHWADDR, &request), 0);
    EXPECT_EQ(request.ifr_hwaddr.sa_data[5], 9);
    ASSERT_EQ(ioctl(any.get(), SIOCGIFMTU, &request), 0);
    EXPECT_EQ(request.ifr_mtu, 1400);
  }
  for (int i = 0; i < 20; ++i) {
    SendFrame(outside.get(), "in " + std::to_string(i));
    ASSERT_EQ(ReceiveFrame(inside.get()), "in " + std::to_string(i));
    SendFrame(inside.get(), "out " + std::to_string(i));
    ASSERT_EQ(ReceiveFrame(outside.get()), "out " + std::to_string(i));
  }
  EXPECT_EQ(Hotplug()->detach(vm_, nullptr, sdk::ToStr("n1"), error_.raw()), SHOJI_OK);
  const InNetwork agent(netns);
  EXPECT_EQ(if_nametoindex("eth0"), 0U) << "it has gone";
}

TEST_F(ProcessPluginTest, PausesAndCounts) {
  if (CgroupFor("x", "/").empty()) GTEST_SKIP() << "no cgroup v2";
  CreateAndStart();
  const auto* pause = Extension<shoji_hypervisor_pause_v1>(SHOJI_HYPERVISOR_PAUSE_V1);
  const auto* stats = Extension<shoji_hypervisor_stats_v1>(SHOJI_HYPERVISOR_STATS_V1);
  ASSERT_NE(pause, nullptr);
  ASSERT_NE(stats, nullptr);
  const std::string events = Saved().cgroup + "/cgroup.events";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(pause->pause(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
  }
  EXPECT_THAT(ReadFile(events).value(), HasSubstr("frozen 1"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(pause->resume(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
  }
  EXPECT_THAT(ReadFile(events).value(), HasSubstr("frozen 0"));
  shoji_vm_stats use{};
  use.struct_size = sizeof use;
  ASSERT_EQ(stats->stats(vm_, nullptr, &use, error_.raw()), SHOJI_OK) << error_.message;
  EXPECT_EQ(use.vcpus, 1U);
  EXPECT_GT(use.cpu_ns, 0U);
  EXPECT_GT(use.resident_bytes, 1U << 20U);
  EXPECT_EQ(pause->pause(vm_, nullptr, error_.raw()), SHOJI_OK);
  EXPECT_EQ(table_->stop(vm_, nullptr, 0, error_.raw()), SHOJI_OK) << "also a frozen one";
  EXPECT_EQ(stats->stats(vm_, nullptr, &use, error_.raw()), SHOJI_UNAVAILABLE);
  EXPECT_EQ(pause->resume(vm_, nullptr, error_.raw()), SHOJI_UNAVAILABLE);
}

TEST_F(ProcessPluginTest, ConsoleIsTheAgentsLog) {
  CreateAndStart("agent.log=nonsense quiet");
  const auto* console = Extension<shoji_hypervisor_console_v1>(SHOJI_HYPERVISOR_CONSOLE_V1);
  std::int32_t fd = -1;
  ASSERT_EQ(console->open_console(vm_, nullptr, &fd, error_.raw()), SHOJI_OK) << error_.message;
  std::int32_t other = -1;
  EXPECT_EQ(console->open_console(vm_, nullptr, &other, error_.raw()), SHOJI_ABORTED);
  EXPECT_EQ(other, -1);
  ASSERT_TRUE(Readable(fd));
  char text[512] = {};
  EXPECT_GT(read(fd, text, sizeof text - 1), 0);
  EXPECT_THAT(std::string(text), HasSubstr("makes no sense"));
  // What came over the console is kept as well.
  EXPECT_THAT(TextOf(table_->last_words), HasSubstr("agent.log=nonsense makes no sense"));
  close(fd);
  ASSERT_EQ(console->open_console(vm_, nullptr, &fd, error_.raw()), SHOJI_OK) << error_.message;
  close(fd);
}

// In another process, as the next command of the operator would.
TEST_F(ProcessPluginTest, IsFoundFromAnotherProcess) {
  CreateAndStart();
  const std::string state = TextOf(table_->save_state);
  const pid_t child = fork();
  if (child == 0) {
    shoji_vm* found = nullptr;
    const bool good =
        table_->attach(hypervisor_, nullptr, sdk::ToStr(state), &found, nullptr) == SHOJI_OK &&
        table_->wait_fd(found) >= 0 && TextOf(table_->pids, found) == TextOf(table_->pids) &&
        table_->start(found, nullptr, nullptr) == SHOJI_FAILED_PRECONDITION &&
        table_->destroy(found, nullptr, nullptr) == SHOJI_OK;
    _exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(Readable(table_->wait_fd(vm_)));
  EXPECT_EQ(TextOf(table_->pids), "");
  shoji_vm* gone = nullptr;
  EXPECT_EQ(table_->attach(hypervisor_, nullptr, sdk::ToStr(state), &gone, error_.raw()),
            SHOJI_NOT_FOUND);
  ASSERT_NE(gone, nullptr) << "a handle to clean up with";
  EXPECT_EQ(table_->destroy(gone, nullptr, error_.raw()), SHOJI_OK) << error_.message;
}

TEST_F(ProcessPluginTest, CloseLeavesItRunning) {
  CreateAndStart();
  const std::string state = TextOf(table_->save_state);
  table_->close_vm(vm_);
  vm_ = nullptr;
  ASSERT_EQ(table_->attach(hypervisor_, nullptr, sdk::ToStr(state), &vm_, error_.raw()), SHOJI_OK)
      << error_.message;
  EXPECT_EQ(Split(TextOf(table_->pids), '\n').size(), 2U);
}

TEST_F(ProcessPluginTest, WhoeverIsKilledTheRestGoesToo) {
  for (const bool keeper : {true, false}) {
    CreateAndStart();
    const SavedVm saved = Saved();
    const UniqueFd agent = OpenPidfd(saved.agent.pid).value();
    ASSERT_EQ(kill(keeper ? saved.keeper.pid : saved.agent.pid, SIGKILL), 0);
    EXPECT_TRUE(Readable(table_->wait_fd(vm_)));
    EXPECT_TRUE(Readable(agent.get()));
    if (!keeper) {
      EXPECT_FALSE(PathExists(saved.cgroup)) << "the keeper cleans up";
    }
    EXPECT_EQ(table_->destroy(vm_, nullptr, error_.raw()), SHOJI_OK) << error_.message;
    vm_ = nullptr;
    EXPECT_FALSE(PathExists(saved.cgroup));
  }
}

TEST_F(ProcessPluginTest, NextStartSweepsWhatNobodyKnowsOf) {
  const std::string mine = CgroupFor("test-vm", dir_ + "/vm");
  if (mine.empty()) GTEST_SKIP() << "no cgroup v2";
  const std::string lost = CgroupFor("lost", dir_);
  ASSERT_TRUE(MakeDirs(lost + "/agent").ok());
  CreateAndStart();
  EXPECT_FALSE(PathExists(lost));
  EXPECT_TRUE(PathExists(mine));
}

TEST_F(ProcessPluginTest, AgentThatDoesNotStartTellsWhy) {
  const std::string missing = dir_ + "/gone";
  std::filesystem::create_directories(missing);
  const std::string run_dir = dir_ + "/vm";
  const shoji_share share{sizeof share, 0, sdk::ToStr("t"), sdk::ToStr(missing)};
  const shoji_share* shares[] = {&share};
  shoji_vm_config config{};
  config.struct_size = sizeof config;
  config.id = sdk::ToStr("test-vm");
  config.run_dir = sdk::ToStr(run_dir);
  config.shares = shares;
  config.share_count = 1;
  ASSERT_EQ(table_->create(hypervisor_, nullptr, &config, &vm_, error_.raw()), SHOJI_OK);
  std::filesystem::remove_all(missing);
  EXPECT_EQ(table_->start(vm_, nullptr, error_.raw()), SHOJI_NOT_FOUND);
  EXPECT_THAT(error_.message, HasSubstr("cannot show share \"t\""));
  EXPECT_TRUE(ListDir(run_dir).value().empty());
  EXPECT_EQ(table_->wait_fd(vm_), -1);
}

TEST_F(ProcessPluginTest, StartThatIsCancelledLeavesNothing) {
  ASSERT_EQ(Create(), SHOJI_OK);
  const FakeCall call;
  call.Cancel();
  const std::int32_t code = table_->start(vm_, call.raw(), error_.raw());
  EXPECT_TRUE(code == SHOJI_CANCELLED || code == SHOJI_OK) << error_.message;
}

TEST_F(ProcessPluginTest, BadConfigurations) {
  const std::string run_dir = dir_ + "/vm";
  const std::string none = dir_ + "/none";
  shoji_vm_config config{};
  config.struct_size = sizeof config;
  config.id = sdk::ToStr("test-vm");
  config.run_dir = sdk::ToStr(none);
  shoji_vm* vm = nullptr;
  EXPECT_EQ(table_->create(hypervisor_, nullptr, &config, &vm, error_.raw()), SHOJI_NOT_FOUND);
  config.run_dir = sdk::ToStr(run_dir);
  config.flags = SHOJI_VM_MEMORY_FILE;
  config.memory_path = sdk::ToStr(none);
  EXPECT_EQ(table_->create(hypervisor_, nullptr, &config, &vm, error_.raw()), SHOJI_UNIMPLEMENTED);
  config.flags = 0;
  for (const auto& [tag, path, code] :
       std::vector<std::tuple<std::string, std::string, std::int32_t>>{
           {"..", run_dir, SHOJI_INVALID_ARGUMENT},
           {"t", "relative", SHOJI_INVALID_ARGUMENT},
           {"t", none, SHOJI_NOT_FOUND}}) {
    const shoji_share share{sizeof share, 0, sdk::ToStr(tag), sdk::ToStr(path)};
    const shoji_share* shares[] = {&share};
    config.shares = shares;
    config.share_count = 1;
    EXPECT_EQ(table_->create(hypervisor_, nullptr, &config, &vm, error_.raw()), code) << tag;
  }
  EXPECT_EQ(vm, nullptr);
}

}  // namespace
}  // namespace shoji::process
