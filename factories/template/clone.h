// A VM out of a template, or the reason why there is none.
//
// Purpose  One attempt: what it needs of the plugins, what the template is like, the clone itself.
//          What fails is undone, so that the VM can be booted instead.
// Threads  One.
// Example
//     CloneMaker maker(host, shelf, call, request, error);
//     SHOJI_RETURN_IF_ERROR(maker.Look());
//     SHOJI_ASSIGN_OR_RETURN(const Stored stored, maker.Obtain(limits));
//     return maker.Clone(stored);
#ifndef SHOJI_FACTORIES_TEMPLATE_CLONE_H_
#define SHOJI_FACTORIES_TEMPLATE_CLONE_H_

#include <cstdint>
#include <string>

#include "assembly.h"
#include "recipe.h"
#include "shelf.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/sdk/factory.h"

namespace shoji::templates {

struct Limits {
  std::size_t templates = 0;   // that are kept
  std::uint64_t min_free = 0;  // bytes that have to be left where they lie
};

class CloneMaker {
 public:
  // All outlive it.
  CloneMaker(const sdk::Host& host, const Shelf& shelf, const shoji_call* call,
             const shoji_vm_request& request, shoji_error* error)
      : host_(host), shelf_(shelf), call_(call), request_(request), error_(error) {}

  // What the hypervisor can do with such a VM, and what its template has to be like.
  Status Look();
  // The template, made when there is none that is good.
  Result<Stored> Obtain(const Limits& limits);
  Result<sdk::NewVm> Clone(const Stored& stored);
  // The last clone failed because the template is of no use.
  bool bad_template() const { return bad_template_; }
  void Discard();

 private:
  Result<Stored> FindOr(Status* why) const;
  Status MakeTemplate(const Limits& limits);
  Status CheckRoom(const Limits& limits) const;
  Status BootAndSave(const std::string& dir);
  Status LetSettle(const factories::Assembly& vm) const;
  Status Save(factories::Assembly& vm, const std::string& dir) const;
  Status AttachDevices(factories::Assembly& vm) const;
  Status Restore(factories::Assembly& vm, const Stored& stored);
  // As for the template: its size, no devices, memory in a file.
  shoji_vm_config BareConfig(const std::string& memory) const;

  const sdk::Host& host_;
  const Shelf& shelf_;
  const shoji_call* const call_;
  const shoji_vm_request& request_;
  shoji_error* const error_;

  Size wanted_;
  Size base_;
  Recipe recipe_;
  const shoji_hypervisor_snapshot_v1* snapshots_ = nullptr;
  const shoji_hypervisor_pause_v1* pausing_ = nullptr;
  bool bad_template_ = false;
};

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_CLONE_H_
