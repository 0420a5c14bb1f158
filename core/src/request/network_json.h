// The guest's network as JSON with the field names of Kata's types.Interface, types.Route and
// types.ARPNeighbor.
//
// Purpose  What network plugins write for the agent, what the agent answers, and our structs.
//          Both writers are outside: the text is checked, numbers may also be texts (as
//          protobuf writes 64 bits), and what is absent has its default.
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field; whoever calls says whose text it was.
// Example  SHOJI_ASSIGN_OR_RETURN(GuestNetwork guest, ParseGuestNetwork(text));
#ifndef SHOJI_CORE_REQUEST_NETWORK_JSON_H_
#define SHOJI_CORE_REQUEST_NETWORK_JSON_H_

#include <string>
#include <string_view>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// One interface for the agent: `text` is the whole object, with what we do not know of.
struct GuestInterface {
  InterfaceInfo info;  // `name` as the object has it
  std::string text;
};

// What NetworkLink::GuestConfig() gives.
struct GuestNetwork {
  std::vector<GuestInterface> interfaces;
  std::string routes;     // an array
  std::string neighbors;  // an array
};
Result<GuestNetwork> ParseGuestNetwork(std::string_view text);

// As the agent shall set it: `asked` wins where it says something; `pci_path` where the guest
// finds it, or empty.
Result<std::string> InterfaceForAgent(const GuestInterface& found, const InterfaceInfo& asked,
                                      const std::string& pci_path);
// The same for our struct: `found` with what `asked` says instead.
InterfaceInfo MergeInterface(InterfaceInfo found, const InterfaceInfo& asked);

Result<InterfaceInfo> ParseInterface(std::string_view text);                // one object
Result<std::vector<InterfaceInfo>> ParseInterfaces(std::string_view text);  // an array
Result<std::vector<Route>> ParseRoutes(std::string_view text);              // an array
// As ParseInterfaces() reads them; limits have no field there.
std::string FormatInterface(const InterfaceInfo& interface);
std::string FormatInterfaces(const std::vector<InterfaceInfo>& interfaces);
std::string FormatRoutes(const std::vector<Route>& routes);

// Two texts of one MAC address.
bool SameMac(std::string_view a, std::string_view b);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_NETWORK_JSON_H_
