#include "plan.h"

#include <map>
#include <nlohmann/json.hpp>

#include "feature_args.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

// What undoing may take when the caller's time is over already.
constexpr std::chrono::seconds kUndoLimit{5};

std::string ValueText(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return Escaped(value.get<std::string>());
  return value.dump();
}

// {"type":"tap","id":"a","vhost":true} -> "tap,id=a,vhost=on"
std::string KeyValues(const Json& object, const char* first) {
  std::string text = object.at(first).get<std::string>();
  for (const auto& [name, value] : object.items()) {
    if (name != first) text += "," + name + "=" + ValueText(value);
  }
  return text;
}

// The one kind of character device we make: a client of a socket.
std::string ChardevText(const Json& arguments) {
  const Json& path = arguments.at("/backend/data/addr/data/path"_json_pointer);
  return "socket,id=" + arguments.at("id").get<std::string>() +
         ",path=" + Escaped(path.get<std::string>());
}

void UndoStep(QmpClient& qmp, const Step& step) {
  if (step.undo.empty()) return;
  // What is not there needs no undoing, and nobody can do more about the rest than try.
  [[maybe_unused]] const auto tried =
      qmp.Execute(step.undo, step.undo_arguments, {Deadline::After(kUndoLimit)});
}

void Undo(QmpClient& qmp, const Plan& plan, std::size_t done) {
  while (done-- > 0) UndoStep(qmp, plan.steps()[done]);
}

}  // namespace

bool IsOpen(const Status& status) {
  return status.code() == StatusCode::kDeadlineExceeded || status.code() == StatusCode::kCancelled;
}

void Plan::Add(std::string command, std::string arguments, std::string undo,
               std::string undo_arguments) {
  steps_.push_back(
      {std::move(command), std::move(arguments), std::move(undo), std::move(undo_arguments), -1});
}

std::string Plan::UseFd(int fd, const std::string& name) {
  if (next_fd_ >= 0) {
    inherited_.emplace_back(fd, next_fd_);
    return std::to_string(next_fd_++);
  }
  const std::string arguments = Json({{"fdname", name}}).dump();
  steps_.push_back({"getfd", arguments, "closefd", arguments, fd});
  return name;
}

Status RunPlan(QmpClient& qmp, const Plan& plan, const QmpLimit& limit) {
  for (std::size_t i = 0; i < plan.steps().size(); ++i) {
    const Step& step = plan.steps()[i];
    const Status status = qmp.Execute(step.command, step.arguments, limit, step.fd).status();
    if (status.ok()) continue;
    // A command whose answer did not come in time may be carried out still.
    Undo(qmp, plan, IsOpen(status) ? i + 1 : i);
    return status;
  }
  return OkStatus();
}

Result<std::vector<std::string>> PlanArgs(const Plan& plan) {
  static const std::map<std::string, std::string> kAsTheyAre = {
      {"blockdev-add", "-blockdev"}, {"object-add", "-object"}, {"device_add", "-device"}};
  std::vector<std::string> args;
  for (const Step& step : plan.steps()) {
    const Json arguments = Json::parse(step.arguments, nullptr, /*allow_exceptions=*/false);
    if (const auto it = kAsTheyAre.find(step.command); it != kAsTheyAre.end()) {
      args.insert(args.end(), {it->second, step.arguments});
    } else if (step.command == "netdev_add") {
      args.insert(args.end(), {"-netdev", KeyValues(arguments, "type")});
    } else if (step.command == "chardev-add") {
      args.insert(args.end(), {"-chardev", ChardevText(arguments)});
    } else {
      return Internal("\"" + step.command + "\" is no argument of QEMU");
    }
  }
  return args;
}

}  // namespace shoji::qemu
