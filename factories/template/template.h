// The factory that clones VMs from one that was booted before.
//
// Purpose  A guest is booted once, until its agent waits for a host, and saved; every VM like it
//          is a copy of that, whose memory is the template's until it writes. What cannot be
//          cloned is booted, and the reason is told at info level.
// Threads  Any.
// Example  auto factory = TemplateFactory::Open(host, options); (*factory)->Make(call, request, e);
#ifndef SHOJI_FACTORIES_TEMPLATE_TEMPLATE_H_
#define SHOJI_FACTORIES_TEMPLATE_TEMPLATE_H_

#include <memory>
#include <string>

#include "clone.h"
#include "shelf.h"
#include "shoji/sdk/factory.h"

namespace shoji::templates {

class TemplateFactory : public sdk::FactoryBase {
 public:
  static Result<std::unique_ptr<sdk::FactoryBase>> Open(const sdk::Host& host,
                                                        const shoji_options* options);
  TemplateFactory(const sdk::Host& host, std::string dir, Limits limits)
      : host_(host), shelf_(std::move(dir)), limits_(limits) {}

  Result<sdk::NewVm> Make(const shoji_call* call, const shoji_vm_request& request,
                          shoji_error* error) override;
  Result<std::string> StatusJson(const shoji_call* call) override;
  Status Destroy(const shoji_call* call) override;
  Status Prepare(const shoji_call* call, const shoji_vm_request& request,
                 shoji_error* error) override;

 private:
  Result<sdk::NewVm> Clone(const shoji_call* call, const shoji_vm_request& request,
                           shoji_error* error);
  // Why a clone failed, in words.
  std::string Reason(const Status& status, const shoji_error* error) const;

  const sdk::Host host_;
  const Shelf shelf_;
  const Limits limits_;
};

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_TEMPLATE_H_
