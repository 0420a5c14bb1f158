#include "link_state.h"

#include <cstddef>
#include <nlohmann/json.hpp>

namespace shoji::network {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMaxState = 16U << 10U;

}  // namespace

Result<std::string> LinkStateText(const LinkState& state) {
  Json ports = Json::array();
  for (const Port& port : state.ports) {
    ports.push_back({port.name, port.index, port.device, port.device_index, port.mac, port.mtu});
  }
  const Json json = {{"format", kFormat},           {"model", state.model},
                     {"sandbox", state.sandbox_id}, {"netns", state.netns},
                     {"queues", state.queues},      {"ports", ports}};
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kMaxState) return text;
  return ResourceExhausted("the state of sandbox " + state.sandbox_id + " has " +
                           std::to_string(text.size()) + " bytes; at most " +
                           std::to_string(kMaxState) + " are allowed");
}

Result<LinkState> ParseLinkState(std::string_view text, const std::string& model) {
  const Status damaged = DataLoss("this is no state of a network of " + model);
  try {
    const Json json = Json::parse(text);
    LinkState state;
    if (json.at("format") != kFormat || json.at("model") != model) return damaged;
    state.model = model;
    json.at("sandbox").get_to(state.sandbox_id);
    json.at("netns").get_to(state.netns);
    json.at("queues").get_to(state.queues);
    for (const Json& entry : json.at("ports")) {
      Port port;
      entry.at(0).get_to(port.name);
      entry.at(1).get_to(port.index);
      entry.at(2).get_to(port.device);
      entry.at(3).get_to(port.device_index);
      entry.at(4).get_to(port.mac);
      entry.at(5).get_to(port.mtu);
      state.ports.push_back(std::move(port));
    }
    return state;
  } catch (const Json::exception&) {
    return damaged;
  }
}

}  // namespace shoji::network
