// What another process must know to take a link over.
//
// Threads  Values.
// Errors   DATA_LOSS for a text that is no such state.
// Example  SHOJI_ASSIGN_OR_RETURN(LinkState state, ParseLinkState(text, "tcfilter"));
#ifndef SHOJI_NETWORKS_COMMON_LINK_STATE_H_
#define SHOJI_NETWORKS_COMMON_LINK_STATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "guest_config.h"
#include "shoji/status.h"

namespace shoji::network {

struct LinkState {
  std::string model;
  std::string sandbox_id;
  std::string netns;  // empty: no network
  unsigned queues = 1;
  std::vector<Port> ports;
};

// RESOURCE_EXHAUSTED above 16 KiB: more than a hundred interfaces.
Result<std::string> LinkStateText(const LinkState& state);
Result<LinkState> ParseLinkState(std::string_view text, const std::string& model);

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_LINK_STATE_H_
