// Can this machine run VMs? What the hypervisor plugin says of it, as values.
#include <nlohmann/json.hpp>

#include "metadata/text.h"
#include "sandbox/management.h"

namespace shoji {
namespace {

using nlohmann::json;

std::string TextOf(const json& in, const char* name) {
  const auto it = in.find(name);
  return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// The text comes from a plugin: what is no item is an error of its, told as such.
Result<std::vector<HypervisorReport::Item>> ItemsOf(const std::string& text) {
  SHOJI_RETURN_IF_ERROR(CheckDepth(text));
  const json in = json::parse(text, nullptr, false);
  if (!in.is_array()) return Internal("its report is no JSON array");
  std::vector<HypervisorReport::Item> out;
  for (const json& item : in) {
    if (!item.is_object()) return Internal("an item of its report is no JSON object");
    const auto ok = item.find("ok");
    out.push_back({TextOf(item, "item"), ok != item.end() && ok->is_boolean() && ok->get<bool>(),
                   TextOf(item, "detail"), TextOf(item, "advice")});
  }
  return out;
}

}  // namespace

Result<HypervisorReport> Management::Check() {
  const std::string& id = context_->settings().hypervisor;
  SHOJI_ASSIGN_OR_RETURN(Hypervisor* const hypervisor, context_->hypervisor(id));
  const auto answer = hypervisor->Check(context_->call());
  HypervisorReport report;
  report.hypervisor = id;
  report.can_run = answer.status();
  const std::string text = answer.ok() ? *answer : answer.status().detail("report");
  if (text.empty()) return report;  // a plugin that has no items to tell
  auto items = ItemsOf(text);
  if (!items.ok()) return std::move(items).status().WithContext("hypervisor " + id);
  report.items = std::move(*items);
  return report;
}

}  // namespace shoji
