#include "template.h"

#include <nlohmann/json.hpp>

#include "assembly.h"
#include "shoji/base/deadline.h"
#include "shoji/sdk/other_plugin.h"
#include "shoji/sdk/wait.h"
#include "workshop.h"

namespace shoji::templates {
namespace {

constexpr std::int64_t kMostNanos = 60'000'000'000;  // of an attempt, for callers without limit
constexpr std::size_t kMostTemplates = 64;

Status CheckRequest(const shoji_vm_request& request) {
  if (request.hypervisor != nullptr && request.config != nullptr) return OkStatus();
  return InvalidArgument("a VM request needs an open hypervisor and a configuration");
}

// Time is left for booting when a clone takes too long.
shoji_call HalfOf(const shoji_call* call) {
  shoji_call half = *sdk::CallView(call).get();
  const std::int64_t now = Deadline::NowNanos();
  half.deadline_ns = now + (half.deadline_ns == 0 ? kMostNanos : (half.deadline_ns - now) / 2);
  return half;
}

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

}  // namespace

Result<std::unique_ptr<sdk::FactoryBase>> TemplateFactory::Open(const sdk::Host& host,
                                                                const shoji_options* options) {
  const sdk::OptionMap map(options);
  std::string dir = map.Get("dir");
  if (dir.empty()) {
    SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, host.Dir(SHOJI_DIR_RUN));
    dir = run_dir + "/template";
  }
  if (dir.front() != '/') {
    return InvalidArgument("factory.template.dir \"" + dir + "\" is not an absolute path");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t most, map.GetNumber("max_templates"));
  if (most < 1 || most > kMostTemplates) {
    return InvalidArgument("factory.template.max_templates " + std::to_string(most) +
                           " is not 1 to " + std::to_string(kMostTemplates));
  }
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t min_free, map.GetNumber("min_free"));
  return std::unique_ptr<sdk::FactoryBase>(
      std::make_unique<TemplateFactory>(host, std::move(dir), Limits{most, min_free}));
}

std::string TemplateFactory::Reason(const Status& status, const shoji_error* error) const {
  if (status.detail("told").empty()) return status.message();
  std::string text = sdk::ToldText(host_, error);
  return text.empty() ? std::string(StatusCodeName(status.code())) : text;
}

Result<sdk::NewVm> TemplateFactory::Clone(const shoji_call* call, const shoji_vm_request& request,
                                          shoji_error* error) {
  CloneMaker maker(host_, shelf_, call, request, error);
  SHOJI_RETURN_IF_ERROR(maker.Look());
  {
    SHOJI_ASSIGN_OR_RETURN(const Stored stored, maker.Obtain(limits_));
    auto made = maker.Clone(stored);
    if (made.ok() || !maker.bad_template()) return made;
    host_.Log(SHOJI_LOG_INFO, "the template is made again: " + Reason(made.status(), error));
  }
  maker.Discard();
  SHOJI_ASSIGN_OR_RETURN(const Stored stored, maker.Obtain(limits_));
  return maker.Clone(stored);
}

Result<sdk::NewVm> TemplateFactory::Make(const shoji_call* call, const shoji_vm_request& request,
                                         shoji_error* error) {
  SHOJI_RETURN_IF_ERROR(CheckRequest(request));
  const shoji_call half = HalfOf(call);
  auto made = Clone(&half, request, error);
  if (made.ok()) {
    host_.Count("clones");
    return made;
  }
  // What the caller wants to end is not begun once more.
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "cloning of a VM"));
  host_.Log(SHOJI_LOG_INFO, "VM \"" + sdk::String(request.config->id) +
                                "\" is booted and not cloned: " + Reason(made.status(), error));
  host_.Count("fallbacks");
  factories::Assembly vm(host_, call, error);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request));
  return factories::BootDirectly(vm, request);
}

Status TemplateFactory::Prepare(const shoji_call* call, const shoji_vm_request& request,
                                shoji_error* error) {
  SHOJI_RETURN_IF_ERROR(CheckRequest(request));
  CloneMaker maker(host_, shelf_, call, request, error);
  SHOJI_RETURN_IF_ERROR(maker.Look());
  return maker.Obtain(limits_).status();
}

Result<std::string> TemplateFactory::StatusJson(const shoji_call* /*call*/) {
  auto list = nlohmann::ordered_json::array();
  std::uint64_t bytes = 0;
  std::uint32_t clones = 0;
  for (const Entry& entry : shelf_.List()) {
    list.push_back({{"key", entry.key},
                    {"path", entry.path},
                    {"bytes", entry.bytes},
                    {"clones", entry.clones},
                    {"stale", entry.stale}});
    bytes += entry.bytes;
    clones += entry.clones;
  }
  const nlohmann::ordered_json json = {
      {"ready", list.size()},
      {"detail", std::to_string(list.size()) + " templates of " + InMiB(bytes) + " in \"" +
                     shelf_.dir() + "\", used by " + std::to_string(clones) + " VMs"},
      {"templates", list}};
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

Status TemplateFactory::Destroy(const shoji_call* /*call*/) {
  SHOJI_ASSIGN_OR_RETURN(const std::string run_dir, host_.Dir(SHOJI_DIR_RUN));
  ClearDeadWorkshops(run_dir);
  SHOJI_ASSIGN_OR_RETURN(const std::size_t left, shelf_.Collect(0));
  if (left > 0) {
    host_.Log(SHOJI_LOG_INFO,
              std::to_string(left) + " templates in \"" + shelf_.dir() + "\" are in use and stay");
  }
  shelf_.RemoveIfEmpty();
  return OkStatus();
}

}  // namespace shoji::templates
