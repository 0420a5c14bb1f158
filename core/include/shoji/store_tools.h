// Looking after stores: copy one into another, check one, dump one.
//
// Purpose  What `shoji store copy|check|dump` do, for programs. A store is named by its
//          plugin id, with the options that the configuration has for it and others over
//          them, so that two stores of one kind can be told apart.
// Threads  Safe. Copy and check hold the index lock of the root: commands that change a
//          record meanwhile wait, at most 20 s; reading ones do not.
// Example
//     auto report = shoji::CopyStore({}, {"filesystem", {}}, {"sqlite", {}},
//                                    shoji::StoreCopyMode::kIntoEmpty);
//     if (!report.ok()) return Fail(report.status());
#ifndef SHOJI_STORE_TOOLS_H_
#define SHOJI_STORE_TOOLS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "shoji/export.h"
#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji {

struct StorePlace {
  std::string id;  // of the plugin; empty: the configured store
  // {"path", "/srv/records"}: wins over the configuration.
  std::vector<std::pair<std::string, std::string>> options;
};

enum class StoreCopyMode {
  kIntoEmpty,  // refuse a target that holds anything but an earlier copy
  kMerge,      // keep what only the target has; what both have becomes the source's
  kReplace,    // remove what only the target has
};

struct StoreCopyReport {
  std::string from;  // "filesystem", "filesystem (path = /srv/records)"
  std::string to;
  std::size_t sandboxes = 0;  // of the source
  std::size_t containers = 0;
  std::size_t others = 0;     // keys that are not ours; copied all the same
  std::size_t written = 0;    // keys that the target did not have, or had otherwise
  std::size_t unchanged = 0;  // keys that it had already
  std::size_t removed = 0;
  std::uint64_t bytes = 0;            // of the source's values
  bool resumed = false;               // completed a copy that was interrupted
  std::vector<std::string> warnings;  // sandboxes whose owner goes on using the source
};

// Makes the target hold what the source holds, byte for byte, reads it back and compares.
// From its first change until it is complete the target is marked, and no command uses it;
// a second run completes it. Running it again when nothing changed writes nothing.
//
// It waits until no sandbox is being changed, as long as sandbox.lock_timeout says. What
// uses the source afterwards, as a `shoji run` that goes on does, is not copied: the report
// warns of each; copy again with kReplace when they have ended.
//
// FAILED_PRECONDITION: the target is not empty, or holds an unfinished copy of another
// store, or either has another layout. ALREADY_EXISTS: a merge would give a container to
// two sandboxes. INVALID_ARGUMENT: both are the same store.
SHOJI_API Result<StoreCopyReport> CopyStore(const RuntimeOptions& options, const StorePlace& from,
                                            const StorePlace& to, StoreCopyMode mode);

struct StoreFinding {
  // "unreadable", "damaged", "newer", "name", "stale-index", "wrong-index", "missing-index",
  // "twice", "stale-list", "foreign", "unfinished-copy", "layout", "mark"
  std::string kind;
  std::string key;
  std::string text;  // what is wrong and what to do, one line
  bool repairable = false;
  bool repaired = false;
  std::string error;  // why the repair failed
};

struct StoreCheckReport {
  std::string store;
  std::size_t keys = 0;
  std::size_t sandboxes = 0;  // records that can be read
  std::size_t containers = 0;
  std::size_t older = 0;  // records of an older schema; upgraded when they are saved next
  std::vector<StoreFinding> findings;
};

// Reads every key: each record parses, the index agrees with the records in both
// directions, nothing else is there. With `repair` the index is mended, and nothing but
// the index: it follows from the records.
SHOJI_API Result<StoreCheckReport> CheckStore(const RuntimeOptions& options,
                                              const StorePlace& place, bool repair);

struct StoreEntry {
  std::string key;
  std::uint64_t size = 0;
  // The value as JSON: a record is an object, everything else a text, or {"hex": ...} when
  // it is no UTF-8. Empty when it is not shown.
  std::string json;
  std::string problem;  // why it cannot be read or is not shown
};

// Every key that begins with `prefix`, in order. Without `secrets` the values of
// environment variables are hidden, also inside an OCI specification, and values that are
// not understood are not shown at all.
SHOJI_API Status DumpStore(const RuntimeOptions& options, const StorePlace& place,
                           const std::string& prefix, bool secrets,
                           const std::function<Status(const StoreEntry&)>& visit);

}  // namespace shoji

#endif  // SHOJI_STORE_TOOLS_H_
