// A store of one file per key.
//
// Purpose  Durable, atomic, shared by processes, readable with cat: the default store. It
//          needs nothing but a directory, and suits up to some thousands of records; with more,
//          or with large transactions, sqlite is quicker.
// Threads  Safe. Writers take turns, readers run side by side, also between processes.
// Loads    take no lock as long as there is no journal. Each change of one record is a rename,
//          so what is opened is whole; and whoever finds no journal, then opens the record, sees
//          a transaction of which he has seen a part before: it is in its place, or the
//          journal would be there. (Load takes the lock to say that there is nothing.)
//          What is loaded may, like a value whose saver was killed, not be on disk yet.
// Crash    A record is written beside its place and renamed into it; a transaction goes
//          through the journal. The next call of any process completes what a killed one
//          had decided, and drops what it had not.
// Example  FilesystemStore::OpenAt("/run/shoji/store")
#ifndef SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_
#define SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "directory.h"
#include "journal.h"
#include "shoji/sdk/store.h"

namespace shoji::filesystem {

class FilesystemStore {
 public:
  // Option "path"; empty: <run directory>/store.
  static Result<std::unique_ptr<FilesystemStore>> Open(const sdk::Host& host,
                                                       const sdk::OptionMap& options);
  static Result<std::unique_ptr<FilesystemStore>> OpenAt(const std::string& path);

  Status Save(const shoji_call* call, std::string_view key, std::string_view value);
  Status LoadInto(const shoji_call* call, std::string_view key, const shoji_sink* sink);
  Result<std::string> Load(const shoji_call* call, std::string_view key) {
    return sdk::LoadString(this, call, key);
  }
  Status Remove(const shoji_call* call, std::string_view key);
  Result<std::vector<std::string>> Scan(const shoji_call* call, std::string_view prefix);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 private:
  explicit FilesystemStore(Directory directory) : directory_(std::move(directory)) {}

  // A lock under which no journal is left over.
  Result<Lock> LockClean(LockMode mode, const shoji_call* call);
  Status Recover();
  Result<UniqueFd> WriteStep(const Step& step, std::string_view value);
  // Durable after SyncDirsOf().
  Status CarryOut(const Step& step);
  Status LoadLocked(const shoji_call* call, std::string_view key, const std::string& path,
                    const shoji_sink* sink);
  Status Prepare(const std::vector<Step>& steps, const std::vector<sdk::StoreOp>& ops);
  Result<std::string> ReadLocked(const shoji_call* call, const std::string& path);
  Status SyncAll(std::vector<std::pair<UniqueFd, std::string>>* files) const;
  Status Decide(const std::vector<Step>& steps);
  void DropLeftovers();
  Status Collect(const std::string& dir, const std::string& key, std::string_view prefix,
                 std::vector<std::string>* keys) const;

  Directory directory_;
};

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_
