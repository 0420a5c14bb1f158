// Plugin "enlightened" of kind network: a hypervisor that is part of the pod's namespace itself.
// Kata's API names this model; no hypervisor offers it. Whoever chooses it is told so, with what
// to choose instead, and not that the name is unknown.
#include "shoji/sdk/plugin.h"

#include <memory>

#include "shoji/sdk/network.h"

namespace shoji::network_enlightened {
namespace {

// Never made: Open() says why.
class EnlightenedNetwork : public sdk::NetworkBase {
 public:
  static Result<std::unique_ptr<sdk::NetworkBase>> Open(const sdk::Host&, const sdk::OptionMap&) {
    return FailedPrecondition(
               "network model \"enlightened\" is not supported by this hypervisor; choose "
               "tcfilter, bridged or none")
        .WithDetail("reason", "skip");
  }
};

}  // namespace
}  // namespace shoji::network_enlightened

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("network", "enlightened", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.network/1", "0"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  using shoji::network_enlightened::EnlightenedNetwork;
  interfaces.Add(SHOJI_NETWORK_V1, shoji::sdk::NetworkTable<EnlightenedNetwork>());
});
