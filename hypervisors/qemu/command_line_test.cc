#include "command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace shoji::qemu {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

Launch SomeLaunch() {
  Launch launch;
  launch.binary = "/usr/bin/qemu-system-x86_64";
  launch.machine = "q35";
  launch.uuid = "11111111-2222-3333-4444-555555555555";
  launch.kernel_command_line = "quiet a=b";
  launch.config = {"box", 2, 256U << 20U, "/run/x", "/k,1", "/i", "", {}, {}, {}, {}};
  launch.sizes = {2, 256U << 20U, 0};
  return launch;
}

// The values that follow `option`.
std::vector<std::string> ValuesOf(const std::vector<std::string>& argv, const std::string& option) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i + 1 < argv.size(); ++i) {
    if (argv[i] == option) out.push_back(argv[i + 1]);
  }
  return out;
}

// What the guest's firmware tables say stays in every clone.
TEST(CommandLineTest, ATemplateHasNoMachineId) {
  Launch launch = SomeLaunch();
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-uuid"), std::vector<std::string>{launch.uuid});
  launch.config.memory_path = "/m";
  EXPECT_TRUE(ValuesOf(BuildArgv(launch), "-uuid").empty());
  launch.incoming = Incoming{"/state", true, "7.2"};
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-uuid"), std::vector<std::string>{launch.uuid});
}

TEST(CommandLineTest, NamesTheMachine) {
  const auto argv = BuildArgv(SomeLaunch());
  EXPECT_EQ(argv[0], "/usr/bin/qemu-system-x86_64");
  EXPECT_EQ(ValuesOf(argv, "-accel"), std::vector<std::string>{"tcg,thread=single"});
  EXPECT_EQ(ValuesOf(argv, "-cpu"), std::vector<std::string>{"max,-erms"});
  EXPECT_EQ(ValuesOf(argv, "-smp"), std::vector<std::string>{"2"});
  EXPECT_EQ(ValuesOf(argv, "-m"), std::vector<std::string>{"size=256M"});
  EXPECT_EQ(ValuesOf(argv, "-kernel"), std::vector<std::string>{"/k,1"});
  EXPECT_EQ(ValuesOf(argv, "-append"), std::vector<std::string>{"quiet a=b"});
  EXPECT_THAT(ValuesOf(argv, "-machine"), Contains(HasSubstr("q35,")));
  EXPECT_THAT(argv, Contains("-no-reboot"));
  EXPECT_THAT(argv, Contains("-nodefaults"));
}

TEST(CommandLineTest, CpuFollowsTheAcceleratorUnlessGiven) {
  Launch launch = SomeLaunch();
  launch.accel = Accel::kKvm;
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-cpu"), std::vector<std::string>{"host"});
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-accel"), std::vector<std::string>{"kvm"});
  launch.cpu = "Haswell,-avx";
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-cpu"), std::vector<std::string>{"Haswell,-avx"});
}

TEST(CommandLineTest, OtherMachineTypesAreTakenAsTheyAre) {
  Launch launch = SomeLaunch();
  launch.machine = "pc-q35-7.2,hpet=off";
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-machine"),
            std::vector<std::string>{"pc-q35-7.2,hpet=off"});
}

TEST(CommandLineTest, EveryDescriptorHasItsPlace) {
  const auto chardevs = ValuesOf(BuildArgv(SomeLaunch()), "-chardev");
  EXPECT_THAT(chardevs, Contains("socket,id=qmp0,fd=3,server=on,wait=off"));
  EXPECT_THAT(chardevs, Contains("socket,id=qmp1,fd=4,server=on,wait=off"));
  EXPECT_THAT(chardevs, Contains("socket,id=charch0,fd=5,server=on,wait=off"));
  EXPECT_THAT(chardevs, Contains("socket,id=console0,fd=6,server=on,wait=off"));
  EXPECT_THAT(chardevs, Contains("socket,id=early,fd=7"));
  EXPECT_THAT(ValuesOf(BuildArgv(SomeLaunch()), "-device"),
              Contains("virtserialport,chardev=charch0,id=channel0,name=agent.channel.0"));
}

TEST(CommandLineTest, SharesAreEscapedAndNumbered) {
  Launch launch = SomeLaunch();
  EXPECT_TRUE(ValuesOf(BuildArgv(launch), "-fsdev").empty());
  launch.config.shares = {{"kataShared", "/run/a,b", false}, {"ro", "/opt", true}};
  const auto argv = BuildArgv(launch);
  EXPECT_EQ(ValuesOf(argv, "-fsdev"),
            (std::vector<std::string>{
                "local,id=share0,path=/run/a,,b,security_model=none,multidevs=remap",
                "local,id=share1,path=/opt,security_model=none,multidevs=remap,readonly=on"}));
  EXPECT_THAT(ValuesOf(argv, "-device"),
              Contains("virtio-9p-pci,disable-legacy=on,fsdev=share1,mount_tag=ro"));
}

TEST(CommandLineTest, DevicesHaveABridgeOnAPc) {
  Launch launch = SomeLaunch();
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-device").front(),
            "pci-bridge,id=pci-bridge-0,bus=pcie.0,chassis_nr=1,shpc=on,addr=2");
  launch.machine = "pc";
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-device").front(), HasSubstr("bus=pci.0,"));
  launch.devices = std::make_shared<BootDevices>();
  launch.devices->args = {"-device", "{}"};
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-device").back(), "{}");
}

TEST(CommandLineTest, MicrovmHasNoPci) {
  Launch launch = SomeLaunch();
  launch.machine = "microvm";
  launch.config.shares = {{"kataShared", "/run/a", false}};
  for (const std::string& arg : BuildArgv(launch)) EXPECT_THAT(arg, Not(HasSubstr("pci,")));
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-machine"), Contains(HasSubstr("pcie=off")));
}

TEST(CommandLineTest, RoomToGrow) {
  Launch launch = SomeLaunch();
  launch.sizes = {4, 1U << 30U, 8};
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-smp"),
            std::vector<std::string>{"cpus=2,maxcpus=4,sockets=4,cores=1,threads=1"});
  EXPECT_EQ(ValuesOf(BuildArgv(launch), "-m"),
            std::vector<std::string>{"size=256M,slots=8,maxmem=1024M"});
}

TEST(CommandLineTest, AClonesMemoryIsItsOwnAndItsKernelIsInIt) {
  Launch launch = SomeLaunch();
  launch.config.memory_path = "/m,1";
  EXPECT_EQ(
      ValuesOf(BuildArgv(launch), "-object"),
      std::vector<std::string>{"memory-backend-file,mem-path=/m,,1,share=on,id=ram0,size=256M"});
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-machine"), Contains(HasSubstr(",memory-backend=ram0")));
  launch.incoming = Incoming{"/s/state", true, "7.2"};
  const auto argv = BuildArgv(launch);
  EXPECT_THAT(ValuesOf(argv, "-object"), Contains(HasSubstr(",share=off,")));
  EXPECT_THAT(ValuesOf(argv, "-incoming"), Contains("defer"));
  EXPECT_TRUE(ValuesOf(argv, "-kernel").empty());
}

TEST(CommandLineTest, DefaultsAddNothing) {
  const auto argv = BuildArgv(SomeLaunch());
  EXPECT_TRUE(ValuesOf(argv, "-object").empty());
  EXPECT_TRUE(ValuesOf(argv, "-runas").empty());
  EXPECT_TRUE(ValuesOf(argv, "-blockdev").empty());
  EXPECT_EQ(ValuesOf(argv, "-sandbox"),
            std::vector<std::string>{
                "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
}

TEST(CommandLineTest, FeaturesAreArguments) {
  Launch launch = SomeLaunch();
  launch.features.user = "nobody";
  launch.features.mlock = true;
  launch.features.firmware = "/bios";
  launch.features.cpu_features = "-avx";
  launch.features.machine_accelerators = "a=b";
  launch.features.hugepages = true;
  launch.features.shared_fs = "virtio-fs";
  launch.config.shares = {{"kataShared", "/x", false}};
  const auto argv = BuildArgv(launch);
  EXPECT_THAT(ValuesOf(argv, "-sandbox"),
              Contains(HasSubstr("elevateprivileges=allow,spawn=deny")));
  EXPECT_EQ(ValuesOf(argv, "-runas"), std::vector<std::string>{"nobody"});
  EXPECT_EQ(ValuesOf(argv, "-overcommit"), std::vector<std::string>{"mem-lock=on"});
  EXPECT_EQ(ValuesOf(argv, "-bios"), std::vector<std::string>{"/bios"});
  EXPECT_EQ(ValuesOf(argv, "-cpu"), std::vector<std::string>{"max,-erms,-avx"});
  EXPECT_THAT(ValuesOf(argv, "-machine"), Contains(HasSubstr(",a=b,memory-backend=ram0")));
  EXPECT_EQ(ValuesOf(argv, "-object"),
            std::vector<std::string>{"memory-backend-memfd,share=on,hugetlb=on,id=ram0,size=256M"});
  EXPECT_TRUE(ValuesOf(argv, "-fsdev").empty());
  EXPECT_THAT(ValuesOf(argv, "-device"),
              Contains("vhost-user-fs-pci,id=share0,chardev=virtiofs0,tag=kataShared"));
  launch.features.sandbox = false;
  EXPECT_TRUE(ValuesOf(BuildArgv(launch), "-sandbox").empty());
}

TEST(CommandLineTest, AnImageIsADiskOrMemory) {
  Launch launch = SomeLaunch();
  launch.config.image = "/i,mg";
  launch.image_bytes = 8U << 20U;
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-blockdev"),
              Contains("driver=raw,node-name=image0,read-only=on,file.driver=file,"
                       "file.filename=/i,,mg"));
  launch.features.image_device = "nvdimm";
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-m"), Contains("size=256M,slots=1,maxmem=1288M"));
  EXPECT_THAT(ValuesOf(BuildArgv(launch), "-device"),
              Contains("nvdimm,id=nvdimm0,memdev=image0,unarmed=on"));
}

TEST(KernelCommandLineTest, QuietComesBeforeTheEarlyConsole) {
  const std::string line = BuildKernelCommandLine(Accel::kTcg, 1, 2000000, "", "");
  EXPECT_LT(line.find("quiet"), line.find("earlyprintk="));
  EXPECT_THAT(line, HasSubstr("console=hvc0"));
  EXPECT_THAT(line, HasSubstr("panic=-1"));
}

TEST(KernelCommandLineTest, OurOrderOptionThenVm) {
  const std::string line =
      BuildKernelCommandLine(Accel::kKvm, 1, 0, "x=option", "x=vm agent.log=1");
  EXPECT_THAT(line, testing::EndsWith(" x=option x=vm agent.log=1"));
}

TEST(KernelCommandLineTest, WhatHoldsForTcgOnlyStaysThere) {
  const std::string tcg = BuildKernelCommandLine(Accel::kTcg, 1, 2000000, "", "");
  EXPECT_THAT(tcg, HasSubstr("tsc_early_khz=2000000"));
  EXPECT_THAT(tcg, HasSubstr("noreplace-smp"));
  EXPECT_THAT(tcg, HasSubstr("mitigations=off"));
  const std::string kvm = BuildKernelCommandLine(Accel::kKvm, 1, 2000000, "", "");
  EXPECT_THAT(kvm, Not(HasSubstr("tsc_early_khz")));
  // Containers of a pod are kept apart by the guest's kernel: it keeps its mitigations.
  EXPECT_THAT(kvm, Not(HasSubstr("mitigations")));
  EXPECT_THAT(BuildKernelCommandLine(Accel::kTcg, 2, 0, "", ""), Not(HasSubstr("noreplace-smp")));
  EXPECT_THAT(BuildKernelCommandLine(Accel::kTcg, 2, 0, "", ""), Not(HasSubstr("tsc_early_khz")));
}

}  // namespace
}  // namespace shoji::qemu
