// The management functions over a Context: what shoji::Runtime does, without where its
// plugins come from.
//
// Threads  Safe.
// Example  auto list = Management(context).List();
#ifndef SHOJI_CORE_SANDBOX_MANAGEMENT_H_
#define SHOJI_CORE_SANDBOX_MANAGEMENT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/context.h"
#include "sandbox/object.h"
#include "shoji/types.h"

namespace shoji {

class Management {
 public:
  using Object = std::shared_ptr<SandboxObject>;
  explicit Management(std::shared_ptr<Context> context) : context_(std::move(context)) {}

  // As the functions of shoji::Runtime with these names.
  Result<Object> Create(const SandboxConfig& config);
  Result<Object> Fetch(const std::string& id);
  Result<Object> Start(const std::string& id);
  Result<Object> Run(const SandboxConfig& config);
  Result<Object> Restore(const std::string& id, const std::string& dir);
  Status Stop(const std::string& id, bool force);
  Status Delete(const std::string& id);
  Result<std::vector<SandboxStatus>> List();
  Result<SandboxStatus> GetStatus(const std::string& id);
  Result<std::vector<ContainerStatus>> ListContainers();
  std::vector<ContainerStatus> ContainersBeingMade();
  Result<std::string> SandboxOf(const std::string& container_id);
  Result<GarbageReport> CollectGarbage(bool dry_run);
  Result<HypervisorReport> Check();

 private:
  std::shared_ptr<Context> context_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_MANAGEMENT_H_
