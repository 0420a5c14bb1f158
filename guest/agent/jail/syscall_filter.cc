#include "jail/syscall_filter.h"

#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

struct Action {
  std::string_view name;
  std::uint32_t value;
};

constexpr Action kActions[] = {{"SCMP_ACT_KILL", SCMP_ACT_KILL},
                               {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
                               {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
                               {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
                               {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0U)},
                               {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0U)},
                               {"SCMP_ACT_LOG", SCMP_ACT_LOG},
                               {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW}};

struct Operator {
  std::string_view name;
  scmp_compare value;
};

constexpr Operator kOperators[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                   {"SCMP_CMP_LT", SCMP_CMP_LT},
                                   {"SCMP_CMP_LE", SCMP_CMP_LE},
                                   {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                   {"SCMP_CMP_GE", SCMP_CMP_GE},
                                   {"SCMP_CMP_GT", SCMP_CMP_GT},
                                   {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};

struct Flag {
  std::string_view name;
  scmp_filter_attr value;
};

constexpr Flag kFlags[] = {{"SECCOMP_FILTER_FLAG_TSYNC", SCMP_FLTATR_CTL_TSYNC},
                           {"SECCOMP_FILTER_FLAG_LOG", SCMP_FLTATR_CTL_LOG},
                           {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SCMP_FLTATR_CTL_SSB}};

struct Architecture {
  std::string_view name;
  std::uint32_t value;
};

constexpr Architecture kArchitectures[] = {{"SCMP_ARCH_NATIVE", SCMP_ARCH_NATIVE},
                                           {"SCMP_ARCH_X86", SCMP_ARCH_X86},
                                           {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
                                           {"SCMP_ARCH_X32", SCMP_ARCH_X32},
                                           {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
                                           {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
                                           {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
                                           {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
                                           {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
                                           {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
                                           {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
                                           {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
                                           {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
                                           {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
                                           {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
                                           {"SCMP_ARCH_S390", SCMP_ARCH_S390},
                                           {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
                                           {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
                                           {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
                                           {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64}};

template <typename Table>
auto Find(const Table& table, const std::string& name, const char* field)
    -> Result<decltype(table[0].value)> {
  for (const auto& entry : table) {
    if (entry.name == name) return decltype(entry.value)(entry.value);
  }
  return InvalidArgument("linux.seccomp." + std::string(field) + ": \"" + name + "\" is not known");
}

// The action with its number: EPERM unless the specification has another.
Result<std::uint32_t> ActionOf(const std::string& name, const char* field,
                               std::optional<std::uint32_t> number) {
  constexpr std::uint32_t kMostErrno = 4095;
  if (name == "SCMP_ACT_NOTIFY") {
    return InvalidArgument("linux.seccomp." + std::string(field) +
                           ": SCMP_ACT_NOTIFY needs a listener, which the guest does not have");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::uint32_t action, Find(kActions, name, field));
  if (action != SCMP_ACT_ERRNO(0U) && action != SCMP_ACT_TRACE(0U)) {
    if (!number) return action;
    return InvalidArgument("linux.seccomp: an errno for " + name + " makes no sense");
  }
  if (number.value_or(0) > kMostErrno) {
    return InvalidArgument("linux.seccomp: " + std::to_string(*number) +
                           " is not the number of an error");
  }
  return action | number.value_or(EPERM);
}

class Filter final : public SeccompFilter {
 public:
  explicit Filter(scmp_filter_ctx context) : context_(context) {}
  ~Filter() override { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  Status Load() const override {
    const int result = seccomp_load(context_);
    if (result < 0) return ErrnoStatus(-result, "linux.seccomp: cannot load the filter");
    return OkStatus();
  }

  Status SetFlags(const grpc::LinuxSeccomp& seccomp) {
    for (const std::string& name : seccomp.flags()) {
      SHOJI_ASSIGN_OR_RETURN(const scmp_filter_attr flag, Find(kFlags, name, "flags"));
      const int result = seccomp_attr_set(context_, flag, 1);
      if (result < 0)
        return ErrnoStatus(-result, "linux.seccomp.flags: the kernel does not know " + name);
    }
    return OkStatus();
  }

  Status AddArchitectures(const grpc::LinuxSeccomp& seccomp) {
    for (const std::string& name : seccomp.architectures()) {
      SHOJI_ASSIGN_OR_RETURN(const std::uint32_t arch, Find(kArchitectures, name, "architectures"));
      const int result = seccomp_arch_add(context_, arch);
      if (result < 0 && result != -EEXIST)
        return ErrnoStatus(-result, "linux.seccomp.architectures: cannot add \"" + name + "\"");
    }
    return OkStatus();
  }

  Status AddSyscalls(const grpc::LinuxSyscall& rule, std::uint32_t default_action) {
    std::optional<std::uint32_t> number;
    if (rule.has_errnoret()) number = rule.errnoret();
    SHOJI_ASSIGN_OR_RETURN(const std::uint32_t action, ActionOf(rule.action(), "action", number));
    SHOJI_ASSIGN_OR_RETURN(const std::vector<scmp_arg_cmp> args, Arguments(rule));
    if (action == default_action) return OkStatus();  // libseccomp refuses what says nothing
    for (const std::string& name : rule.names()) SHOJI_RETURN_IF_ERROR(AddOne(name, action, args));
    return OkStatus();
  }

 private:
  static Result<std::vector<scmp_arg_cmp>> Arguments(const grpc::LinuxSyscall& rule) {
    std::vector<scmp_arg_cmp> args;
    for (const grpc::LinuxSeccompArg& arg : rule.args()) {
      SHOJI_ASSIGN_OR_RETURN(const scmp_compare op, Find(kOperators, arg.op(), "args.op"));
      if (arg.index() > 5) {
        return InvalidArgument("linux.seccomp: argument index " + std::to_string(arg.index()) +
                               " of \"" + (rule.names().empty() ? "" : rule.names(0)) +
                               "\" is above 5");
      }
      args.push_back({static_cast<unsigned>(arg.index()), op, arg.value(), arg.valuetwo()});
    }
    return args;
  }

  Status AddOne(const std::string& name, std::uint32_t action,
                const std::vector<scmp_arg_cmp>& args) {
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) return OkStatus();
    int result = 0;
    if (HasOneIndexTwice(args)) {
      // libseccomp compares an argument once in a rule; such lists mean "or".
      for (const scmp_arg_cmp& arg : args)
        result = std::min(result, seccomp_rule_add_array(context_, action, number, 1, &arg));
    } else {
      result = seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(args.size()),
                                      args.data());
    }
    if (result < 0 && result != -EEXIST && result != -EDOM)
      return ErrnoStatus(-result, "linux.seccomp: cannot add a rule for \"" + name + "\"");
    return OkStatus();
  }

  static bool HasOneIndexTwice(const std::vector<scmp_arg_cmp>& args) {
    for (std::size_t i = 0; i < args.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (args[i].arg == args[j].arg) return true;
      }
    }
    return false;
  }

  scmp_filter_ctx context_;
};

}  // namespace

Result<std::shared_ptr<const SeccompFilter>> SeccompFilter::Make(
    const grpc::LinuxSeccomp& seccomp) {
  if (!seccomp.listenerpath().empty())
    return InvalidArgument("linux.seccomp.listenerPath: the guest has no listener");
  std::optional<std::uint32_t> number;
  if (seccomp.has_defaulterrnoret()) number = seccomp.defaulterrnoret();
  SHOJI_ASSIGN_OR_RETURN(const std::uint32_t action,
                         ActionOf(seccomp.defaultaction(), "defaultAction", number));
  const scmp_filter_ctx context = seccomp_init(action);
  if (context == nullptr) return ResourceExhausted("linux.seccomp: no memory for the filter");
  auto filter = std::make_shared<Filter>(context);
  // no_new_privs is the specification's decision, not the library's.
  seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
  SHOJI_RETURN_IF_ERROR(filter->SetFlags(seccomp));
  SHOJI_RETURN_IF_ERROR(filter->AddArchitectures(seccomp));
  for (const grpc::LinuxSyscall& rule : seccomp.syscalls())
    SHOJI_RETURN_IF_ERROR(filter->AddSyscalls(rule, action));
  return std::shared_ptr<const SeccompFilter>(std::move(filter));
}

}  // namespace shoji::jail
