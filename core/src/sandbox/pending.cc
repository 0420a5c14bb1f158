// Not built yet; nothing of this is merged.
#include "sandbox/object.h"

namespace shoji {
namespace {
Status Pending() { return Unimplemented("not built yet"); }
}  // namespace

// core-ops
Status SandboxObject::Pause() { return Pending(); }
Status SandboxObject::Resume() { return Pending(); }
Status SandboxObject::Save(const std::string&) { return Pending(); }
Result<std::shared_ptr<SandboxObject>> SandboxObject::Restore(const std::shared_ptr<Context>&,
                                                              const std::string&,
                                                              const std::string&) {
  return Pending();
}
Result<SandboxStats> SandboxObject::Stats() { return Pending(); }
Status SandboxObject::PauseContainer(const std::string&) { return Pending(); }
Status SandboxObject::ResumeContainer(const std::string&) { return Pending(); }
Result<ContainerStats> SandboxObject::StatsContainer(const std::string&) { return Pending(); }
Result<std::string> SandboxObject::ProcessListContainer(const std::string&, const std::string&,
                                                        const std::vector<std::string>&) {
  return Pending();
}
Result<std::unique_ptr<SandboxMonitor>> SandboxObject::Monitor() { return Pending(); }

}  // namespace shoji
