#include "sandbox/factories.h"

#include <utility>

#include "host/paths.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr const char* kTemplate = "template";
constexpr const char* kDirect = "direct";
// The kernel takes plugged memory into use by itself: agents take no call about memory alone.
constexpr const char* kOnlineMemory = "memhp_default_state=online";
// What must stay for everything else when a template and one clone have all their memory.
constexpr std::uint64_t kSpareBytes = 256U << 20U;

// 0: unknown.
std::uint64_t AvailableMemory() {
  const auto text = ReadFile("/proc/meminfo", 1U << 16U);
  if (!text.ok()) return 0;
  const std::string name = "MemAvailable:";
  for (const std::string& line : Split(*text, '\n')) {
    if (line.compare(0, name.size(), name) != 0) continue;
    const std::string_view rest = Trim(std::string_view(line).substr(name.size()));
    const auto kib = ParseInt(rest.substr(0, rest.find(' ')));
    return kib.ok() && *kib > 0 ? static_cast<std::uint64_t>(*kib) << 10U : 0;
  }
  return 0;
}

// Why there can be no template; empty: there can.
std::string NoTemplate(Context& context, const std::string& hypervisor_id, const VmConfig& vm) {
  const auto factory = context.factory(kTemplate);
  if (!factory.ok()) return factory.status().message();
  const std::uint64_t needed = 2 * vm.memory_bytes + kSpareBytes;
  const std::uint64_t available = AvailableMemory();
  if (available != 0 && available < needed) {
    return "the machine has " + std::to_string(available >> 20U) + " MiB to spare, " +
           std::to_string(needed >> 20U) + " MiB are needed";
  }
  if (vm.run_dir.empty()) return {};
  const auto hypervisor = context.hypervisor(hypervisor_id);
  if (!hypervisor.ok()) return {};  // making the VM will say so
  const auto can = (*hypervisor)->CanSnapshot(context.call(), vm);
  if (can.ok() && !*can) return "hypervisor " + hypervisor_id + " cannot save such a VM";
  return {};
}

// A request for what sandboxes ask for by default, and the plugin to ask.
struct Asked {
  Factory* factory = nullptr;
  Factory::Request request;
};

Result<VmConfig> DefaultConfig(const Settings& settings) {
  SHOJI_ASSIGN_OR_RETURN(VmConfig config, BootConfig(settings, Assets()));
  config.vcpus = settings.vcpus;
  config.memory_bytes = settings.memory_bytes;
  config.shares = {{kShareTag, "", false}};
  return config;
}

Result<Asked> AskFor(Context& context) {
  const Settings& settings = context.settings();
  Asked out;
  SHOJI_ASSIGN_OR_RETURN(out.request.config, DefaultConfig(settings));
  SHOJI_ASSIGN_OR_RETURN(
      const std::string id,
      ChooseFactory(context, settings.factory, settings.hypervisor, out.request.config));
  SHOJI_ASSIGN_OR_RETURN(out.factory, context.factory(id));
  SHOJI_ASSIGN_OR_RETURN(out.request.hypervisor, context.hypervisor(settings.hypervisor));
  out.request.proxy_id = settings.proxy;
  out.request.agent_id = settings.agent;
  return out;
}

Status Cannot(const Context& context, const std::string& what) {
  return FailedPrecondition("factory \"" + context.settings().factory + "\" " + what);
}

}  // namespace

Result<VmConfig> BootConfig(const Settings& settings, const Assets& assets) {
  const BootFiles files = BootFilesOf(settings.boot, assets);
  SHOJI_RETURN_IF_ERROR(CheckHashes(files));
  VmConfig config;
  config.kernel = files.kernel.path;
  config.initrd = files.initrd.path;
  config.image = files.image.path;
  config.kernel_params = std::string(kOnlineMemory) + " " + files.kernel_params;
  return config;
}

Result<std::string> ChooseFactory(Context& context, const std::string& configured,
                                  const std::string& hypervisor, const VmConfig& vm) {
  if (configured != kAutoFactory) return configured;
  const std::string why_not = NoTemplate(context, hypervisor, vm);
  if (why_not.empty()) {
    context.Log(LogLevel::kInfo, "factory auto: VMs are cloned from a template");
    return std::string(kTemplate);
  }
  context.Log(LogLevel::kInfo, "factory auto: each VM is booted: " + why_not);
  return std::string(kDirect);
}

Status PrepareFactory(Context& context) {
  SHOJI_ASSIGN_OR_RETURN(const Asked asked, AskFor(context));
  if (!asked.factory->can_prepare()) return Cannot(context, "has nothing to prepare");
  const Settings& settings = context.settings();
  const Call call{Deadline::After(settings.boot_limit), settings.cancel_fd};
  return asked.factory->Prepare(call, asked.request);
}

Result<std::string> FactoryStatus(Context& context) {
  SHOJI_ASSIGN_OR_RETURN(const Asked asked, AskFor(context));
  return asked.factory->GetStatus(context.call());
}

Status DestroyFactory(Context& context) {
  SHOJI_ASSIGN_OR_RETURN(const Asked asked, AskFor(context));
  return asked.factory->DestroyPrepared(context.call());
}

Status ServeFactory(Context& context, const std::string& socket) {
  SHOJI_ASSIGN_OR_RETURN(const Asked asked, AskFor(context));
  if (!asked.factory->can_serve()) {
    return Cannot(context, "gives no VMs to other processes; choose sandbox.factory=cache");
  }
  const Call call{Deadline::Never(), context.settings().cancel_fd};
  Status served = asked.factory->Serve(call, asked.request, socket);
  return served.code() == StatusCode::kCancelled ? OkStatus() : served;
}

}  // namespace shoji
