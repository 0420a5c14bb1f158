#include "device/gate.h"

#include <memory>
#include <utility>

namespace shoji::agent {
namespace {

struct Waiting {
  std::vector<DeviceName> names;
  std::vector<std::string> paths;  // of the first ones, as far as they were found
  DeviceGate::GoOn go_on;
};

bool FindRest(const DeviceFinder& finder, Waiting* waiting) {
  while (waiting->paths.size() < waiting->names.size()) {
    auto path = finder.Find(waiting->names[waiting->paths.size()]);
    if (!path.ok()) return false;
    waiting->paths.push_back(std::move(path).value());
  }
  return true;
}

}  // namespace

Status DeviceGate::Prepare(const std::vector<DeviceName>& names) {
  for (const DeviceName& name : names) SHOJI_RETURN_IF_ERROR(finder_->Check(name));
  for (const DeviceName& name : names) SHOJI_RETURN_IF_ERROR(need_(name.driver));
  return OkStatus();
}

void DeviceGate::Pass(const CallPtr& call, std::vector<DeviceName> names, GoOn go_on) {
  if (names.empty()) return go_on({});
  const Status ready = Prepare(names);
  if (!ready.ok()) return call->Finish(ready);
  auto waiting = std::make_shared<Waiting>(Waiting{std::move(names), {}, std::move(go_on)});
  const auto rescan = [finder = finder_, waiting] {
    if (FindRest(*finder, waiting.get())) return;
    for (const DeviceName& name : waiting->names) finder->Rescan(name);
  };
  const auto check = [finder = finder_, waiting] { return FindRest(*finder, waiting.get()); };
  const auto done = [call, waiting](const Status& status) {
    call->OnGone(nullptr);
    if (!status.ok() && waiting->paths.size() < waiting->names.size()) {
      const DeviceName& missing = waiting->names[waiting->paths.size()];
      return call->Finish({status.code(), missing.Text() + ": " + status.message()});
    }
    waiting->go_on(waiting->paths);
  };
  const auto id = events_->Await(limit_, {"the device", rescan, check, done});
  call->OnGone([events = events_, id] { events->Cancel(id); });
}

}  // namespace shoji::agent
