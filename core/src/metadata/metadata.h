// Typed records over a store plugin; nothing else of the core touches the store.
//
// Purpose  "sandboxes/<id>" holds a SandboxRecord, "containers/<cid>" the id of its
//          sandbox, so that a container id is unique on the host. Where the store has
//          transactions a record and its index change together; where it has not, the
//          index is written before the record and removed after it, so that what a crash
//          leaves is an index entry without a record, which collection removes.
// Threads  Safe. Writers of one sandbox hold its lock (sandbox/lock.h).
// Example  SHOJI_ASSIGN_OR_RETURN(SandboxRecord r, metadata.Load("web"));
//          r.state = State::kRunning;
//          SHOJI_RETURN_IF_ERROR(metadata.Save(r));
#ifndef SHOJI_CORE_METADATA_METADATA_H_
#define SHOJI_CORE_METADATA_METADATA_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "metadata/record.h"
#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

class Metadata {
 public:
  // `lock_path`: file whose flock makes claims of container ids take turns.
  Metadata(std::unique_ptr<Store> store, std::string lock_path);

  // NOT_FOUND; DATA_LOSS; FAILED_PRECONDITION for a newer schema.
  Result<SandboxRecord> Load(const std::string& id);
  // Writes the record and the index of its containers. ALREADY_EXISTS when a container id
  // belongs to another sandbox; nothing is written then.
  Status Save(const SandboxRecord& record);
  // Removes the record and every index entry that names it. Success when there is none.
  Status Remove(const std::string& id);
  // Ids of all sandboxes, sorted.
  Result<std::vector<std::string>> List();

  // NOT_FOUND when no sandbox has it.
  Result<std::string> SandboxOf(const std::string& container_id);
  // ALREADY_EXISTS when another sandbox has it.
  Status CheckFree(const std::string& container_id, const std::string& sandbox_id);

  // Index entries {container id, sandbox id} whose sandbox does not have them.
  Result<std::vector<std::pair<std::string, std::string>>> StaleIndex();
  // Removes one if it is stale still.
  Status RemoveStale(const std::string& container_id);

 private:
  Status AppendListOps(const std::string& id, bool remove, std::vector<Store::Op>& ops);
  Result<bool> IsStale(const std::string& container_id, const std::string& sandbox_id);
  std::vector<std::string> KnownContainers(const std::string& id);

  std::unique_ptr<Store> store_;
  std::string lock_path_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_METADATA_H_
