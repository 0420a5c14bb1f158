#include "jail/device_rules.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

constexpr int kAny = -1;

struct Rule {
  bool allow = false;
  int type = kAny;  // BPF_DEVCG_DEV_...
  std::int64_t major = kAny;
  std::int64_t minor = kAny;
  unsigned access = 0;  // BPF_DEVCG_ACC_...
};

constexpr unsigned kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
constexpr int kChar = BPF_DEVCG_DEV_CHAR;
constexpr int kBlock = BPF_DEVCG_DEV_BLOCK;

// Making a node gives no access to what it stands for. 136 are the terminals of devpts.
constexpr Rule kAlways[] = {{true, kChar, kAny, kAny, BPF_DEVCG_ACC_MKNOD},
                            {true, kBlock, kAny, kAny, BPF_DEVCG_ACC_MKNOD},
                            {true, kChar, 1, 3, kAll},
                            {true, kChar, 1, 5, kAll},
                            {true, kChar, 1, 7, kAll},
                            {true, kChar, 1, 8, kAll},
                            {true, kChar, 1, 9, kAll},
                            {true, kChar, 5, 0, kAll},
                            {true, kChar, 5, 2, kAll},
                            {true, kChar, 136, kAny, kAll}};

Result<unsigned> ParseAccess(const std::string& text) {
  unsigned access = text.empty() ? kAll : 0;
  for (const char c : text) {
    if (c == 'r') {
      access |= BPF_DEVCG_ACC_READ;
    } else if (c == 'w') {
      access |= BPF_DEVCG_ACC_WRITE;
    } else if (c == 'm') {
      access |= BPF_DEVCG_ACC_MKNOD;
    } else {
      return InvalidArgument("linux.resources.devices: access \"" + text +
                             "\" may have r, w and m only");
    }
  }
  return access;
}

Status CheckNumber(std::int64_t number, const char* name) {
  if (number >= kAny && number <= std::numeric_limits<std::int32_t>::max()) return OkStatus();
  return InvalidArgument("linux.resources.devices: " + std::string(name) + " " +
                         std::to_string(number) + " is not a device number");
}

Result<Rule> Parse(const grpc::LinuxDeviceCgroup& device) {
  Rule rule{device.allow(), kAny, device.major(), device.minor(), 0};
  SHOJI_ASSIGN_OR_RETURN(rule.access, ParseAccess(device.access()));
  SHOJI_RETURN_IF_ERROR(CheckNumber(rule.major, "major"));
  SHOJI_RETURN_IF_ERROR(CheckNumber(rule.minor, "minor"));
  if (device.type() == "c" || device.type() == "u") {
    rule.type = kChar;
  } else if (device.type() == "b") {
    rule.type = kBlock;
  } else if (device.type() == "a" || device.type().empty()) {
    rule.major = rule.minor = kAny;  // "all" has no numbers
  } else {
    return InvalidArgument("linux.resources.devices: type \"" + device.type() +
                           "\" is not one of a, b, c");
  }
  return rule;
}

// Registers of the program.
constexpr std::uint8_t kResult = BPF_REG_0;
constexpr std::uint8_t kContext = BPF_REG_1;
constexpr std::uint8_t kType = BPF_REG_2;
constexpr std::uint8_t kOpen = BPF_REG_3;  // accesses asked for that no rule has decided yet
constexpr std::uint8_t kMajor = BPF_REG_4;
constexpr std::uint8_t kMinor = BPF_REG_5;

bpf_insn Instruction(unsigned code, std::uint8_t to, std::uint8_t from, std::size_t jump,
                     std::int32_t value) {
  bpf_insn in{};
  in.code = static_cast<std::uint8_t>(code);
  in.dst_reg = to & 0xfU;
  in.src_reg = from & 0xfU;
  in.off = static_cast<std::int16_t>(jump);
  in.imm = value;
  return in;
}
bpf_insn Compute(unsigned operation, std::uint8_t to, std::int32_t value) {
  return Instruction(BPF_ALU | operation | BPF_K, to, 0, 0, value);
}
bpf_insn Jump(unsigned condition, std::uint8_t reg, std::int32_t value, std::size_t over) {
  return Instruction(BPF_JMP | condition | BPF_K, reg, 0, over, value);
}
bpf_insn Load(std::uint8_t to, std::size_t offset) {
  return Instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offset, 0);
}

void Answer(bool allow, DeviceProgram* out) {
  out->push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, allow ? 1 : 0));
  out->push_back(Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

void Begin(DeviceProgram* out) {
  out->push_back(Load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)));
  out->push_back(Instruction(BPF_ALU | BPF_MOV | BPF_X, kOpen, kType, 0, 0));
  out->push_back(Compute(BPF_AND, kType, 0xffff));
  out->push_back(Compute(BPF_RSH, kOpen, 16));
  out->push_back(Load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
  out->push_back(Load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
}

// What is done with a device the rule speaks of.
DeviceProgram Decide(const Rule& rule) {
  DeviceProgram out;
  const auto bits = static_cast<std::int32_t>(rule.access);
  if (rule.allow) {
    out.push_back(Compute(BPF_AND, kOpen, static_cast<std::int32_t>(kAll & ~rule.access)));
    out.push_back(Jump(BPF_JNE, kOpen, 0, 2));
  } else {
    out.push_back(Jump(BPF_JSET, kOpen, bits, 1));
    out.push_back(Jump(BPF_JA, 0, 0, 2));
  }
  Answer(rule.allow, &out);
  return out;
}

void Append(const Rule& rule, DeviceProgram* out) {
  const DeviceProgram decide = Decide(rule);
  const std::pair<std::uint8_t, std::int64_t> tests[] = {
      {kType, rule.type}, {kMajor, rule.major}, {kMinor, rule.minor}};
  std::size_t left = decide.size();  // to jump over
  for (const auto& [reg, value] : tests) left += value == kAny ? 0U : 1U;
  for (const auto& [reg, value] : tests) {
    if (value == kAny) continue;
    out->push_back(Jump(BPF_JNE, reg, static_cast<std::int32_t>(value), --left));
  }
  for (const bpf_insn& instruction : decide) out->push_back(instruction);
}

long Bpf(bpf_cmd command, bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

Status Failed(const char* what) {
  const int error = errno;
  if (error != ENOSYS && error != EINVAL)
    return ErrnoStatus(error, std::string("linux.resources.devices: cannot ") + what);
  return FailedPrecondition(
             "linux.resources.devices: the kernel of the guest has no device programs "
             "(CONFIG_CGROUP_BPF)")
      .WithErrno(error);
}

Result<UniqueFd> LoadProgram(const DeviceProgram& program) {
  static constexpr char kLicense[] = "Apache-2.0";  // no GPL-only function is called
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  attr.license = reinterpret_cast<std::uintptr_t>(kLicense);
  const long fd = Bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) return Failed("load the rules");
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace

Result<DeviceProgram> MakeDeviceProgram(const grpc::LinuxResources& resources) {
  constexpr int kMostRules = 1000;  // jumps reach far enough, the kernel takes the size
  DeviceProgram program;
  if (resources.devices().empty()) return program;
  if (resources.devices_size() > kMostRules)
    return InvalidArgument("linux.resources.devices has more than 1000 rules");
  std::vector<Rule> rules;
  for (const grpc::LinuxDeviceCgroup& device : resources.devices()) {
    SHOJI_ASSIGN_OR_RETURN(const Rule rule, Parse(device));
    rules.push_back(rule);
  }
  Begin(&program);
  for (const Rule& rule : kAlways) Append(rule, &program);
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) Append(*rule, &program);
  Answer(false, &program);
  return program;
}

Status DeviceFilter::Attach(int cgroup_fd, const DeviceProgram& program) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, LoadProgram(program));
  bpf_attr attr{};
  attr.target_fd = static_cast<std::uint32_t>(cgroup_fd);
  attr.attach_bpf_fd = static_cast<std::uint32_t>(fd.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (program_) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = static_cast<std::uint32_t>(program_.get());
  }
  if (Bpf(BPF_PROG_ATTACH, &attr) < 0) return Failed("attach the rules to the cgroup");
  program_ = std::move(fd);
  return OkStatus();
}

}  // namespace shoji::jail
