// A VM as somebody wants it: a request that can be kept, compared and sent.
//
// Purpose  VMs that wait were made for one description; a request that differs gets none of them.
//          As in Kata, size, id, paths of its own and the proxy do not count. Files count by what
//          they are now, so that a kernel that is replaced makes the VMs with the old one useless.
// Threads  Values.
// Errors   Of Describe(): those of plugins come back as they are.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(host, request, error));
//     const std::string why = wanted.Mismatch(waiting);  // "kernel_params differ"
#ifndef SHOJI_FACTORIES_CACHE_WANTED_H_
#define SHOJI_FACTORIES_CACHE_WANTED_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/sdk/factory.h"

namespace shoji::cache {

// What a waiting VM can still become.
struct Abilities {
  bool hotplug = false;  // devices
  bool resize = false;   // vCPUs and memory
};

struct Share {
  std::string tag;
  std::uint32_t flags = 0;
};

class Wanted {
 public:
  static Result<Wanted> Of(const sdk::Host& host, const shoji_vm_request& request,
                           shoji_error* error);

  // Why a VM made for `made`, which can do `abilities`, is not what this one asks for; empty:
  // it is. Sizes count only where the VM cannot grow.
  std::string Mismatch(const Wanted& made, const Abilities& abilities) const;

  std::string ToJson(const Abilities& abilities) const;
  std::string AgentJson() const;

  std::uint32_t vcpus() const { return vcpus_; }
  std::uint64_t memory_bytes() const { return memory_bytes_; }
  // What a VM really was made with.
  void SetSize(std::uint32_t vcpus, std::uint64_t memory_bytes) {
    vcpus_ = vcpus;
    memory_bytes_ = memory_bytes;
  }
  const std::vector<Share>& shares() const { return shares_; }
  const std::string& field(const std::string& name) const { return fields_.at(name); }
  shoji_hypervisor* hypervisor() const { return hypervisor_; }

 private:
  std::map<std::string, std::string> fields_;  // must be equal
  std::vector<Share> shares_;
  std::uint32_t flags_ = 0;
  std::uint32_t vcpus_ = 1;
  std::uint64_t memory_bytes_ = 0;
  std::uint32_t devices_ = 0;
  shoji_hypervisor* hypervisor_ = nullptr;  // null when it came over the wire

  friend class RequestFor;
  friend struct Offer;
};

// What a server has.
struct Offer {
  Wanted made;
  Abilities abilities;
  // DATA_LOSS for what ToJson() did not write.
  static Result<Offer> FromJson(std::string_view text);
};

// The request for one waiting VM, in the ABI's form.
class RequestFor {
 public:
  // `dir`: of the VM; its run directory is dir/vm, its share dir/share.
  RequestFor(const Wanted& wanted, std::string id, const std::string& dir);
  RequestFor(const RequestFor&) = delete;
  RequestFor& operator=(const RequestFor&) = delete;
  const shoji_vm_request& get() const { return request_; }

 private:
  const Wanted wanted_;
  const std::string id_;
  const std::string run_dir_;
  const std::string share_dir_;
  std::vector<shoji_share> shares_;
  std::vector<const shoji_share*> share_pointers_;
  shoji_vm_config config_{};
  shoji_vm_request request_{};
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_WANTED_H_
