// Device rules: the program is interpreted here for every device and access of a small world and
// compared with the rules read one by one; then it is loaded and enforced by the kernel.
#include "jail/device_rules.h"

#include <fcntl.h>

#include <array>
#include <filesystem>
#include <random>

#include "jail/test_bed.h"

namespace shoji::jail {
namespace {

// As much of the machine as these programs use. -1: it went astray.
int Interpret(const DeviceProgram& program, std::uint32_t access_type, std::uint32_t major,
              std::uint32_t minor) {
  std::array<std::uint64_t, 11> reg{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const bpf_insn in = program[at];
    const auto value = static_cast<std::uint32_t>(in.imm);
    std::uint64_t& to = reg[in.dst_reg];
    bool jump = false;
    switch (in.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = in.off == 0 ? access_type : in.off == 4 ? major : minor;
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = static_cast<std::uint32_t>(reg[in.src_reg]);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to &= value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to >>= value;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        jump = to != value;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump = (to & value) != 0;
        break;
      case BPF_JMP | BPF_JA:
        jump = true;
        break;
      case BPF_JMP | BPF_EXIT:
        return static_cast<int>(reg[0]);
      default:
        return -1;
    }
    if (jump) at += static_cast<std::size_t>(in.off);
  }
  return -1;
}

grpc::LinuxDeviceCgroup* Add(grpc::LinuxResources* r, bool allow, const std::string& type,
                             std::int64_t major, std::int64_t minor, const std::string& access) {
  grpc::LinuxDeviceCgroup* const rule = r->add_devices();
  rule->set_allow(allow);
  rule->set_type(type);
  rule->set_major(major);
  rule->set_minor(minor);
  rule->set_access(access);
  return rule;
}

constexpr std::uint32_t kMknod = BPF_DEVCG_ACC_MKNOD;
constexpr std::uint32_t kRead = BPF_DEVCG_ACC_READ;
constexpr std::uint32_t kWrite = BPF_DEVCG_ACC_WRITE;

int Ask(const grpc::LinuxResources& r, char type, std::uint32_t major, std::uint32_t minor,
        std::uint32_t access) {
  const auto program = MakeDeviceProgram(r);
  if (!program.ok()) return -2;
  const std::uint32_t kind = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  return Interpret(*program, access << 16U | kind, major, minor);
}

TEST(DeviceRulesTest, NoRulesIsNoProgram) {
  const auto program = MakeDeviceProgram({});
  ASSERT_TRUE(program.ok());
  EXPECT_TRUE(program->empty());
}

TEST(DeviceRulesTest, DefaultDevicesAlwaysWorkOthersNot) {
  grpc::LinuxResources r;
  Add(&r, false, "a", -1, -1, "rwm");
  for (const unsigned minor : {3U, 5U, 7U, 8U, 9U})
    EXPECT_EQ(Ask(r, 'c', 1, minor, kRead | kWrite), 1) << minor;
  EXPECT_EQ(Ask(r, 'c', 5, 0, kRead | kWrite), 1);
  EXPECT_EQ(Ask(r, 'c', 5, 2, kRead | kWrite), 1);
  EXPECT_EQ(Ask(r, 'c', 136, 77, kRead | kWrite), 1);
  EXPECT_EQ(Ask(r, 'b', 8, 0, kMknod), 1) << "a node may be made";
  EXPECT_EQ(Ask(r, 'b', 8, 0, kRead), 0) << "but not opened";
  EXPECT_EQ(Ask(r, 'c', 1, 1, kRead), 0) << "/dev/mem";
  EXPECT_EQ(Ask(r, 'c', 5, 1, kWrite), 0) << "the guest's console";
  EXPECT_EQ(Ask(r, 'b', 1, 3, kRead), 0) << "the same numbers of the other kind";
}

TEST(DeviceRulesTest, TheLastWordCounts) {
  grpc::LinuxResources r;
  Add(&r, true, "b", 8, -1, "rw");
  Add(&r, false, "b", 8, 16, "w");
  EXPECT_EQ(Ask(r, 'b', 8, 0, kRead | kWrite), 1);
  EXPECT_EQ(Ask(r, 'b', 8, 16, kRead), 1);
  EXPECT_EQ(Ask(r, 'b', 8, 16, kWrite), 0);
  EXPECT_EQ(Ask(r, 'b', 8, 16, kRead | kWrite), 0) << "a part denied is the whole denied";
  Add(&r, true, "a", 0, 0, "rwm");
  EXPECT_EQ(Ask(r, 'b', 8, 16, kRead | kWrite), 1) << "\"all\" has no numbers";
  EXPECT_EQ(Ask(r, 'c', 240, 5, kRead), 1);
}

TEST(DeviceRulesTest, TwoRulesTogetherAllowWhatNeitherDoesAlone) {
  grpc::LinuxResources r;
  Add(&r, true, "c", 10, 200, "r");
  Add(&r, true, "c", 10, 200, "w");
  EXPECT_EQ(Ask(r, 'c', 10, 200, kRead | kWrite), 1);
  EXPECT_EQ(Ask(r, 'c', 10, 201, kRead), 0);
}

TEST(DeviceRulesTest, NonsenseIsNamed) {
  const auto refused = [](const std::string& type, std::int64_t major, const std::string& access) {
    grpc::LinuxResources r;
    Add(&r, true, type, major, 0, access);
    return MakeDeviceProgram(r).status().message();
  };
  EXPECT_EQ(refused("x", 0, "r"), "linux.resources.devices: type \"x\" is not one of a, b, c");
  EXPECT_EQ(refused("c", 0, "rx"),
            "linux.resources.devices: access \"rx\" may have r, w and m only");
  EXPECT_EQ(refused("c", -2, "r"), "linux.resources.devices: major -2 is not a device number");
}

// The rules read as the specification says: for each access on its own, the last that matches.
bool Reference(const grpc::LinuxResources& r, char type, std::int64_t major, std::int64_t minor,
               std::uint32_t access) {
  for (const auto& [letter, bit] : {std::pair('m', kMknod), {'r', kRead}, {'w', kWrite}}) {
    if ((access & bit) == 0 || bit == kMknod) continue;  // making nodes is always allowed
    bool allowed = false;
    for (const grpc::LinuxDeviceCgroup& rule : r.devices()) {
      const bool all = rule.type() == "a";
      const bool about =
          all || (rule.type()[0] == type && (rule.major() == -1 || rule.major() == major) &&
                  (rule.minor() == -1 || rule.minor() == minor));
      if (about && rule.access().find(letter) != std::string::npos) allowed = rule.allow();
    }
    if (!allowed) return false;
  }
  return true;
}

TEST(DeviceRulesTest, AgreesWithTheRulesReadOneByOne) {
  std::mt19937 random(20240);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const char* const accesses[] = {"r", "w", "m", "rw", "rm", "wm", "rwm"};
  for (int round = 0; round < 300; ++round) {
    grpc::LinuxResources r;
    for (int i = pick(8); i >= 0; --i) {
      Add(&r, pick(2) == 0, std::string(1, "abc"[pick(3)]), pick(4) - 1 + (pick(2) * 20),
          pick(4) - 1, accesses[pick(7)]);
      grpc::LinuxDeviceCgroup* const last = r.mutable_devices(r.devices_size() - 1);
      if (last->major() == 1) last->set_major(2);  // the default devices have their own test
    }
    for (const char type : {'b', 'c'}) {
      for (const std::uint32_t major : {0U, 2U, 19U, 20U, 21U, 22U}) {
        for (std::uint32_t minor = 0; minor < 4; ++minor) {
          for (std::uint32_t access = 1; access < 8; ++access) {
            ASSERT_EQ(Ask(r, type, major, minor, access),
                      Reference(r, type, major, minor, access) ? 1 : 0)
                << r.devices_size() << " rules, " << type << major << ":" << minor << " " << access;
          }
        }
      }
    }
  }
}

// ---- enforced by the kernel ----

class DeviceFilterTest : public Bed {
 protected:
  // A device that every kernel of ours has, and that is not one of the default ones.
  void SetUp() override {
    Bed::SetUp();
    if (!std::filesystem::exists("/dev/fuse")) GTEST_SKIP() << "no /dev/fuse on this machine";
  }
};

TEST_F(DeviceFilterTest, TheKernelEnforcesIt) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "head -c 1 /dev/zero > /dev/null && echo zero; "
                          "mknod /tmp/fuse c 10 229 && echo made; "
                          "(: < /tmp/fuse) 2>&1 | grep -o 'Operation not permitted'"});
  spec.mutable_process()->mutable_capabilities()->add_bounding("CAP_MKNOD");
  spec.mutable_process()->mutable_capabilities()->add_effective("CAP_MKNOD");
  spec.mutable_process()->mutable_capabilities()->add_permitted("CAP_MKNOD");
  Add(spec.mutable_linux()->mutable_resources(), false, "a", -1, -1, "rwm");
  const Outcome outcome = Run(spec);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out, "zero\nmade\nOperation not permitted\n") << outcome.err;
}

TEST_F(DeviceFilterTest, AnUpdateReplacesIt) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "mknod /tmp/fuse c 10 229; "
                          "while read x; do (: < /tmp/fuse) 2> /dev/null; echo $?; done"});
  for (auto* set : {spec.mutable_process()->mutable_capabilities()->mutable_bounding(),
                    spec.mutable_process()->mutable_capabilities()->mutable_effective(),
                    spec.mutable_process()->mutable_capabilities()->mutable_permitted()}) {
    set->Add("CAP_MKNOD");
  }
  Add(spec.mutable_linux()->mutable_resources(), false, "a", -1, -1, "rwm");
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  const auto ask = [&] {
    EXPECT_EQ(write(made->init.stdin_fd.get(), "\n", 1), 1);
    char answer[2] = {};
    while (read(made->init.stdout_fd.get(), answer, 2) < 0) {
    }
    return answer[0];
  };
  EXPECT_EQ(ask(), '1');
  grpc::LinuxResources wider = spec.linux().resources();
  Add(&wider, true, "c", 10, 229, "rw");
  const Status updated = made->container->Update(wider);
  EXPECT_TRUE(updated.ok()) << updated.message();
  EXPECT_EQ(ask(), '0');
  ASSERT_TRUE(made->container->Update(spec.linux().resources()).ok());
  EXPECT_EQ(ask(), '1');
  grpc::LinuxResources bad;
  Add(&bad, true, "z", 10, 229, "rw");
  EXPECT_EQ(made->container->Update(bad).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ask(), '1') << "a refused update changes nothing";
  End(*made);
}

TEST_F(DeviceFilterTest, WithoutCgroupsRulesAreRefused) {
  environment_.cgroup_root.clear();
  grpc::Spec spec = Spec({"true"});
  Add(spec.mutable_linux()->mutable_resources(), false, "a", -1, -1, "rwm");
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(outcome.status.message().find("linux.resources.devices"), std::string::npos);
}

}  // namespace
}  // namespace shoji::jail
