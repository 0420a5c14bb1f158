#include "config/pairs.h"

#include <string>

namespace shoji {
namespace {

struct Insensible {
  std::string_view proxy;  // "*": any other than `but`
  std::string_view shim;
  std::string_view but;
  std::string_view why;
  std::string_view choose;
};

// The first that fits counts.
constexpr Insensible kInsensible[] = {
    {"kataproxybuiltin", "katashim", "",
     "the shim goes on when the command that started it ends, and with that command goes the "
     "proxy",
     "proxy \"kataproxy\" (or \"noproxy\" where the hypervisor has vsock), or shim "
     "\"katashimbuiltin\""},
    {"noopproxy", "*", "noopshim", "the shim needs an agent, and this proxy leads to none",
     "shim \"noopshim\", or proxy \"kataproxybuiltin\" or \"kataproxy\""},
    {"*", "noopshim", "noopproxy", "nobody would stand for the processes that the agent runs",
     "shim \"katashimbuiltin\" or \"katashim\", or proxy \"noopproxy\""},
    {"*", "ccshim", "ccproxy", "the shim speaks the protocol of cc-proxy only",
     "proxy \"ccproxy\", or shim \"katashim\" or \"katashimbuiltin\""},
    {"ccproxy", "*", "ccshim", "the proxy serves shims that speak its own protocol only",
     "shim \"ccshim\", or proxy \"kataproxy\" or \"kataproxybuiltin\""},
};

bool IsOurs(std::string_view proxy, std::string_view shim) {
  const std::string_view proxies[] = {"kataproxybuiltin", "kataproxy", "noproxy", "noopproxy",
                                      "ccproxy"};
  const std::string_view shims[] = {"katashimbuiltin", "katashim", "noopshim", "ccshim"};
  bool known_proxy = false;
  bool known_shim = false;
  for (const std::string_view id : proxies) known_proxy = known_proxy || id == proxy;
  for (const std::string_view id : shims) known_shim = known_shim || id == shim;
  return known_proxy && known_shim;
}

bool Fits(const Insensible& rule, std::string_view proxy, std::string_view shim) {
  const bool proxy_fits = rule.proxy == "*" ? proxy != rule.but : proxy == rule.proxy;
  const bool shim_fits = rule.shim == "*" ? shim != rule.but : shim == rule.shim;
  return proxy_fits && shim_fits;
}

}  // namespace

Status CheckPair(std::string_view proxy, std::string_view shim) {
  if (!IsOurs(proxy, shim)) return OkStatus();
  for (const Insensible& rule : kInsensible) {
    if (!Fits(rule, proxy, shim)) continue;
    return InvalidArgument("sandbox.proxy \"" + std::string(proxy) + "\" and sandbox.shim \"" +
                           std::string(shim) + "\" cannot work together: " + std::string(rule.why) +
                           "; choose " + std::string(rule.choose));
  }
  return OkStatus();
}

Status CheckAgent(std::string_view proxy, std::string_view agent) {
  const bool with_cc = proxy == "ccproxy";
  const bool hyperstart = agent == "hyperstart";
  const bool known = agent == "kata" || hyperstart;
  if (with_cc == hyperstart || !known || !IsOurs(proxy, "ccshim")) return OkStatus();
  return InvalidArgument("sandbox.proxy \"" + std::string(proxy) + "\" and sandbox.agent \"" +
                         std::string(agent) + "\" cannot work together: " +
                         (with_cc ? "the proxy speaks to guests with hyperstart only; choose agent "
                                    "\"hyperstart\", or proxy \"kataproxy\" or "
                                    "\"kataproxybuiltin\""
                                  : "hyperstart is spoken to through cc-proxy only; choose proxy "
                                    "\"ccproxy\", or agent \"kata\""));
}

}  // namespace shoji
