#include "shoji/ccproto/messages.h"

#include <nlohmann/json.hpp>

namespace shoji::ccproto {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status Senseless(const std::string& why) {
  return DataLoss("an answer of cc-proxy makes no sense: " + why);
}

// The member `name` of an object when it is a text.
Result<std::string> TextOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_string()) return Senseless(std::string(name) + " is no text");
  return it->get<std::string>();
}

}  // namespace

std::string ToJson(const RegisterVm& message) {
  Json out = {{"containerId", message.container_id},
              {"ctlSerial", message.ctl_serial},
              {"ioSerial", message.io_serial}};
  if (!message.console.empty()) out["console"] = message.console;
  if (message.io_streams > 0) out["numIOStreams"] = message.io_streams;
  return Text(out);
}

std::string AttachVmJson(const std::string& container_id, int io_streams) {
  return Text({{"containerId", container_id}, {"numIOStreams", io_streams}});
}

std::string UnregisterVmJson(const std::string& container_id) {
  return Text(Json::object({{"containerId", container_id}}));
}

Result<std::string> HyperJson(const std::string& name, const std::vector<std::string>& tokens,
                              const std::string& data) {
  Json out = {{"hyperName", name}};
  if (!tokens.empty()) out["tokens"] = tokens;
  if (data.empty()) return Text(out);
  Json inner = Json::parse(data, nullptr, false);
  if (inner.is_discarded()) return InvalidArgument("data of hyper command " + name + " is no JSON");
  out["data"] = std::move(inner);
  return Text(out);
}

Result<IoStreams> ParseIoStreams(std::string_view reply) {
  const Json in = Json::parse(reply, nullptr, false);
  if (!in.is_object()) return Senseless("it is no JSON object");
  const auto io = in.find("io");
  if (io == in.end() || !io->is_object()) return Senseless("it has no \"io\"");
  IoStreams out;
  SHOJI_ASSIGN_OR_RETURN(out.url, TextOf(*io, "url"));
  const auto tokens = io->find("tokens");
  if (tokens == io->end() || !tokens->is_array()) return Senseless("tokens is no list");
  for (const Json& token : *tokens) {
    if (!token.is_string() || token.get<std::string>().empty()) {
      return Senseless("a token is no text");
    }
    out.tokens.push_back(token.get<std::string>());
  }
  return out;
}

std::string ErrorText(std::string_view reply) {
  const Json in = Json::parse(reply, nullptr, false);
  if (!in.is_object()) return "it does not say why";
  const auto text = TextOf(in, "msg");
  return text.ok() && !text->empty() ? *text : "it does not say why";
}

}  // namespace shoji::ccproto
