#include "proxy.h"

#include "shoji/base/fields.h"

namespace shoji::noopproxy {

namespace {

constexpr std::string_view kTitle = "noopproxy 1";

// The URL is not used, but one that no proxy takes is a mistake somewhere.
Status CheckUrl(const std::string& url) {
  if (url.empty()) return OkStatus();
  for (const char* scheme : {"unix://", "vsock://", "hvsock://", "/"}) {
    if (url.starts_with(scheme)) return OkStatus();
  }
  return InvalidArgument("agent URL \"" + url +
                         "\", expected unix://, vsock://, hvsock:// or none");
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> NoopProxy::Start(const sdk::Host& /*host*/,
                                                         const shoji_options* /*options*/,
                                                         const shoji_call* /*call*/,
                                                         const shoji_proxy_params& params) {
  std::string id = sdk::String(params.sandbox_id);
  SHOJI_RETURN_IF_ERROR(CheckFields({{"sandbox_id", id}}));
  SHOJI_RETURN_IF_ERROR(CheckUrl(sdk::String(params.agent_url)));
  return std::unique_ptr<sdk::ProxyBase>(new NoopProxy(std::move(id)));
}

Result<std::unique_ptr<sdk::ProxyBase>> NoopProxy::Attach(const sdk::Host& /*host*/,
                                                          const shoji_options* /*options*/,
                                                          const shoji_call* /*call*/,
                                                          std::string_view state) {
  SHOJI_ASSIGN_OR_RETURN(Fields fields, ParseFields(kTitle, state));
  return std::unique_ptr<sdk::ProxyBase>(new NoopProxy(fields["sandbox"]));
}

Result<std::string> NoopProxy::SaveState() {
  return FormatFields(kTitle, {{"sandbox", sandbox_id_}});
}

Result<int> NoopProxy::Connect(const shoji_call* /*call*/) {
  return FailedPrecondition("sandbox " + sandbox_id_ +
                            " has proxy \"noopproxy\", which reaches no agent; for one that "
                            "answers choose sandbox.proxy = \"kataproxybuiltin\"");
}

}  // namespace shoji::noopproxy
