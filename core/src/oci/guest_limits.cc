#include "oci/guest_limits.h"

#include <utility>

#include "oci/json_fields.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::int64_t kAny = -1;  // "all", as the specification's absent number

std::int64_t Number(const json& in, const char* name) { return ValueOr(in, name, kAny); }

std::string Type(const json& in) { return ValueOr(in, "type", std::string()); }

// Numbers that Linux gives the same device on every machine.
bool IsEverywhere(std::int64_t major, std::int64_t minor) {
  constexpr std::int64_t kMemory = 1;     // null, zero, full, random, urandom, kmsg, …
  constexpr std::int64_t kTerminals = 5;  // tty, ptmx
  constexpr std::int64_t kMisc = 10;      // fuse, tun, …; below 128 and from 255 on as it comes
  constexpr std::int64_t kFirstPts = 136;
  constexpr std::int64_t kLastPts = 143;
  if (major == kMisc) return minor >= 128 && minor < 255;
  return major == kMemory || major == kTerminals || (major >= kFirstPts && major <= kLastPts);
}

json EditRules(const json& rules, const GuestDevices& devices) {
  json out = json::array();
  for (const json& rule : rules) {
    if (devices.Means(Type(rule), Number(rule, "major"), Number(rule, "minor"))) {
      out.push_back(rule);
    }
  }
  return out;
}

// Processors and memory nodes are the host's; how many the VM has follows from them there.
json EditCpu(json cpu) {
  cpu.erase("cpus");
  cpu.erase("mems");
  return cpu;
}

json EditBlockIo(json io, const GuestDevices& devices) {
  for (const char* name : {"weightDevice", "throttleReadBpsDevice", "throttleWriteBpsDevice",
                           "throttleReadIOPSDevice", "throttleWriteIOPSDevice"}) {
    json kept = json::array();
    for (json& device : ArrayOr(io, name)) {
      const bool ours = devices.Means("b", Number(device, "major"), Number(device, "minor"));
      if (ours) kept.push_back(std::move(device));
    }
    io.erase(name);
    if (!kept.empty()) io[name] = std::move(kept);
  }
  return io;
}

// By the same rules as the fields that say the same.
bool IsForGuest(const std::string& file, const std::string& value) {
  const auto of = [&](const char* controller) { return file.rfind(controller, 0) == 0; };
  if (of("cpuset.") || of("rdma.") || of("misc.")) return false;
  return !of("io.") || value.find(':') == std::string::npos;
}

json EditUnified(const json& unified) {
  json out = json::object();
  for (const auto& [file, value] : unified.items()) {
    if (!value.is_string() || IsForGuest(file, value.get<std::string>())) out[file] = value;
  }
  return out;
}

void Put(const char* name, json part, json* out) {
  if (!part.empty()) (*out)[name] = std::move(part);
}

}  // namespace

GuestDevices::GuestDevices(const json& nodes, const std::set<std::string>& attached) {
  for (const json& node : nodes) {
    const std::int64_t major = Number(node, "major");
    const std::int64_t minor = Number(node, "minor");
    if (attached.count(ValueOr(node, "path", std::string())) > 0) {
      attached_.emplace(Type(node), major, minor);
    }
    if (Type(node) == "p" || Means(Type(node), major, minor)) nodes_.push_back(node);
  }
}

bool GuestDevices::Means(const std::string& type, std::int64_t major, std::int64_t minor) const {
  if (major < 0 || type == "a") return true;  // all of a kind
  if (attached_.count({type, major, minor}) > 0) return true;
  return type != "b" && IsEverywhere(major, minor);
}

json EditResources(const json& resources, const GuestDevices& devices) {
  json out = json::object();
  for (const char* name : {"memory", "pids"}) Put(name, ObjectOr(resources, name), &out);
  Put("cpu", EditCpu(ObjectOr(resources, "cpu")), &out);
  Put("blockIO", EditBlockIo(ObjectOr(resources, "blockIO"), devices), &out);
  Put("hugepageLimits", ArrayOr(resources, "hugepageLimits"), &out);
  Put("unified", EditUnified(ObjectOr(resources, "unified")), &out);
  Put("devices", EditRules(ArrayOr(resources, "devices"), devices), &out);
  return out;
}

}  // namespace shoji
