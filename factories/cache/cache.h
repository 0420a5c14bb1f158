// The factory that takes VMs which were made in advance.
//
// Purpose  new_vm() takes a VM that waits in this process (after prepare()), else one of a server
//          at the configured socket, else has one made by the base factory; the reason is logged.
//          A VM that waited is moved to its sandbox, runs again, and gets random bytes and the
//          time.
// Threads  Any.
// Example  auto factory = CacheFactory::Open(host, options); (*factory)->Make(call, request, e);
#ifndef SHOJI_FACTORIES_CACHE_CACHE_H_
#define SHOJI_FACTORIES_CACHE_CACHE_H_

#include <memory>
#include <string>

#include "pool.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sdk/factory.h"

namespace shoji::cache {

class CacheFactory : public sdk::FactoryBase {
 public:
  struct Settings {
    std::size_t size = 2;
    bool warm_up = true;
    std::string base = "direct";
    std::string socket;  // empty: in the run directory
  };
  static Result<std::unique_ptr<sdk::FactoryBase>> Open(const sdk::Host& host,
                                                        const shoji_options* options);
  CacheFactory(const sdk::Host& host, Settings settings)
      : host_(host), settings_(std::move(settings)) {}

  Result<sdk::NewVm> Make(const shoji_call* call, const shoji_vm_request& request,
                          shoji_error* error) override;
  Result<std::string> StatusJson(const shoji_call* call) override;
  Status Destroy(const shoji_call* call) override;
  Status Prepare(const shoji_call* call, const shoji_vm_request& request,
                 shoji_error* error) override;
  Status Serve(const shoji_call* call, const shoji_vm_request& request,
               const std::string& socket_path, shoji_error* error) override;

 private:
  Result<std::string> RunDir() const;
  Result<std::string> SocketPath() const;
  Result<std::shared_ptr<const Base>> BaseFactory(shoji_error* error) SHOJI_EXCLUDES(mutex_);
  std::shared_ptr<Pool> OwnPool() SHOJI_EXCLUDES(mutex_);

  Result<sdk::NewVm> MakeFromWaiting(const shoji_call* call, const shoji_vm_request& request,
                                     const Wanted& wanted, shoji_error* error);
  Result<std::unique_ptr<Waiting>> FromPool(Pool& pool, const Wanted& wanted);
  Result<std::unique_ptr<Waiting>> FromServer(const shoji_call* call,
                                              const shoji_vm_request& request, const Wanted& wanted,
                                              shoji_error* error);
  std::string Reason(const Status& status, const shoji_error* error) const;

  const sdk::Host host_;
  const Settings settings_;
  Mutex mutex_;
  std::shared_ptr<const Base> base_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<Pool> pool_ SHOJI_GUARDED_BY(mutex_);  // after prepare()
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_CACHE_H_
