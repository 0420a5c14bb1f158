// The calls about the machine: network, hotplug, disks, devices, hooks, users, options; on the
// host, with a sysfs of the test's own where the real one is not the guest's to change.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "testing/files.h"
#include "testing/guest.h"
#include "testing/loop_disk.h"
#include "testing/veth.h"

namespace shoji::agent {
namespace {

using grpc::StatusCode;
using ::testing::Contains;
using testing::Guest;
using testing::GuestOptions;
using ::testing::HasSubstr;
using Stub = grpc::AgentService::Stub;

constexpr char kMac[] = "02:00:00:00:00:01";

// One call: Call(guest, &Stub::ListRoutes, request, &reply).
template <typename Method, typename Request, typename Reply>
grpc::Status Call(Guest* guest, Method method, const Request& request, Reply* reply) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  return (guest->agent().*method)(&context, request, reply);
}
template <typename Method, typename Request>
grpc::Status Do(Guest* guest, Method method, const Request& request) {
  google::protobuf::Empty empty;
  return Call(guest, method, request, &empty);
}

grpc::UpdateInterfaceRequest Interface(const std::string& name, const std::string& mac,
                                       const std::string& address) {
  grpc::UpdateInterfaceRequest request;
  request.mutable_interface()->set_name(name);
  request.mutable_interface()->set_hwaddr(mac);
  request.mutable_interface()->set_mtu(1400);
  types::IPAddress* ip = request.mutable_interface()->add_ipaddresses();
  ip->set_address(address);
  ip->set_mask("24");
  return request;
}

void Plug(const Guest& guest, const std::string& name, const std::string& mac) {
  guest.InNetwork([&] {
    ASSERT_TRUE(testing::MakeVeth(name, mac, name + "p", "02:00:00:00:00:99").ok());
    ASSERT_TRUE(testing::SwitchOn(name + "p").ok());
  });
}

TEST(NetworkCalls, BeforeThereIsASandbox) {
  Guest guest;
  Plug(guest, "v0", kMac);
  types::Interface made;
  auto status = Call(&guest, &Stub::UpdateInterface, Interface("eth0", kMac, "10.0.0.2"), &made);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(made.name(), "eth0");
  EXPECT_EQ(made.ipaddresses(0).address(), "10.0.0.2");

  grpc::UpdateRoutesRequest routes;
  types::Route* route = routes.mutable_routes()->add_routes();
  route->set_gateway("10.0.0.1");
  route->set_device("eth0");
  grpc::Routes told;
  status = Call(&guest, &Stub::UpdateRoutes, routes, &told);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(told.routes_size(), 1) << "what was asked for, not the kernel's too";
  grpc::Routes listed;
  ASSERT_TRUE(Call(&guest, &Stub::ListRoutes, grpc::ListRoutesRequest(), &listed).ok());
  std::vector<std::string> listed4;
  for (const types::Route& one : listed.routes()) {
    if (one.dest().find(':') == std::string::npos) listed4.push_back(one.dest());
  }
  EXPECT_THAT(listed4, ::testing::UnorderedElementsAre("", "10.0.0.0/24"));

  grpc::AddARPNeighborsRequest neighbors;
  types::ARPNeighbor* neighbor = neighbors.mutable_neighbors()->add_arpneighbors();
  neighbor->mutable_toipaddress()->set_address("10.0.0.1");
  neighbor->set_device("eth0");
  neighbor->set_lladdr("02:00:00:00:00:42");
  status = Do(&guest, &Stub::AddARPNeighbors, neighbors);
  EXPECT_TRUE(status.ok()) << status.error_message();

  grpc::Interfaces interfaces;
  ASSERT_TRUE(Call(&guest, &Stub::ListInterfaces, grpc::ListInterfacesRequest(), &interfaces).ok());
  std::string mtu;
  for (const types::Interface& interface : interfaces.interfaces()) {
    if (interface.name() == "eth0") mtu = std::to_string(interface.mtu());
  }
  EXPECT_EQ(mtu, "1400");
  EXPECT_TRUE(guest.CreateSandbox().ok());

  // The containers see it.
  ASSERT_TRUE(guest.Run("c", {"cat", "/proc/net/dev"}).ok());
  EXPECT_THAT(guest.ReadAll("c", "c"), HasSubstr("eth0:"));
}

TEST(NetworkCalls, WaitForADeviceThatIsOnItsWay) {
  Guest guest({"", {"agent.hotplug_timeout=30s"}});
  types::Interface made;
  grpc::Status status;
  std::thread caller([&] {
    status = Call(&guest, &Stub::UpdateInterface, Interface("eth0", kMac, "10.0.0.2"), &made);
  });
  // A call that is answered after it shows that the first is being waited for.
  grpc::Interfaces interfaces;
  EXPECT_TRUE(Call(&guest, &Stub::ListInterfaces, grpc::ListInterfacesRequest(), &interfaces).ok());
  Plug(guest, "v0", kMac);
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST(NetworkCalls, Failures) {
  Guest guest({"", {"agent.hotplug_timeout=20ms"}});
  types::Interface made;
  auto status = Call(&guest, &Stub::UpdateInterface, Interface("eth0", kMac, "10.0.0.2"), &made);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND) << status.error_message();
  auto request = Interface("eth0", kMac, "10.0.0.2");
  request.mutable_interface()->set_pcipath("1f/1f");
  status = Call(&guest, &Stub::UpdateInterface, request, &made);
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  request.mutable_interface()->set_pcipath("nonsense");
  status = Call(&guest, &Stub::UpdateInterface, request, &made);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  status = Call(&guest, &Stub::UpdateInterface, grpc::UpdateInterfaceRequest(), &made);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  grpc::Routes routes;
  status = Call(&guest, &Stub::UpdateRoutes, grpc::UpdateRoutesRequest(), &routes);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  status = Do(&guest, &Stub::AddARPNeighbors, grpc::AddARPNeighborsRequest());
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
}

grpc::OnlineCPUMemRequest Online(unsigned cpus, bool wait, bool cpu_only = false) {
  grpc::OnlineCPUMemRequest request;
  request.set_nb_cpus(cpus);
  request.set_wait(wait);
  request.set_cpu_only(cpu_only);
  return request;
}

class Hotplug : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* dir : {"cpu/cpu0", "cpu/cpufreq", "memory/memory0"}) {
      sys_.MakeDir(std::string("devices/system/") + dir);
    }
    sys_.MakeDir("fs/cgroup");
    AddCpu(1, "1");
    AddMemory(0, "online");
    guest_ = std::make_unique<Guest>(GuestOptions{sys_.path(), {}});
  }
  void AddCpu(int number, const std::string& online) {
    sys_.Write("devices/system/cpu/cpu" + std::to_string(number) + "/online", online);
  }
  void AddMemory(int number, const std::string& state) {
    sys_.Write("devices/system/memory/memory" + std::to_string(number) + "/state", state);
  }
  std::string Cpu(int number) {
    return sys_.Read("devices/system/cpu/cpu" + std::to_string(number) + "/online");
  }
  std::string Memory(int number) {
    return sys_.Read("devices/system/memory/memory" + std::to_string(number) + "/state");
  }

  testing::TempDir sys_;
  std::unique_ptr<Guest> guest_;
};

TEST_F(Hotplug, SwitchesOnWhatIsThere) {
  AddCpu(2, "0\n");
  AddMemory(1, "offline\n");
  auto status = Do(guest_.get(), &Stub::OnlineCPUMem, Online(1, true, true));
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Cpu(2), "1");
  EXPECT_EQ(Memory(1), "offline\n") << "processors only";
  AddCpu(3, "0\n");
  ASSERT_TRUE(Do(guest_.get(), &Stub::OnlineCPUMem, Online(1, true)).ok());
  EXPECT_EQ(Memory(1), "online");
  EXPECT_EQ(Do(guest_.get(), &Stub::OnlineCPUMem, Online(0, true)).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(Hotplug, WaitsForThoseOnTheirWay) {
  AddCpu(2, "0");
  std::atomic<bool> answered = false;
  std::thread caller([&] {
    const auto status = Do(guest_.get(), &Stub::OnlineCPUMem, Online(2, true));
    EXPECT_TRUE(status.ok()) << status.error_message();
    answered = true;
  });
  while (Cpu(2) != "1") std::this_thread::yield();  // the first of two is on
  EXPECT_FALSE(answered);
  AddCpu(3, "0");
  Plug(*guest_, "v0", kMac);  // any announcement of the kernel
  caller.join();
  EXPECT_EQ(Cpu(3), "1");
}

TEST_F(Hotplug, GoesOnAfterTheAnswerUnlessAskedToWait) {
  ASSERT_TRUE(Do(guest_.get(), &Stub::OnlineCPUMem, Online(1, false)).ok());
  AddCpu(2, "0");
  Plug(*guest_, "v0", kMac);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Cpu(2) != "1" && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(Cpu(2), "1");
}

TEST_F(Hotplug, ProbesForMemory) {
  grpc::MemHotplugByProbeRequest request;
  request.add_memhotplugprobeaddr(0x40000000);
  EXPECT_EQ(Do(guest_.get(), &Stub::MemHotplugByProbe, request).error_code(),
            StatusCode::FAILED_PRECONDITION);
  sys_.Write("devices/system/memory/probe", "");
  EXPECT_TRUE(Do(guest_.get(), &Stub::MemHotplugByProbe, request).ok());
  EXPECT_EQ(sys_.Read("devices/system/memory/probe"), "0x40000000");
}

TEST_F(Hotplug, DetailsAreTheMachines) {
  sys_.Write("devices/system/memory/block_size_bytes", "8000000\n");
  grpc::GuestDetailsRequest request;
  grpc::GuestDetailsResponse reply;
  ASSERT_TRUE(Call(guest_.get(), &Stub::GetGuestDetails, request, &reply).ok());
  EXPECT_EQ(reply.mem_block_size_bytes(), 0U) << "only when asked for";
  request.set_mem_block_size(true);
  request.set_mem_hotplug_probe(true);
  ASSERT_TRUE(Call(guest_.get(), &Stub::GetGuestDetails, request, &reply).ok());
  EXPECT_EQ(reply.mem_block_size_bytes(), 0x8000000U);
  EXPECT_FALSE(reply.support_mem_hotplug_probe());
  EXPECT_TRUE(reply.agent_details().supports_seccomp());
  for (const char* type : {"blk", "mmioblk", "nvdimm", "scsi", "vfio"}) {
    EXPECT_THAT(reply.agent_details().device_handlers(), Contains(type));
  }
  for (const char* driver :
       {"9p", "virtio-fs", "blk", "mmioblk", "nvdimm", "scsi", "ephemeral", "local"}) {
    EXPECT_THAT(reply.agent_details().storage_handlers(), Contains(driver));
  }
  sys_.Write("devices/system/memory/probe", "");
  ASSERT_TRUE(Call(guest_.get(), &Stub::GetGuestDetails, request, &reply).ok());
  EXPECT_TRUE(reply.support_mem_hotplug_probe());
}

class Machine : public ::testing::Test {
 protected:
  void SetUp() override {
    guest_ = std::make_unique<Guest>(GuestOptions{"", {"agent.hotplug_timeout=50ms"}});
  }
  grpc::Status CreateSandbox(const grpc::CreateSandboxRequest& request = {}) {
    return Do(guest_.get(), &Stub::CreateSandbox, request);
  }
  static void AddStorage(const std::string& driver, const std::string& source,
                         const std::string& point, grpc::Storage* storage) {
    storage->set_driver(driver);
    storage->set_source(source);
    storage->set_fstype("ext4");
    storage->set_mount_point(point);
  }
  testing::TempDir dir_;
  std::unique_ptr<Guest> guest_;
};

TEST_F(Machine, ADiskAsVolumeAndAsDevice) {
  const testing::LoopDisk disk(dir_ / "image");
  if (disk.node().empty()) GTEST_SKIP() << disk.why();
  ASSERT_TRUE(CreateSandbox().ok());
  auto request = guest_->Request("c", {"sh", "-c", "ls /tmp; stat -c %t:%T /dev/mine"});
  AddStorage("blk", disk.node(), "/run/kata-containers/sandbox/storage/d", request.add_storages());
  grpc::Mount* mount = request.mutable_oci()->add_mounts();
  mount->set_destination("/tmp");
  mount->set_type("bind");
  mount->set_source("/run/kata-containers/sandbox/storage/d");
  mount->add_options("rbind");
  grpc::Device* device = request.add_devices();
  device->set_type("blk");
  device->set_vm_path(disk.node());
  device->set_container_path("/dev/mine");
  grpc::LinuxDevice* in_spec = request.mutable_oci()->mutable_linux()->add_devices();
  in_spec->set_path("/dev/mine");
  in_spec->set_type("b");
  in_spec->set_major(259);
  in_spec->set_minor(9);
  in_spec->set_filemode(0600);
  const auto created = guest_->Create(request);
  ASSERT_TRUE(created.ok()) << created.error_message();
  ASSERT_TRUE(guest_->Start("c").ok());
  const std::string number = disk.node().substr(std::string("/dev/loop").size());
  char minor[16];
  std::snprintf(minor, sizeof minor, "%x", std::stoi(number));
  EXPECT_EQ(guest_->ReadAll("c", "c"), "lost+found\n7:" + std::string(minor) + "\n");
  EXPECT_TRUE(guest_->Remove("c").ok());
}

TEST_F(Machine, DisksThatDoNotComeAreToldInTime) {
  ASSERT_TRUE(CreateSandbox().ok());
  auto request = guest_->Request("c", {"true"});
  AddStorage("blk", "1f/1f", "/run/x", request.add_storages());
  EXPECT_EQ(guest_->Create(request).error_code(), StatusCode::DEADLINE_EXCEEDED);
  request.mutable_storages(0)->set_source("sda");
  EXPECT_EQ(guest_->Create(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request.clear_storages();
  request.add_devices()->set_type("blk");
  EXPECT_EQ(guest_->Create(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request.mutable_devices(0)->set_container_path("/dev/x");
  request.mutable_devices(0)->set_vm_path("/dev/no-such-disk");
  EXPECT_EQ(guest_->Create(request).error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(guest_->Run("c", {"true"}).ok()) << "the id is free";
}

TEST_F(Machine, TheSandboxMayWaitForADiskToo) {
  grpc::CreateSandboxRequest request;
  AddStorage("scsi", "1:1", "/run/x", request.add_storages());
  EXPECT_EQ(CreateSandbox(request).error_code(), StatusCode::DEADLINE_EXCEEDED);
  request.mutable_storages(0)->set_driver("floppy");
  EXPECT_EQ(CreateSandbox(request).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(CreateSandbox().ok());
}

TEST_F(Machine, HooksOfTheGuest) {
  const std::string log = dir_ / "log";
  for (const char* kind : {"prestart", "poststart", "poststop"}) {
    dir_.Write(std::string("hooks/") + kind + "/10-hook",
               "#!/bin/sh\necho $1 $(cat | sed 's/,\"pid.*/}/') >> " + log +
                   "\n[ $1 = prestart -a -e " + (dir_ / "refuse") +
                   " ] && { echo refused >&2; exit 1; }\nexit 0\n",
               0755);
  }
  grpc::CreateSandboxRequest request;
  request.set_guest_hook_path(dir_ / "hooks");
  ASSERT_TRUE(CreateSandbox(request).ok());
  auto status = guest_->Run("c", {"true"});
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(guest_->Wait("c", "c"), 0);
  ASSERT_TRUE(guest_->Remove("c").ok());
  EXPECT_THAT(dir_.Read("log"),
              ::testing::MatchesRegex("prestart .*\"id\":\"c\",\"status\":\"created\".*\n"
                                      "poststart .*\"id\":\"c\",\"status\":\"running\".*\n"
                                      "poststop .*\"id\":\"c\",\"status\":\"stopped\".*\n"));
  dir_.Write("refuse", "");
  status = guest_->Create(guest_->Request("d", {"true"}));
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("10-hook: it ended with 1: refused"));
  EXPECT_EQ(guest_->Start("d").error_code(), StatusCode::NOT_FOUND) << "it is gone";
}

TEST_F(Machine, KernelModules) {
  grpc::CreateSandboxRequest request;
  request.add_kernel_modules()->set_name("no_such_module_anywhere");
  const auto status = CreateSandbox(request);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("no_such_module_anywhere"));
  request.mutable_kernel_modules(0)->clear_name();
  EXPECT_EQ(CreateSandbox(request).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(CreateSandbox().ok());
}

TEST_F(Machine, UsersByName) {
  ASSERT_TRUE(CreateSandbox().ok());
  const std::string root = guest_->dir() + "/rootfs";
  ASSERT_TRUE(WriteFile(root + "/etc/passwd", "web:x:33:34::/:/bin/sh\n").ok());
  ASSERT_TRUE(WriteFile(root + "/etc/group", "more:x:99:web\n").ok());
  auto request = guest_->Request("c", {"sleep", "1000"});
  request.mutable_string_user()->set_uid("web");
  ASSERT_TRUE(guest_->Create(request).ok());
  ASSERT_TRUE(guest_->Start("c").ok());
  grpc::ExecProcessRequest exec;
  exec.set_container_id("c");
  exec.set_exec_id("e");
  exec.mutable_string_user()->set_uid("33");
  exec.mutable_process()->set_cwd("/");
  for (const char* arg : {"/bin/busybox", "id"}) exec.mutable_process()->add_args(arg);
  const auto status = Do(guest_.get(), &Stub::ExecProcess, exec);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(guest_->ReadAll("c", "e"), ::testing::MatchesRegex("uid=33.* gid=34.*99.*\n"));
  exec.set_exec_id("f");
  exec.mutable_string_user()->set_uid("nobody-at-all");
  EXPECT_EQ(Do(guest_.get(), &Stub::ExecProcess, exec).error_code(), StatusCode::NOT_FOUND);
  auto unknown = guest_->Request("d", {"true"});
  unknown.mutable_string_user()->set_uid("nobody-at-all");
  EXPECT_EQ(guest_->Create(unknown).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(Machine, Refusals) {
  ASSERT_TRUE(CreateSandbox().ok());
  auto request = guest_->Request("c", {"true"});
  request.set_agent_pidns(true);
  const auto status = guest_->Create(request);
  EXPECT_EQ(status.error_code(), StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("agent_pidns is refused"));
  EXPECT_EQ(Do(guest_.get(), &Stub::StartTracing, grpc::StartTracingRequest()).error_code(),
            StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Do(guest_.get(), &Stub::StopTracing, grpc::StopTracingRequest()).error_code(),
            StatusCode::FAILED_PRECONDITION);
  grpc::SetGuestDateTimeRequest time;
  time.set_sec(-1);
  EXPECT_EQ(Do(guest_.get(), &Stub::SetGuestDateTime, time).error_code(),
            StatusCode::INVALID_ARGUMENT);
  time.set_sec(1);
  time.set_usec(1'000'000);
  EXPECT_EQ(Do(guest_.get(), &Stub::SetGuestDateTime, time).error_code(),
            StatusCode::INVALID_ARGUMENT);
  grpc::ReseedRandomDevRequest seed;
  EXPECT_EQ(Do(guest_.get(), &Stub::ReseedRandomDev, seed).error_code(),
            StatusCode::INVALID_ARGUMENT);
  seed.set_data(std::string(512, 's'));
  EXPECT_TRUE(Do(guest_.get(), &Stub::ReseedRandomDev, seed).ok());
  seed.set_data(std::string(65537, 's'));
  EXPECT_EQ(Do(guest_.get(), &Stub::ReseedRandomDev, seed).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

// The freezer needs no controller, which a machine like this one may have none of.
TEST(Cgroups, PauseAndResume) {
  Guest guest({"", {}, true});
  ASSERT_TRUE(guest.CreateSandbox().ok());
  const std::string id = "agent-test-" + std::to_string(getpid());
  grpc::PauseContainerRequest pause;
  pause.set_container_id(id);
  grpc::ResumeContainerRequest resume;
  resume.set_container_id(id);
  EXPECT_EQ(Do(&guest, &Stub::PauseContainer, pause).error_code(), StatusCode::NOT_FOUND);
  const auto made = guest.Create(guest.Request(id, {"cat"}));
  ASSERT_TRUE(made.ok()) << made.error_message();
  EXPECT_EQ(Do(&guest, &Stub::PauseContainer, pause).error_code(), StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(guest.Start(id).ok());
  const auto paused = Do(&guest, &Stub::PauseContainer, pause);
  if (paused.error_message().find("no cgroups") != std::string::npos) {
    GTEST_SKIP() << "the machine has no cgroup v2";
  }
  ASSERT_TRUE(paused.ok()) << paused.error_message();
  EXPECT_EQ(guest.Exec(id, "e", {"true"}).error_code(), StatusCode::FAILED_PRECONDITION);
  grpc::UpdateContainerRequest update;
  update.set_container_id(id);
  EXPECT_TRUE(Do(&guest, &Stub::UpdateContainer, update).ok()) << "nothing to change";
  grpc::StatsContainerRequest ask;
  ask.set_container_id(id);
  grpc::StatsContainerResponse stats;
  EXPECT_TRUE(Call(&guest, &Stub::StatsContainer, ask, &stats).ok());
  EXPECT_TRUE(Do(&guest, &Stub::ResumeContainer, resume).ok());
  EXPECT_TRUE(guest.Exec(id, "e", {"true"}).ok());
  EXPECT_EQ(guest.Wait(id, "e"), 0);
  ASSERT_TRUE(Do(&guest, &Stub::PauseContainer, pause).ok());
  EXPECT_TRUE(guest.Remove(id, 10).ok()) << "a paused container can be removed";
}

TEST(Cgroups, WithoutThemLimitsAreRefused) {
  Guest guest;
  ASSERT_TRUE(guest.CreateSandbox().ok());
  ASSERT_TRUE(guest.Run("c", {"cat"}).ok());
  grpc::UpdateContainerRequest update;
  update.set_container_id("c");
  update.mutable_resources()->mutable_pids()->set_limit(7);
  EXPECT_FALSE(Do(&guest, &Stub::UpdateContainer, update).ok());
  update.set_container_id("d");
  EXPECT_EQ(Do(&guest, &Stub::UpdateContainer, update).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(Machine, ContainersShareProcessesWhenTheSandboxSaysSo) {
  grpc::CreateSandboxRequest sandbox;
  sandbox.set_sandbox_pidns(true);
  ASSERT_TRUE(CreateSandbox(sandbox).ok());
  auto first = guest_->Request("first", {"sleep", "1234"});
  first.set_sandbox_pidns(true);
  ASSERT_TRUE(guest_->Create(first).ok());
  ASSERT_TRUE(guest_->Start("first").ok());
  const std::vector<std::string> look = {"sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\000' ' '"};
  auto second = guest_->Request("second", look);
  second.set_sandbox_pidns(true);
  ASSERT_TRUE(guest_->Create(second).ok());
  ASSERT_TRUE(guest_->Start("second").ok());
  EXPECT_THAT(guest_->ReadAll("second", "second"), HasSubstr("sleep 1234"));
  ASSERT_TRUE(guest_->Run("alone", look).ok());
  EXPECT_THAT(guest_->ReadAll("alone", "alone"), ::testing::Not(HasSubstr("sleep 1234")));
}

TEST_F(Machine, AnOomCallerMayGo) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  grpc::OOMEvent event;
  EXPECT_EQ(guest_->agent().GetOOMEvent(&context, {}, &event).error_code(),
            StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(CreateSandbox().ok());
}

}  // namespace
}  // namespace shoji::agent
