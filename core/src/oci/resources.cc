#include "oci/resources.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "metadata/text.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::uint64_t kDefaultPeriod = 100'000;
constexpr std::uint64_t kMilli = 1000;
constexpr std::uint64_t kMaxMilliCpus = 1'000'000;       // a thousand CPUs
constexpr std::uint64_t kUnlimitedMemory = 1ULL << 60U;  // cgroup v1 says so with such numbers

template <typename T>
void Put(json& out, const char* name, const std::optional<T>& value) {
  if (value) out[name] = *value;
}

json FromStruct(const Resources& resources) {
  json cpu = json::object();
  Put(cpu, "shares", resources.cpu_shares);
  Put(cpu, "quota", resources.cpu_quota_us);
  Put(cpu, "period", resources.cpu_period_us);
  Put(cpu, "cpus", resources.cpuset_cpus);
  Put(cpu, "mems", resources.cpuset_mems);
  json memory = json::object();
  Put(memory, "limit", resources.memory_limit);
  Put(memory, "reservation", resources.memory_reservation);
  Put(memory, "swap", resources.memory_swap);
  json pids = json::object();
  Put(pids, "limit", resources.pids_limit);
  json out = json::object();
  if (!cpu.empty()) out["cpu"] = std::move(cpu);
  if (!memory.empty()) out["memory"] = std::move(memory);
  if (!pids.empty()) out["pids"] = std::move(pids);
  return out;
}

Status Bad(const std::string& field, const json& value, const char* wanted) {
  return InvalidArgument("resources: " + field + " = " +
                         value.dump(-1, ' ', false, json::error_handler_t::replace) + " is not " +
                         wanted);
}

struct Field {
  const char* group;
  const char* name;
  bool may_be_negative;
  json none;  // what lifts the limit
};
const Field kNumbers[] = {{"cpu", "shares", false, 1024},      {"cpu", "quota", true, -1},
                          {"cpu", "period", false, 100'000},   {"memory", "limit", true, -1},
                          {"memory", "reservation", true, -1}, {"memory", "swap", true, -1},
                          {"pids", "limit", true, -1}};

Status CheckGroups(const json& in) {
  for (const char* group : {"cpu", "memory", "pids"}) {
    const auto it = in.find(group);
    if (it != in.end() && !it->is_null() && !it->is_object()) return Bad(group, *it, "an object");
  }
  return OkStatus();
}

Status CheckNumbers(const json& in) {
  for (const Field& field : kNumbers) {
    if (!in.contains(field.group) || in[field.group].is_null()) continue;
    const auto it = in[field.group].find(field.name);
    if (it == in[field.group].end() || it->is_null()) continue;
    const std::string name = std::string(field.group) + "." + field.name;
    if (!it->is_number_integer()) return Bad(name, *it, "a whole number");
    if (!field.may_be_negative && !it->is_number_unsigned()) return Bad(name, *it, "0 or more");
  }
  return OkStatus();
}

Result<json> ParseOrEmpty(const std::string& text) {
  if (text.empty()) return json::object();
  return ParseResources(text);
}

std::uint64_t Positive(const json& in, const char* group, const char* name) {
  const auto it = in.find(group);
  if (it == in.end() || !it->is_object()) return 0;
  const auto value = it->find(name);
  if (value == it->end() || !value->is_number_integer()) return 0;
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  const auto number = value->get<std::int64_t>();
  return number > 0 ? static_cast<std::uint64_t>(number) : 0;
}

ResourceNeed NeedOfJson(const json& in) {
  ResourceNeed out;
  if (const std::uint64_t quota = Positive(in, "cpu", "quota"); quota > 0) {
    const std::uint64_t given = Positive(in, "cpu", "period");
    const std::uint64_t period = given != 0 ? given : kDefaultPeriod;
    const std::uint64_t whole = quota / period;
    out.milli_cpus = whole >= kMaxMilliCpus / kMilli
                         ? kMaxMilliCpus
                         : whole * kMilli + (quota % period * kMilli + period - 1) / period;
  }
  const std::uint64_t memory = Positive(in, "memory", "limit");
  if (memory < kUnlimitedMemory) out.memory_bytes = memory;
  return out;
}

// linux.resources of a specification; it was or will be checked by others.
json ResourcesOfSpec(const std::string& spec) {
  const json in = json::parse(spec, nullptr, false);
  if (!in.is_object() || !in.contains("linux") || !in["linux"].is_object()) return json::object();
  const auto it = in["linux"].find("resources");
  return it != in["linux"].end() && it->is_object() ? *it : json::object();
}

Result<json> Together(const ContainerConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ResourcesJson(config.resources));
  SHOJI_ASSIGN_OR_RETURN(const json own, ParseOrEmpty(text));
  json all = config.oci_spec.empty() ? json::object() : ResourcesOfSpec(config.oci_spec);
  all.update(own, true);
  return all;
}

}  // namespace

Result<std::string> ResourcesJson(const Resources& resources) {
  if (!resources.oci_json.empty()) {
    SHOJI_ASSIGN_OR_RETURN(const json checked, ParseResources(resources.oci_json));
    return checked.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  const json out = FromStruct(resources);
  if (out.empty()) return std::string();
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<json> ParseResources(const std::string& text) {
  if (!CheckDepth(text).ok()) return InvalidArgument("resources: nested too deeply");
  json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return InvalidArgument("resources: not a JSON object");
  SHOJI_RETURN_IF_ERROR(CheckGroups(in));
  SHOJI_RETURN_IF_ERROR(CheckNumbers(in));
  return in;
}

Result<std::string> MergeResources(const std::string& older, const std::string& newer) {
  SHOJI_ASSIGN_OR_RETURN(json out, ParseOrEmpty(older));
  SHOJI_ASSIGN_OR_RETURN(const json changes, ParseOrEmpty(newer));
  out.update(changes, true);
  return out.empty() ? std::string() : out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> UndoResources(const std::string& older, const std::string& newer) {
  SHOJI_ASSIGN_OR_RETURN(const json changes, ParseOrEmpty(newer));
  json out = json::object();
  for (const Field& field : kNumbers) {
    if (changes.contains(field.group) && changes[field.group].contains(field.name)) {
      out[field.group][field.name] = field.none;
    }
  }
  SHOJI_ASSIGN_OR_RETURN(const json before, ParseOrEmpty(older));
  out.update(before, true);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> AllResources(const ContainerConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(const json all, Together(config));
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ResourceNeed> NeedOf(const ContainerConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(const json all, Together(config));
  return NeedOfJson(all);
}

}  // namespace shoji
