// The calls that need a kernel of their own, in a VM: network, disks on their way, processors
// and memory, clock, random numbers, ends by lack of memory.

#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoji-kata/agent.grpc.pb.h"
#include "shoji-kata/health.grpc.pb.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/qmp/client.h"
#include "shoji/spawn/spawn.h"
#include "testing/files.h"
#include "testing/yamux_bridge.h"

namespace shoji::agent {
namespace {

using ::testing::HasSubstr;
using Stub = grpc::AgentService::Stub;

constexpr char kMac[] = "02:00:00:00:00:01";
constexpr char kStorage[] = "/run/kata-containers/sandbox/storage/root";
// Without KVM and on a busy machine everything may take its time.
constexpr std::chrono::seconds kPatience{120};

class Vm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string images = SHOJI_GUEST_IMAGES;
    if (!PathExists(images + "/vmlinux")) GTEST_SKIP() << "build the target guest-image first";
    MakeDisks();
    auto channel = SocketPair();
    auto monitor = SocketPair();
    ASSERT_TRUE(channel.ok() && monitor.ok());
    SpawnOptions options;
    options.argv = Arguments(images);
    options.fds = {{monitor->second.get(), 3}, {channel->second.get(), 4}, {2, 2}};
    auto child = Spawn(options);
    ASSERT_TRUE(child.ok()) << child.status().message();
    qemu_ = std::move(*child);
    monitor->second.reset();
    channel->second.reset();
    auto qmp = QmpClient::Open(std::move(monitor->first), Limit());
    ASSERT_TRUE(qmp.ok()) << qmp.status().message();
    qmp_ = std::move(*qmp);
    bridge_ = std::make_unique<testing::YamuxBridge>(std::move(channel->first));
    channel_ = grpc::CreateInsecureChannelFromFd("agent", bridge_->Open());
    stub_ = grpc::AgentService::NewStub(channel_);
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << dir_.Read("console") << "\n";
    stub_.reset();
    channel_.reset();
    if (qemu_.pid() > 0) {
      EXPECT_TRUE(qemu_.Kill().ok());
    }
    bridge_.reset();
  }

  static QmpLimit Limit() { return {Deadline::After(kPatience)}; }

  void MakeDisks() {
    for (const char* sub : {"bin", "proc", "dev", "sys", "tmp"}) {
      dir_.MakeDir(std::string("root/") + sub);
    }
    std::filesystem::copy("/bin/busybox", dir_ / "root/bin/busybox");
    const std::string make = "cd " + dir_.path() +
                             " && truncate -s 16M root.img && mkfs.ext4 -q -d root root.img"
                             " && truncate -s 8M more.img && mkfs.ext4 -q more.img";
    ASSERT_EQ(std::system(make.c_str()), 0);
  }
  std::vector<std::string> Arguments(const std::string& images) const {
    const auto disk = [this](const std::string& name) {
      return "driver=raw,node-name=" + name +
             ",file.driver=file,file.filename=" + (dir_ / (name + ".img"));
    };
    return {"qemu-system-x86_64",
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-machine",
            "q35,accel=tcg",
            "-cpu",
            "max",
            "-smp",
            "1,maxcpus=3,sockets=3",
            "-m",
            "256M,slots=2,maxmem=1G",
            "-kernel",
            images + "/vmlinux",
            "-initrd",
            images + "/initrd.img",
            "-append",
            "quiet console=ttyS0 panic=-1 reboot=t random.trust_cpu=on "
            "cryptomgr.notests no_timer_check mitigations=off nr_cpus=3 "
            "agent.hotplug_timeout=100s agent.log=debug agent.trace",
            "-serial",
            "file:" + (dir_ / "console"),
            "-chardev",
            "socket,id=qmp,fd=3",
            "-mon",
            "chardev=qmp,mode=control",
            "-device",
            "virtio-serial-pci,disable-legacy=on",
            "-chardev",
            "socket,id=channel,fd=4",
            "-device",
            "virtserialport,chardev=channel,name=agent.channel.0",
            "-netdev",
            "hubport,id=net0,hubid=0",
            "-device",
            std::string("virtio-net-pci,netdev=net0,disable-legacy=on,romfile=,mac=") + kMac,
            "-device",
            "pcie-root-port,id=rp,addr=0x1e,chassis=1,slot=1",
            "-device",
            "pcie-root-port,id=rp2,addr=0x1d,chassis=2,slot=2",
            "-netdev",
            "hubport,id=net1,hubid=1",
            "-blockdev",
            disk("root"),
            "-blockdev",
            disk("more"),
            "-device",
            "virtio-scsi-pci,id=scsi,disable-legacy=on",
            "-device",
            "scsi-hd,bus=scsi.0,drive=more,scsi-id=3,lun=1"};
  }

  // One call; its failure is the test's.
  template <typename Method, typename Request, typename Reply>
  void Call(Method method, const Request& request, Reply* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Status status = (stub_.get()->*method)(&context, request, reply);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  template <typename Method, typename Request>
  void Do(Method method, const Request& request) {
    google::protobuf::Empty empty;
    Call(method, request, &empty);
  }
  void Plug(const std::string& command, const std::string& arguments) {
    const auto done = qmp_->Execute(command, arguments, Limit());
    ASSERT_TRUE(done.ok()) << done.status().message();
  }

  static grpc::CreateContainerRequest Container(const std::string& id,
                                                const std::vector<std::string>& args) {
    grpc::CreateContainerRequest request;
    request.set_container_id(id);
    request.set_exec_id(id);
    grpc::Spec* spec = request.mutable_oci();
    spec->set_version("1.0.2");
    spec->mutable_root()->set_path(kStorage);
    grpc::Process* process = spec->mutable_process();
    process->set_cwd("/");
    process->add_args("/bin/busybox");
    for (const std::string& arg : args) process->add_args(arg);
    for (const auto& [type, where] :
         {std::pair("proc", "/proc"), std::pair("tmpfs", "/dev"), std::pair("sysfs", "/sys")}) {
      grpc::Mount* mount = spec->add_mounts();
      mount->set_type(type);
      mount->set_source(type);
      mount->set_destination(where);
    }
    spec->mutable_linux()->add_namespaces()->set_type("mount");
    return request;
  }
  void Start(const grpc::CreateContainerRequest& request) {
    Do(&Stub::CreateContainer, request);
    grpc::StartContainerRequest start;
    start.set_container_id(request.container_id());
    Do(&Stub::StartContainer, start);
  }
  std::string Output(const grpc::CreateContainerRequest& request) {
    Start(request);
    std::string all;
    while (!HasFatalFailure()) {
      grpc::ClientContext context;
      grpc::ReadStreamRequest read;
      grpc::ReadStreamResponse reply;
      read.set_container_id(request.container_id());
      read.set_exec_id(request.container_id());
      read.set_len(32768);
      if (!stub_->ReadStdout(&context, read, &reply).ok()) break;
      all += reply.data();
    }
    grpc::RemoveContainerRequest remove;
    remove.set_container_id(request.container_id());
    Do(&Stub::RemoveContainer, remove);
    return all;
  }

  void Network();
  void Sandbox();
  void Devices();
  void ClockAndSeed();
  void AddProcessor(int socket, bool cpu_only);
  void Processors();
  void Memory();
  void Limits();
  void OutOfMemory();

  testing::TempDir dir_;
  Child qemu_;
  std::unique_ptr<QmpClient> qmp_;
  std::unique_ptr<testing::YamuxBridge> bridge_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
};

void Vm::Network() {
  grpc::UpdateInterfaceRequest update;
  update.mutable_interface()->set_name("eth7");
  update.mutable_interface()->set_hwaddr(kMac);
  types::IPAddress* address = update.mutable_interface()->add_ipaddresses();
  address->set_address("10.0.0.2");
  address->set_mask("24");
  types::Interface made;
  Call(&Stub::UpdateInterface, update, &made);
  ASSERT_FALSE(HasFatalFailure());

  // Another one, while the call waits for it.
  update.mutable_interface()->set_name("eth8");
  update.mutable_interface()->set_hwaddr("02:00:00:00:00:08");
  update.mutable_interface()->set_pcipath("1d/00");
  update.mutable_interface()->mutable_ipaddresses(0)->set_address("10.0.8.2");
  std::thread plug([this] {
    Plug("device_add", R"({"driver":"virtio-net-pci","id":"nic","netdev":"net1","bus":"rp2",)"
                       R"("addr":"0","romfile":"","mac":"02:00:00:00:00:08"})");
  });
  Call(&Stub::UpdateInterface, update, &made);
  plug.join();

  grpc::UpdateRoutesRequest routes;
  types::Route* route = routes.mutable_routes()->add_routes();
  route->set_gateway("10.0.0.1");
  route->set_device("eth7");
  grpc::Routes told;
  Call(&Stub::UpdateRoutes, routes, &told);
  grpc::AddARPNeighborsRequest neighbors;
  types::ARPNeighbor* neighbor = neighbors.mutable_neighbors()->add_arpneighbors();
  neighbor->mutable_toipaddress()->set_address("10.0.0.1");
  neighbor->set_device("eth7");
  neighbor->set_lladdr("02:00:00:00:00:42");
  Do(&Stub::AddARPNeighbors, neighbors);
  grpc::Routes listed;
  Call(&Stub::ListRoutes, grpc::ListRoutesRequest(), &listed);
  EXPECT_TRUE(std::any_of(listed.routes().begin(), listed.routes().end(),
                          [](const types::Route& one) { return one.gateway() == "10.0.0.1"; }));
}

// The disk of the containers comes while the call waits for it.
void Vm::Sandbox() {
  grpc::CreateSandboxRequest request;
  grpc::Storage* storage = request.add_storages();
  storage->set_driver("blk");
  storage->set_source("1e/00");
  storage->set_fstype("ext4");
  storage->set_mount_point(kStorage);
  std::thread plug([this] {
    Plug("device_add",
         R"({"driver":"virtio-blk-pci","id":"disk","drive":"root","bus":"rp","addr":"0"})");
  });
  Do(&Stub::CreateSandbox, request);
  plug.join();
}

void Vm::Devices() {
  auto request = Container(
      "devices",
      {"sh", "-c",
       "cat /proc/net/route; dd if=/dev/mine bs=1 skip=1080 count=2 2>/dev/null | od -t x1"});
  request.mutable_oci()->mutable_process()->add_env("PATH=/bin");
  grpc::Device* device = request.add_devices();
  device->set_type("scsi");
  device->set_id("3:1");
  device->set_container_path("/dev/mine");
  grpc::LinuxDevice* in_spec = request.mutable_oci()->mutable_linux()->add_devices();
  in_spec->set_path("/dev/mine");
  in_spec->set_type("b");
  in_spec->set_filemode(0600);
  grpc::Storage* storage = request.add_storages();
  storage->set_driver("scsi");
  storage->set_source("3:1");
  storage->set_fstype("ext4");
  storage->set_mount_point("/run/kata-containers/sandbox/storage/more");
  const std::string output = Output(request);
  EXPECT_THAT(output, HasSubstr("eth7"));
  EXPECT_THAT(output, HasSubstr(" 53 ef\n")) << "where ext4 has its mark";
}

void Vm::ClockAndSeed() {
  grpc::SetGuestDateTimeRequest time;
  time.set_sec(4102444800 + 60);  // 2100-01-01
  Do(&Stub::SetGuestDateTime, time);
  EXPECT_EQ(Output(Container("date", {"date", "-u", "+%Y"})), "2100\n");
  grpc::ReseedRandomDevRequest seed;
  seed.set_data(std::string(512, 'r'));
  Do(&Stub::ReseedRandomDev, seed);
}

void Vm::AddProcessor(int socket, bool cpu_only) {
  grpc::OnlineCPUMemRequest request;
  request.set_wait(true);
  request.set_nb_cpus(1);
  request.set_cpu_only(cpu_only);
  std::thread plug([this, socket] {
    Plug("device_add", R"({"driver":"max-x86_64-cpu","id":"cpu)" + std::to_string(socket) +
                           R"(","socket-id":)" + std::to_string(socket) +
                           R"(,"core-id":0,"thread-id":0})");
  });
  Do(&Stub::OnlineCPUMem, request);
  plug.join();
}

void Vm::Processors() {
  AddProcessor(1, true);
  EXPECT_EQ(Output(Container("cpus", {"grep", "-c", "^processor", "/proc/cpuinfo"})), "2\n");
}

void Vm::Memory() {
  grpc::GuestDetailsRequest request;
  request.set_mem_block_size(true);
  grpc::GuestDetailsResponse details;
  Call(&Stub::GetGuestDetails, request, &details);
  EXPECT_EQ(details.mem_block_size_bytes(), 128U << 20U);
  EXPECT_TRUE(details.agent_details().supports_seccomp());
  EXPECT_TRUE(details.agent_details().init_daemon());

  const auto total = [this](const std::string& id) {
    return std::atol(
        Output(Container(id, {"awk", "/MemTotal/ {print $2}", "/proc/meminfo"})).c_str());
  };
  const long before = total("before");
  Plug("object-add", R"({"qom-type":"memory-backend-ram","id":"more","size":134217728})");
  Plug("device_add", R"({"driver":"pc-dimm","id":"dimm","memdev":"more"})");
  AddProcessor(2, false);
  EXPECT_GT(total("after"), before + 100 * 1024);
}

void Vm::OutOfMemory() {
  auto request = Container("hungry", {"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"});
  request.mutable_oci()->mutable_linux()->mutable_resources()->mutable_memory()->set_limit(16
                                                                                           << 20);
  std::string id;
  std::thread listener([&] {
    grpc::OOMEvent event;
    Call(&Stub::GetOOMEvent, grpc::GetOOMEventRequest(), &event);
    id = event.container_id();
  });
  Start(request);
  listener.join();
  EXPECT_EQ(id, "hungry");
}

void Vm::Limits() {
  Start(Container("held", {"sleep", "1000"}));
  grpc::UpdateContainerRequest update;
  update.set_container_id("held");
  update.mutable_resources()->mutable_pids()->set_limit(77);
  update.mutable_resources()->mutable_memory()->set_limit(32 << 20);
  update.mutable_resources()->mutable_cpu()->set_cpus("0");
  Do(&Stub::UpdateContainer, update);
  grpc::PauseContainerRequest pause;
  pause.set_container_id("held");
  Do(&Stub::PauseContainer, pause);
  grpc::StatsContainerRequest ask;
  ask.set_container_id("held");
  grpc::StatsContainerResponse stats;
  Call(&Stub::StatsContainer, ask, &stats);
  EXPECT_EQ(stats.cgroup_stats().pids_stats().limit(), 77U);
  EXPECT_EQ(stats.cgroup_stats().pids_stats().current(), 1U);
  EXPECT_EQ(stats.cgroup_stats().memory_stats().usage().limit(), 32U << 20U);
  EXPECT_GT(stats.cgroup_stats().memory_stats().usage().usage(), 0U);
  EXPECT_GT(stats.cgroup_stats().cpu_stats().cpu_usage().total_usage(), 0U);
  EXPECT_GE(stats.network_stats_size(), 3);
  grpc::ResumeContainerRequest resume;
  resume.set_container_id("held");
  Do(&Stub::ResumeContainer, resume);
  grpc::RemoveContainerRequest remove;
  remove.set_container_id("held");
  Do(&Stub::RemoveContainer, remove);
}

// In one VM: booting one takes longer than all the rest.
TEST_F(Vm, HasAllThatAHostAsksFor) {
  Network();
  ASSERT_FALSE(HasFatalFailure());
  Sandbox();
  ASSERT_FALSE(HasFatalFailure());
  Devices();
  ClockAndSeed();
  Processors();
  Memory();
  Limits();
  OutOfMemory();
  // Removes the container that is left, the disks and what was mounted.
  Do(&Stub::DestroySandbox, grpc::DestroySandboxRequest());
}

}  // namespace
}  // namespace shoji::agent
