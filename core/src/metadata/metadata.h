// Typed records over a store plugin; nothing else of the core touches the store.
//
// Purpose  Keeps the record of each sandbox and, beside it, an index from each container to
//          its sandbox, so that a container id is unique on the host (keys: keys.h).
//
//          The records are the truth, the index follows from them. Where the store has
//          transactions, a record, its containers and the index change together. Where it
//          has not, the order of writes keeps this true at every step: a container in a
//          record has its index entry.
//            Save    new index entries; the list of ids, if the store cannot scan; the
//                    record; then the entries of containers that it no longer has
//            Remove  the record; its index entries; the list of ids
//          So a crash leaves index entries without a record, or an id in the list without
//          one. Neither is seen: SandboxOf() and CheckFree() look through the index at the
//          record, and a command that comes next may claim the container. `shoji gc` and
//          `shoji store check --repair` remove such entries.
//
//          A record of a later schema is neither shown nor replaced nor removed, and a
//          store of a later layout, or half copied, is not used at all (mark.h).
// Threads  Safe. Writers of one sandbox hold its lock (host/lock.h).
// Example  SHOJI_ASSIGN_OR_RETURN(SandboxRecord r, metadata.Load("web"));
//          r.state = State::kRunning;
//          SHOJI_RETURN_IF_ERROR(metadata.Save(r));
#ifndef SHOJI_CORE_METADATA_METADATA_H_
#define SHOJI_CORE_METADATA_METADATA_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/lock.h"
#include "metadata/record.h"
#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

class Metadata {
 public:
  // `lock_path`: file whose flock makes claims of container ids take turns.
  Metadata(std::unique_ptr<Store> store, std::string lock_path);

  // NOT_FOUND; DATA_LOSS and FAILED_PRECONDITION (a newer schema) name record and store.
  Result<SandboxRecord> Load(const std::string& id);
  // Writes the record and the index of its containers. ALREADY_EXISTS when a container id
  // belongs to another sandbox, FAILED_PRECONDITION when a newer version has written this
  // one; nothing is written then.
  Status Save(const SandboxRecord& record);
  // Removes the record and every index entry that names it. Success when there is none;
  // FAILED_PRECONDITION as in Save().
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
  // Whether the store may be used; asked once.
  Status Ready();
  Result<FileLock> LockIndex() const;
  // Containers whose index entries may name `id`. `search`: also without a record.
  Result<std::vector<std::string>> KnownContainers(const std::string& id, bool search);
  Status AppendClaims(const SandboxRecord& record, const std::vector<std::string>& known,
                      std::vector<Store::Op>& ops);
  void AppendReleases(const std::string& id, const std::vector<std::string>& containers,
                      std::vector<Store::Op>& ops);
  Status AppendListOps(const std::string& id, bool remove, std::vector<Store::Op>& ops);
  Result<bool> IsStale(const std::string& container_id, const std::string& sandbox_id);

  const std::unique_ptr<Store> store_;
  const std::string lock_path_;
  std::atomic<bool> ready_ = false;
};

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_METADATA_H_
