// The factory that boots each VM when it is asked for.
//
// Purpose  Hypervisor, proxy and agent plugin together: create, start, connect, wait for the
//          guest's first answer. What was made is undone in reverse when a step fails.
// Threads  Any.
// Example  auto factory = DirectFactory::Open(host, options); (*factory)->Make(call, request, e);
#ifndef SHOJI_DIRECT_DIRECT_H_
#define SHOJI_DIRECT_DIRECT_H_

#include <memory>
#include <string>

#include "shoji/sdk/factory.h"

namespace shoji::direct {

class DirectFactory : public sdk::FactoryBase {
 public:
  static Result<std::unique_ptr<sdk::FactoryBase>> Open(const sdk::Host& host,
                                                        const shoji_options* options);
  explicit DirectFactory(const sdk::Host& host) : host_(host) {}

  Result<sdk::NewVm> Make(const shoji_call* call, const shoji_vm_request& request,
                          shoji_error* error) override;
  Result<std::string> StatusJson(const shoji_call* call) override;
  Status Destroy(const shoji_call* call) override;

 private:
  const sdk::Host host_;
};

}  // namespace shoji::direct

#endif  // SHOJI_DIRECT_DIRECT_H_
