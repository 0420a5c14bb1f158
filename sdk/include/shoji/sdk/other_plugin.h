// Another plugin, used through the host (shoji.plugins/1): what factories are made of.
//
// Purpose  Finds an interface of a plugin by kind and id, loading it if need be.
// Threads  Safe. What is found stays valid until the caller's own shutdown.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const auto proxies,
//                            FindPlugin<shoji_proxy_v1>(host, "proxy", request.proxy_id,
//                                                       SHOJI_PROXY_V1, error));
//     proxies.table->start(proxies.plugin, proxies.options, call, &params, &proxy, error);
#ifndef SHOJI_SDK_OTHER_PLUGIN_H_
#define SHOJI_SDK_OTHER_PLUGIN_H_

#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

template <typename Table>
struct OtherPlugin {
  const Table* table = nullptr;
  void* plugin = nullptr;
  const shoji_options* options = nullptr;
};

// `id` empty: the configured one. A failure of the host has filled `error` (see Told()).
template <typename Table>
Result<OtherPlugin<Table>> FindPlugin(const Host& host, std::string_view kind, shoji_str id,
                                      const char* interface_id, shoji_error* error) {
  const auto* plugins = host.Service<shoji_plugins_v1>(SHOJI_PLUGINS_V1);
  if (!SHOJI_HAS_SLOT(shoji_plugins_v1, plugins, find)) {
    return FailedPrecondition("the host offers no " SHOJI_PLUGINS_V1 ", so no " +
                              std::string(kind) + " can be found");
  }
  OtherPlugin<Table> found;
  const void* table = nullptr;
  const std::int32_t code = plugins->find(host.raw(), ToStr(kind), id, interface_id, &table,
                                          &found.plugin, &found.options, error);
  if (code != SHOJI_OK) return Told(code);
  found.table = static_cast<const Table*>(table);
  return found;
}

// Why another plugin failed that has filled `error`; empty when nobody can tell.
inline std::string ToldText(const Host& host, const shoji_error* error) {
  std::string text;
  const auto* plugins = host.Service<shoji_plugins_v1>(SHOJI_PLUGINS_V1);
  if (!SHOJI_HAS_SLOT(shoji_plugins_v1, plugins, error_text)) return text;
  const shoji_sink sink = SinkTo(&text);
  static_cast<void>(plugins->error_text(host.raw(), error, &sink));
  return text;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_OTHER_PLUGIN_H_
