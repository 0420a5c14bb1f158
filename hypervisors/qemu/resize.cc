#include "resize.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "host_device.h"
#include "hotplug.h"
#include "plan.h"
#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

// The block of an x86 guest, and the smallest step that QEMU takes.
constexpr std::uint64_t kUsualBlock = 128U << 20U;
constexpr std::uint64_t kSmallestBlock = 1U << 20U;
// How long a guest may think about giving back a CPU or memory before it counts as a no.
constexpr std::chrono::seconds kUnplugPatience{10};
constexpr char kPeripheral[] = "/machine/peripheral/";

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json ParseArray(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Status NotUnderstood(const char* command, const std::string& answer) {
  return DataLoss("QEMU's answer to " + std::string(command) +
                  " is not understood: " + answer.substr(0, 80));
}

std::string TextOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}
std::uint64_t NumberOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

std::string LastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::uint64_t RoundUp(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

std::uint32_t Present(const std::vector<CpuPlace>& places) {
  return static_cast<std::uint32_t>(std::count_if(
      places.begin(), places.end(), [](const CpuPlace& one) { return !one.device.empty(); }));
}

// QEMU 7.2 under TCG leaves the removed CPU's view of memory behind, and the next change of the
// memory map, such as one more device, ends the VM: there CPUs stay once they have come.
bool CanLoseCpus(QmpClient& qmp, const QmpLimit& limit) {
  const auto answer = qmp.Execute("query-kvm", "", limit);
  if (!answer.ok()) return false;
  const Json kvm = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  return kvm.is_object() && kvm.value("enabled", Json(false)) == true;
}

// The first of "dimm0", "dimm1", ... that is free.
std::string FreeNumber(const std::vector<Dimm>& dimms) {
  std::set<std::string> taken;
  for (const Dimm& dimm : dimms) taken.insert(dimm.device);
  unsigned number = 0;
  while (taken.count("dimm" + std::to_string(number)) != 0) ++number;
  return std::to_string(number);
}

}  // namespace

Result<std::vector<CpuPlace>> ParseCpuPlaces(const std::string& answer) {
  const Json list = ParseArray(answer);
  if (!list.is_array()) return NotUnderstood("query-hotpluggable-cpus", answer);
  std::vector<CpuPlace> places;
  for (const Json& entry : list) {
    if (!entry.is_object()) return NotUnderstood("query-hotpluggable-cpus", answer);
    CpuPlace place{TextOf(entry, "type"), "{}", {}};
    if (const auto props = entry.find("props"); props != entry.end() && props->is_object()) {
      place.properties = Text(*props);
    }
    const std::string path = TextOf(entry, "qom-path");
    if (!path.empty()) place.device = path.rfind(kPeripheral, 0) == 0 ? LastPart(path) : "?";
    places.push_back(std::move(place));
  }
  std::reverse(places.begin(), places.end());  // QEMU begins with the last one
  return places;
}

Result<std::vector<Dimm>> ParseDimms(const std::string& answer) {
  const Json list = ParseArray(answer);
  if (!list.is_array()) return NotUnderstood("query-memory-devices", answer);
  std::vector<Dimm> dimms;
  for (const Json& entry : list) {
    const auto data = entry.is_object() ? entry.find("data") : entry.end();
    if (!entry.is_object() || data == entry.end() || !data->is_object()) {
      return NotUnderstood("query-memory-devices", answer);
    }
    if (TextOf(entry, "type") != "dimm" || TextOf(*data, "id").rfind("dimm", 0) != 0) continue;
    dimms.push_back(
        {TextOf(*data, "id"), LastPart(TextOf(*data, "memdev")), NumberOf(*data, "size")});
  }
  return dimms;
}

QmpLimit Resize::Patience() const {
  return {Deadline::After(kUnplugPatience).Min(limit_.deadline), limit_.cancel_fd};
}

Result<sdk::VmSize> Resize::Get() {
  SHOJI_ASSIGN_OR_RETURN(const std::string cpus,
                         qmp_.Execute("query-hotpluggable-cpus", "", limit_));
  SHOJI_ASSIGN_OR_RETURN(const std::vector<CpuPlace> places, ParseCpuPlaces(cpus));
  SHOJI_ASSIGN_OR_RETURN(const std::string memory,
                         qmp_.Execute("query-memory-size-summary", "", limit_));
  const Json summary = Json::parse(memory, nullptr, /*allow_exceptions=*/false);
  if (!summary.is_object()) return NotUnderstood("query-memory-size-summary", memory);
  sdk::VmSize size;
  size.vcpus = Present(places);
  size.max_vcpus = static_cast<std::uint32_t>(places.size());
  size.memory_bytes = NumberOf(summary, "base-memory") + NumberOf(summary, "plugged-memory");
  size.max_memory_bytes = std::max(max_memory_, size.memory_bytes);
  return size;
}

Status Resize::AddCpus(const std::vector<CpuPlace>& places, std::uint32_t count) {
  for (std::size_t i = 0; i < places.size() && count > 0; ++i) {
    if (!places[i].device.empty()) continue;
    Json device = Json::parse(places[i].properties, nullptr, /*allow_exceptions=*/false);
    device["driver"] = places[i].type;
    device["id"] = "cpu" + std::to_string(i);
    SHOJI_RETURN_IF_ERROR(qmp_.Execute("device_add", Text(device), limit_).status());
    --count;
  }
  return OkStatus();
}

// Those that came last go first; those from the start stay.
Status Resize::RemoveCpus(const std::vector<CpuPlace>& places, std::uint32_t count) {
  if (count == 0 || !CanLoseCpus(qmp_, limit_)) return OkStatus();
  for (std::size_t i = places.size(); i-- > 0 && count > 0;) {
    if (places[i].device.empty() || places[i].device == "?") continue;
    const Status gone = Unplug(qmp_, places[i].device, Patience());
    if (gone.code() == StatusCode::kUnavailable || gone.code() == StatusCode::kCancelled) {
      return gone;
    }
    if (!gone.ok()) return OkStatus();  // the guest keeps it: the size says so
    --count;
  }
  return OkStatus();
}

Result<sdk::VmSize> Resize::SetVcpus(std::uint32_t vcpus) {
  SHOJI_ASSIGN_OR_RETURN(const std::string answer,
                         qmp_.Execute("query-hotpluggable-cpus", "", limit_));
  SHOJI_ASSIGN_OR_RETURN(const std::vector<CpuPlace> places, ParseCpuPlaces(answer));
  if (vcpus == 0 || vcpus > places.size()) {
    return InvalidArgument("vcpus " + std::to_string(vcpus) + " is not 1 to " +
                           std::to_string(places.size()) +
                           "; more can be allowed by hypervisor.qemu.max_vcpus");
  }
  const std::uint32_t now = Present(places);
  const Status changed =
      vcpus > now ? AddCpus(places, vcpus - now) : RemoveCpus(places, now - vcpus);
  SHOJI_RETURN_IF_ERROR(changed);
  return Get();
}

Status Resize::AddDimm(std::uint64_t bytes) {
  SHOJI_ASSIGN_OR_RETURN(const std::string answer,
                         qmp_.Execute("query-memory-devices", "", limit_));
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Dimm> dimms, ParseDimms(answer));
  SHOJI_ASSIGN_OR_RETURN(const std::string memdevs, qmp_.Execute("query-memdev", "", limit_));
  // Whoever serves the guest's devices must see the new memory too.
  const bool shared = IsMemoryShared(memdevs);
  const std::string number = FreeNumber(dimms);
  Json backend = {{"qom-type", shared ? "memory-backend-memfd" : "memory-backend-ram"},
                  {"id", "dimmmem" + number},
                  {"size", bytes}};
  if (shared) backend["share"] = true;
  const Json undo_backend = {{"id", "dimmmem" + number}};
  const Json dimm = {
      {"driver", "pc-dimm"}, {"id", "dimm" + number}, {"memdev", "dimmmem" + number}};
  const Json undo_dimm = {{"id", "dimm" + number}};
  Plan plan;
  plan.Add("object-add", Text(backend), "object-del", Text(undo_backend));
  plan.Add("device_add", Text(dimm), "device_del", Text(undo_dimm));
  Status added = RunPlan(qmp_, plan, limit_);
  if (added.message().find("slot") == std::string::npos) return added;
  return ResourceExhausted("the VM has no slot for more memory: all " +
                           std::to_string(dimms.size()) +
                           " are taken; set hypervisor.qemu.memory_slots higher");
}

Status Resize::RemoveDimm(const Dimm& dimm) {
  SHOJI_RETURN_IF_ERROR(Unplug(qmp_, dimm.device, Patience()));
  const Json backend = {{"id", dimm.backend}};
  return qmp_.Execute("object-del", Text(backend), limit_).status();
}

// The last ones first, and none that is larger than what shall go.
Status Resize::RemoveDimms(std::uint64_t surplus) {
  SHOJI_ASSIGN_OR_RETURN(const std::string answer,
                         qmp_.Execute("query-memory-devices", "", limit_));
  SHOJI_ASSIGN_OR_RETURN(std::vector<Dimm> dimms, ParseDimms(answer));
  std::reverse(dimms.begin(), dimms.end());
  for (const Dimm& dimm : dimms) {
    if (dimm.bytes > surplus || dimm.bytes == 0) continue;
    const Status gone = RemoveDimm(dimm);
    if (gone.code() == StatusCode::kUnavailable || gone.code() == StatusCode::kCancelled) {
      return gone;
    }
    if (!gone.ok()) return OkStatus();  // the guest uses it: the size says so
    surplus -= dimm.bytes;
  }
  return OkStatus();
}

Result<sdk::VmSize> Resize::SetMemory(std::uint64_t bytes, std::uint64_t block_bytes) {
  SHOJI_ASSIGN_OR_RETURN(const sdk::VmSize now, Get());
  const std::uint64_t block = block_bytes == 0 ? kUsualBlock : block_bytes;
  if (block % kSmallestBlock != 0) {
    return InvalidArgument("block_bytes " + std::to_string(block_bytes) +
                           " is not a multiple of 1 MiB");
  }
  if (bytes > now.max_memory_bytes) {
    return ResourceExhausted("memory " + InMiB(bytes) + " is above the VM's limit of " +
                             InMiB(now.max_memory_bytes) +
                             "; set hypervisor.qemu.max_memory higher");
  }
  if (bytes > now.memory_bytes) {
    const std::uint64_t more = RoundUp(bytes - now.memory_bytes, block);
    if (now.memory_bytes + more > now.max_memory_bytes) {
      return ResourceExhausted("memory " + InMiB(now.memory_bytes + more) + " (" + InMiB(bytes) +
                               " in whole blocks) is above the VM's limit of " +
                               InMiB(now.max_memory_bytes) +
                               "; set hypervisor.qemu.max_memory higher");
    }
    SHOJI_RETURN_IF_ERROR(AddDimm(more));
  } else {
    SHOJI_RETURN_IF_ERROR(RemoveDimms(now.memory_bytes - bytes));
  }
  return Get();
}

}  // namespace shoji::qemu
