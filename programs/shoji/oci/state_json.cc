#include "oci/state_json.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "oci/engine.h"
#include "table.h"

namespace shoji::cli {
namespace {

using nlohmann::ordered_json;

std::string Owner() {
  const uid_t user = geteuid();
  return user == 0 ? "root" : std::to_string(user);
}

ordered_json Of(const ContainerStatus& c, Stage stage) {
  const bool ended = c.state == State::kStopped;
  ordered_json out = {{"ociVersion", kOciVersion},
                      {"id", c.id},
                      {"pid", ended || c.shim_pid < 0 ? 0 : c.shim_pid},
                      {"status", stage == Stage::kCreating ? "creating" : OciState(c.state)},
                      {"bundle", c.bundle},
                      {"rootfs", c.rootfs},
                      {"created", FormatTime(c.created_unix_ns)}};
  if (!c.annotations.empty()) out["annotations"] = c.annotations;
  out["owner"] = Owner();
  return out;
}

constexpr auto kReplace = ordered_json::error_handler_t::replace;

void AddTo(ordered_json& list, const std::vector<ContainerStatus>& containers, Stage stage) {
  for (const ContainerStatus& container : containers) {
    list.push_back(Of(container, stage));
    list.back()["sandbox_id"] = container.sandbox_id;
  }
}

}  // namespace

std::string StateJson(const ContainerStatus& container, Stage stage) {
  return Of(container, stage).dump(2, ' ', false, kReplace);
}

std::string StateListJson(const std::vector<ContainerStatus>& containers,
                          const std::vector<ContainerStatus>& being_made) {
  ordered_json out = ordered_json::array();
  AddTo(out, containers, Stage::kMade);
  AddTo(out, being_made, Stage::kCreating);
  return out.dump(-1, ' ', false, kReplace);
}

}  // namespace shoji::cli
