// A store of one file per key.
//
// Purpose  Durable, atomic, shared by processes, readable with cat: the default store. It
//          needs nothing but a directory, and suits up to some thousands of records; with more,
//          or with large transactions, sqlite is quicker.
// Threads  Safe. Writers take turns, readers run side by side, also between processes.
// Crash    A record is written beside its place and renamed into it; a transaction goes
//          through the journal. The next call of any process completes what a killed one
//          had decided, and drops what it had not.
// Example  FilesystemStore::OpenAt("/run/shoji/store")
#ifndef SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_
#define SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_

#include <memory>
#include <string>
#include <string_view>
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
  Result<std::string> Load(const shoji_call* call, std::string_view key);
  Status Remove(const shoji_call* call, std::string_view key);
  Result<std::vector<std::string>> Scan(const shoji_call* call, std::string_view prefix);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 private:
  explicit FilesystemStore(Directory directory) : directory_(std::move(directory)) {}

  // A lock under which no journal is left over.
  Result<Lock> LockClean(LockMode mode, const shoji_call* call);
  Status Recover();
  Status WriteStep(const Step& step, std::string_view value);
  Status CarryOut(const Step& step);
  Status Prepare(const std::vector<Step>& steps, const std::vector<sdk::StoreOp>& ops);
  Status Decide(const std::vector<Step>& steps);
  void DropLeftovers();
  Status Collect(const std::string& dir, const std::string& key, std::string_view prefix,
                 std::vector<std::string>* keys) const;

  Directory directory_;
};

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_FILESYSTEM_STORE_H_
