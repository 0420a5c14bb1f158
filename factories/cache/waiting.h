// A VM that runs, or stands still, without a sandbox.
//
// Purpose  Made by another factory plugin, asked for a first time whether its guest answers, then
//          left alone: nobody is connected to its agent, and its processors stand still where the
//          hypervisor can do that. Who takes it connects anew.
// Threads  One at a time.
// Life     Destroyed with all its traces unless it is given away.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto vm, Waiting::Make(host, base, wanted, run_dir, stop_fd, error));
//     if (vm->alive()) ...
#ifndef SHOJI_FACTORIES_CACHE_WAITING_H_
#define SHOJI_FACTORIES_CACHE_WAITING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "place.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/factory.h"
#include "shoji/sdk/other_plugin.h"
#include "wanted.h"

namespace shoji::cache {

// The factory plugin that makes VMs, opened.
class Base {
 public:
  static Result<std::unique_ptr<Base>> Open(const sdk::Host& host, const std::string& id,
                                            shoji_error* error);
  ~Base();
  Base(const Base&) = delete;
  Base& operator=(const Base&) = delete;

  Result<shoji_new_vm> New(const shoji_call* call, const shoji_vm_request& request,
                           shoji_error* error) const;
  // Success when it has nothing to prepare.
  Status Prepare(const shoji_call* call, const shoji_vm_request& request, shoji_error* error) const;
  Status Destroy(const shoji_call* call, shoji_error* error) const;
  const std::string& id() const { return id_; }

 private:
  Base(std::string id, const shoji_factory_v1* table, shoji_factory* factory,
       const shoji_factory_server_v1* server)
      : id_(std::move(id)), table_(table), factory_(factory), server_(server) {}

  const std::string id_;
  const shoji_factory_v1* const table_;
  shoji_factory* const factory_;
  const shoji_factory_server_v1* const server_;  // or null
};

class Waiting {
 public:
  // Gives up with CANCELLED when `stop_fd` gets readable. `warm_up`: see warm.h.
  static Result<std::unique_ptr<Waiting>> Make(const sdk::Host& host, const Base& base,
                                               const Wanted& wanted, const std::string& run_dir,
                                               int stop_fd, bool warm_up, shoji_error* error);
  // One that another process moved to the sandbox: NOT_FOUND when its processes are gone.
  static Result<std::unique_ptr<Waiting>> Attach(const sdk::Host& host, Place place,
                                                 const shoji_vm_request& request,
                                                 const std::string& state, Wanted made,
                                                 shoji_error* error);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  Place& place() { return place_; }
  const Wanted& made() const { return made_; }
  const Abilities& abilities() const { return abilities_; }
  bool alive() const;
  int gone_fd() const { return gone_.get(); }  // readable once it is gone
  std::int64_t pid() const { return pid_; }
  const std::string& state() const { return state_; }  // for attach()

  // The handle belongs to the caller; what is left here is the place.
  shoji_vm* Release();
  // Drops the handle: another process has it, in its sandbox. The descriptor that gets readable
  // when it is gone: a child must be waited for.
  std::vector<UniqueFd> GiveAway();

 private:
  Waiting(const sdk::Host& host, Place place, Wanted made);
  Status Adopt(shoji_vm* vm, shoji_error* error);
  Status LeaveAlone(const sdk::OtherPlugin<shoji_proxy_v1>& proxies,
                    const sdk::OtherPlugin<shoji_agent_v1>& agents, const shoji_new_vm& made,
                    const shoji_call* call, int stop_fd, shoji_error* error);
  template <typename Table>
  const Table* Extension(const char* id) const;

  const sdk::Host host_;
  Place place_;
  Wanted made_;
  const shoji_hypervisor_v1* hypervisor_ = nullptr;
  shoji_vm* vm_ = nullptr;
  Abilities abilities_;
  UniqueFd gone_;
  std::int64_t pid_ = 0;
  std::string state_;
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_WAITING_H_
