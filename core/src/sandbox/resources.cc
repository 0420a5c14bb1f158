// How large a sandbox is: its own size and what its containers need.
#include "oci/resources.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sandbox/object.h"
#include "shoji/plugin/agent_ext.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMilli = 1000;

std::uint64_t HostCpus() {
  return static_cast<std::uint64_t>(std::max<long>(1, sysconf(_SC_NPROCESSORS_ONLN)));
}

std::uint64_t HostMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size)
             : 0;
}

// `base` and `more` together, but beyond `base` not more than `most`.
std::uint64_t Bounded(std::uint64_t base, std::uint64_t more, std::uint64_t most) {
  const std::uint64_t sum = base + more < base ? most : base + more;
  return std::max(base, std::min(sum, most));
}

// What a guest tells about its memory.
struct MemoryDetails {
  std::uint64_t block_bytes = 0;
  bool probe = false;
};

MemoryDetails ReadDetails(const std::string& text) {
  MemoryDetails out;
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return out;
  const auto block = in.find("mem_block_size_bytes");
  if (block != in.end() && block->is_number_unsigned()) {
    out.block_bytes = block->get<std::uint64_t>();
  }
  const auto probe = in.find("support_mem_hotplug_probe");
  out.probe = probe != in.end() && probe->is_boolean() && probe->get<bool>();
  return out;
}

// Every block of the memory that came.
std::vector<std::uint64_t> Addresses(std::uint64_t from, std::uint64_t bytes, std::uint64_t block) {
  constexpr std::size_t kMost = 65536;
  std::vector<std::uint64_t> out;
  if (block == 0) return {from};
  for (std::uint64_t at = 0; at < bytes && out.size() < kMost; at += block) {
    out.push_back(from + at);
  }
  return out;
}

}  // namespace

Result<SandboxObject::Size> SandboxObject::SizeWith(
    const SandboxRecord& record, const std::vector<const ContainerConfig*>& configs) const {
  ResourceNeed sum;
  for (const ContainerConfig* const config : configs) {
    SHOJI_ASSIGN_OR_RETURN(const ResourceNeed need, NeedOf(*config));
    sum.milli_cpus += need.milli_cpus;
    sum.memory_bytes += need.memory_bytes;
  }
  const Settings& settings = context_->settings();
  const std::uint64_t base_vcpus = record.base_vcpus != 0 ? record.base_vcpus : record.vcpus;
  const std::uint64_t base_memory =
      record.base_memory_bytes != 0 ? record.base_memory_bytes : record.memory_bytes;
  Size out;
  out.vcpus = static_cast<std::uint32_t>(
      Bounded(base_vcpus, (sum.milli_cpus + kMilli - 1) / kMilli,
              settings.max_vcpus != 0 ? settings.max_vcpus : HostCpus()));
  out.memory_bytes =
      Bounded(base_memory, sum.memory_bytes,
              settings.max_memory_bytes != 0 ? settings.max_memory_bytes : HostMemory());
  return out;
}

Result<SandboxObject::Size> SandboxObject::SizeOf(const SandboxRecord& record) const {
  std::vector<const ContainerConfig*> configs;
  for (const auto& container : record.containers) configs.push_back(&container.config);
  return SizeWith(record, configs);
}

Status SandboxObject::Grow(SandboxRecord& record, const Size& size, Link& link, UndoStack& undo) {
  if (size.vcpus <= record.vcpus && size.memory_bytes <= record.memory_bytes) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  if (!vm->can_resize()) {
    context_->Log(LogLevel::kInfo, Name() + " keeps " + std::to_string(record.vcpus) +
                                       " vCPUs and " + std::to_string(record.memory_bytes) +
                                       " bytes: hypervisor " + record.hypervisor +
                                       " cannot change them");
    return OkStatus();
  }
  const auto now = vm->Size(context_->call());
  if (!now.ok()) return link.Explain(now.status()).WithContext("cannot resize " + Name());
  const std::uint32_t vcpus =
      now->max_vcpus != 0 ? std::min(size.vcpus, now->max_vcpus) : size.vcpus;
  if (vcpus > now->vcpus) {
    undo.Push([this, vm, &record, old = record.vcpus, had = now->vcpus] {
      (void)vm->SetVcpus(context_->call(), had);
      record.vcpus = old;
    });
    const auto grown = vm->SetVcpus(context_->making_call(), vcpus);
    if (!grown.ok()) return link.Explain(grown.status()).WithContext("cannot resize " + Name());
    if (grown->vcpus > now->vcpus) {
      SHOJI_RETURN_IF_ERROR(
          link.Explain(link.agent().Online(context_->making_call(), grown->vcpus - now->vcpus,
                                           SHOJI_ONLINE_WAIT | SHOJI_ONLINE_CPU_ONLY))
              .WithContext("the guest does not take new vCPUs"));
    }
    record.vcpus = grown->vcpus;
  }
  return GrowMemory(record, *now, size.memory_bytes, link, undo);
}

Status SandboxObject::GrowMemory(SandboxRecord& record, const VmSize& now, std::uint64_t bytes,
                                 Link& link, UndoStack& undo) {
  const std::uint64_t wanted =
      now.max_memory_bytes != 0 ? std::min(bytes, now.max_memory_bytes) : bytes;
  if (wanted <= now.memory_bytes) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  const auto details = link.agent().GuestDetails(context_->call());
  if (!details.ok()) return link.Explain(details.status());
  const MemoryDetails guest = ReadDetails(*details);
  undo.Push([this, vm, &record, old = record.memory_bytes, had = now.memory_bytes,
             block = guest.block_bytes] {
    (void)vm->SetMemory(context_->call(), had, block);
    record.memory_bytes = old;
  });
  const auto grown = vm->SetMemory(context_->making_call(), wanted, guest.block_bytes);
  if (!grown.ok()) return link.Explain(grown.status()).WithContext("cannot resize " + Name());
  if (grown->probe_address != 0 && guest.probe) {
    const auto addresses =
        Addresses(grown->probe_address, grown->memory_bytes - now.memory_bytes, guest.block_bytes);
    SHOJI_RETURN_IF_ERROR(link.Explain(link.agent().ProbeMemory(context_->making_call(), addresses))
                              .WithContext("the guest does not find its new memory"));
  }
  // Some agents take no call that is about memory alone; the kernel does it by itself then.
  const Status online = link.agent().Online(context_->making_call(), 0, SHOJI_ONLINE_WAIT);
  if (!online.ok() && online.code() != StatusCode::kInvalidArgument) {
    return link.Explain(online).WithContext("the guest does not take its new memory");
  }
  record.memory_bytes = grown->memory_bytes;
  return OkStatus();
}

void SandboxObject::Shrink(SandboxRecord& record, const Size& size) {
  if (size.vcpus >= record.vcpus || !VmLives(record)) return;
  const auto vm = AttachVm(record);
  if (!vm.ok() || !(*vm)->can_resize()) return;
  const auto shrunk = (*vm)->SetVcpus(context_->call(), size.vcpus);
  if (shrunk.ok()) {
    record.vcpus = shrunk->vcpus;
  } else {
    context_->Log(LogLevel::kInfo, Name() + " keeps its vCPUs: " + shrunk.status().message());
  }
}

Status SandboxObject::UpdateContainer(const std::string& container_id, const Resources& resources) {
  SHOJI_ASSIGN_OR_RETURN(const std::string wanted, ResourcesJson(resources));
  if (wanted.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container, FindContainer(record, container_id));
  SHOJI_ASSIGN_OR_RETURN(const std::string before, AllResources(container->config));
  SHOJI_ASSIGN_OR_RETURN(const std::string own, ResourcesJson(container->config.resources));
  const Resources old = container->config.resources;
  container->config.resources = Resources();
  SHOJI_ASSIGN_OR_RETURN(container->config.resources.oci_json, MergeResources(own, wanted));
  SHOJI_ASSIGN_OR_RETURN(const Size size, SizeOf(record));
  UndoStack undo;
  // A stopped one gets them when it is made again.
  if (VmLives(record) && container->state != State::kStopped) {
    SHOJI_RETURN_IF_ERROR(NotPaused(record, "cannot update container \"" + container_id + "\""));
    SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
    SHOJI_RETURN_IF_ERROR(Grow(record, size, *link, undo));
    SHOJI_ASSIGN_OR_RETURN(const std::string back, UndoResources(before, wanted));
    undo.Push([this, link, container_id, back] {
      (void)link->agent().UpdateContainer(context_->call(), container_id, back);
    });
    SHOJI_RETURN_IF_ERROR(
        link->Explain(link->agent().UpdateContainer(context_->making_call(), container_id, wanted))
            .WithContext("cannot update container \"" + container_id + "\""));
  }
  const std::uint32_t vcpus = record.vcpus;
  Shrink(record, size);
  const Status saved = SaveRecord(record);
  if (!saved.ok()) {
    if (vcpus > record.vcpus) {
      if (const auto link = Connect(record); link.ok()) {
        UndoStack kept;
        (void)Grow(record, {vcpus, 0}, **link, kept);
        kept.Commit();
      }
    }
    return saved;
  }
  undo.Commit();
  return OkStatus();
}

}  // namespace shoji
