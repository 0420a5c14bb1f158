#include "shoji/qmp/client.h"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "line_channel.h"

namespace shoji {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEvents = 256;
constexpr std::size_t kShownGarbage = 80;

// Members of a wrong type read as absent: the other side is not trusted to be well formed.
std::string TextOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}
std::int64_t NumberOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}
Json ObjectOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_object() ? *it : Json::object();
}

Status Garbage(const std::string& line) {
  return DataLoss("the monitor sent what is not QMP: " + line.substr(0, kShownGarbage));
}

Result<Json> ParseObject(const std::string& line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return Garbage(Json(line).dump(-1, ' ', true, Json::error_handler_t::replace));
  return json;
}

StatusCode CodeOf(const std::string& error_class) {
  if (error_class == "CommandNotFound") return StatusCode::kUnimplemented;
  if (error_class == "DeviceNotFound") return StatusCode::kNotFound;
  if (error_class == "DeviceNotActive") return StatusCode::kFailedPrecondition;
  if (error_class == "KVMMissingCap") return StatusCode::kFailedPrecondition;
  return StatusCode::kUnknown;
}

Status ErrorOf(const std::string& command, const Json& error) {
  const std::string error_class = TextOf(error, "class");
  const std::string text = TextOf(error, "desc");
  Status status(CodeOf(error_class),
                "QEMU refused \"" + command + "\": " + (text.empty() ? "no description" : text));
  return std::move(status).WithDetail("qmp.class", error_class);
}

QmpEvent EventOf(const Json& message) {
  QmpEvent event;
  event.name = TextOf(message, "event");
  event.data = ObjectOf(message, "data").dump();
  const Json time = ObjectOf(message, "timestamp");
  event.seconds = NumberOf(time, "seconds");
  event.microseconds = NumberOf(time, "microseconds");
  return event;
}

}  // namespace

struct QmpClient::Impl {
  explicit Impl(UniqueFd socket) : channel(std::move(socket)) {}

  Status ReadGreeting(const QmpLimit& limit);
  Result<Json> ReadMessage(const QmpLimit& limit);
  Status Send(const std::string& command, const std::string& arguments, const QmpLimit& limit,
              int passed_fd);
  Result<std::string> AwaitAnswer(const std::string& command, const QmpLimit& limit);
  void Queue(QmpEvent event);

  internal::LineChannel channel;
  QmpVersion version;
  std::deque<QmpEvent> events;
  std::uint64_t dropped = 0;
  std::uint64_t last_id = 0;
  Status broken;  // why nothing more can be said
};

Result<Json> QmpClient::Impl::ReadMessage(const QmpLimit& limit) {
  SHOJI_RETURN_IF_ERROR(broken);
  const auto read = [&]() -> Result<Json> {
    SHOJI_ASSIGN_OR_RETURN(const std::string line, channel.ReadLine(limit));
    return ParseObject(line);
  };
  Result<Json> message = read();
  const StatusCode code = message.status().code();
  const bool may_go_on =
      message.ok() || code == StatusCode::kDeadlineExceeded || code == StatusCode::kCancelled;
  if (!may_go_on) broken = message.status();
  return message;
}

Status QmpClient::Impl::ReadGreeting(const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const Json message, ReadMessage(limit));
  const Json greeting = ObjectOf(message, "QMP");
  if (greeting.empty()) return Garbage(message.dump());
  const Json qemu = ObjectOf(ObjectOf(greeting, "version"), "qemu");
  version.major = static_cast<int>(NumberOf(qemu, "major"));
  version.minor = static_cast<int>(NumberOf(qemu, "minor"));
  version.micro = static_cast<int>(NumberOf(qemu, "micro"));
  return OkStatus();
}

Status QmpClient::Impl::Send(const std::string& command, const std::string& arguments,
                             const QmpLimit& limit, int passed_fd) {
  SHOJI_RETURN_IF_ERROR(broken);
  Json request = {{"execute", command}};
  if (!arguments.empty()) {
    request["arguments"] = Json::parse(arguments, nullptr, /*allow_exceptions=*/false);
    if (!request["arguments"].is_object()) {
      return InvalidArgument("arguments of \"" + command + "\" are not a JSON object");
    }
  }
  request["id"] = ++last_id;
  return channel.Write(request.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n",
                       passed_fd, limit);
}

// Answers to other ids are those of commands whose caller gave up. An error without an id
// is QEMU's answer to a request that it could not parse.
Result<std::string> QmpClient::Impl::AwaitAnswer(const std::string& command,
                                                 const QmpLimit& limit) {
  for (;;) {
    SHOJI_ASSIGN_OR_RETURN(const Json message, ReadMessage(limit));
    if (message.contains("event")) {
      Queue(EventOf(message));
      continue;
    }
    const bool has_id = message.contains("id");
    if (has_id && message["id"] != last_id) continue;
    if (message.contains("error")) return ErrorOf(command, ObjectOf(message, "error"));
    if (has_id && message.contains("return")) return message["return"].dump();
  }
}

void QmpClient::Impl::Queue(QmpEvent event) {
  if (events.size() == kMaxEvents) {
    events.pop_front();
    ++dropped;
  }
  events.push_back(std::move(event));
}

QmpClient::QmpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QmpClient::~QmpClient() = default;

Result<std::unique_ptr<QmpClient>> QmpClient::Open(UniqueFd socket, const QmpLimit& limit) {
  if (!socket) return InvalidArgument("no socket for the monitor");
  auto impl = std::make_unique<Impl>(std::move(socket));
  SHOJI_RETURN_IF_ERROR(impl->ReadGreeting(limit));
  std::unique_ptr<QmpClient> client(new QmpClient(std::move(impl)));
  SHOJI_RETURN_IF_ERROR(client->Execute("qmp_capabilities", "", limit).status());
  return client;
}

const QmpVersion& QmpClient::version() const { return impl_->version; }
int QmpClient::fd() const { return impl_->channel.fd(); }
std::uint64_t QmpClient::dropped_events() const { return impl_->dropped; }

Result<std::string> QmpClient::Execute(const std::string& command, const std::string& arguments,
                                       const QmpLimit& limit, int passed_fd) {
  Status sent = impl_->Send(command, arguments, limit, passed_fd);
  if (!sent.ok()) return std::move(sent).WithContext("\"" + command + "\"");
  Result<std::string> answer = impl_->AwaitAnswer(command, limit);
  if (answer.ok() || !answer.status().detail("qmp.class").empty()) return answer;
  return std::move(answer).status().WithContext("\"" + command + "\"");
}

Status QmpClient::SendFd(const std::string& name, int fd, const QmpLimit& limit) {
  if (fd < 0) return InvalidArgument("descriptor " + std::to_string(fd) + " is not open");
  const Json arguments = {{"fdname", name}};
  return Execute("getfd", arguments.dump(-1, ' ', true, Json::error_handler_t::replace), limit, fd)
      .status();
}

std::optional<QmpEvent> QmpClient::NextEvent() {
  if (impl_->events.empty()) return std::nullopt;
  QmpEvent event = std::move(impl_->events.front());
  impl_->events.pop_front();
  return event;
}

Result<QmpEvent> QmpClient::WaitEvent(const std::string& name, const QmpLimit& limit) {
  Result<QmpEvent> event =
      WaitEventIf([&name](const QmpEvent& one) { return one.name == name; }, limit);
  if (event.ok()) return event;
  return std::move(event).status().WithContext("waiting for event \"" + name + "\"");
}

Result<QmpEvent> QmpClient::WaitEventIf(const std::function<bool(const QmpEvent&)>& wanted,
                                        const QmpLimit& limit) {
  for (;;) {
    auto& events = impl_->events;
    const auto it = std::find_if(events.begin(), events.end(), wanted);
    if (it != events.end()) {
      QmpEvent event = std::move(*it);
      events.erase(it);
      return event;
    }
    SHOJI_ASSIGN_OR_RETURN(const Json message, impl_->ReadMessage(limit));
    if (message.contains("event")) impl_->Queue(EventOf(message));
  }
}

void QmpClient::ForgetEvents(const std::function<bool(const QmpEvent&)>& stale) {
  std::erase_if(impl_->events, stale);
}

}  // namespace shoji
