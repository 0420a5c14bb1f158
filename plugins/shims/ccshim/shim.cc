#include "shim.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "shim_process.h"

namespace shoji::ccshim {

namespace {

Status CheckUrl(const std::string& url) {
  if (url.starts_with("unix:///") || url.starts_with("tcp://")) return OkStatus();
  return FailedPrecondition(
      "shim ccshim reaches cc-proxy by unix:///path or tcp://host:port, not by \"" + url +
      "\"; use proxy \"ccproxy\"");
}

Result<std::string> TokenOf(const shoji_shim_params& params) {
  // A host before minor 2 has none.
  const bool has = params.struct_size >= offsetof(shoji_shim_params, token) + sizeof params.token;
  if (has && params.token.size > 0) return sdk::String(params.token);
  return FailedPrecondition("shim ccshim has no token for process " + sdk::String(params.exec_id) +
                            "; use proxy \"ccproxy\" and agent \"hyperstart\", which give one");
}

}  // namespace

Result<std::int32_t> CcShim::Start(const sdk::Host& host, const shoji_options* options,
                                   const shoji_call* call, const shoji_shim_params& params) {
  SHOJI_RETURN_IF_ERROR(shims::CheckParams(params));
  const std::string url = sdk::String(params.proxy_url);
  SHOJI_RETURN_IF_ERROR(CheckUrl(url));
  SHOJI_ASSIGN_OR_RETURN(std::string token, TokenOf(params));
  const sdk::OptionMap map(options);
  const std::string program = map.Get("path");
  if (!program.starts_with('/')) {
    return InvalidArgument("shim.ccshim.path is \"" + program + "\"; it takes an absolute path");
  }
  std::vector<std::string> argv = {
      program, "-c", sdk::String(params.container_id), "-t", std::move(token), "-u", url};
  if (map.GetBool("debug")) argv.emplace_back("-d");
  return shims::StartProcess(host, call, params, std::move(argv));
}

Status CcShim::Stop(const sdk::Host& /*host*/, const shoji_call* call, std::int32_t pid) {
  return shims::StopProcess(call, pid);
}

}  // namespace shoji::ccshim
