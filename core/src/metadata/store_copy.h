// Copies one store into another, so that an interruption at any moment is seen and mended.
//
// Purpose  Behind CopyStore() (shoji/store_tools.h). The target is marked (mark.h) before
//          its first change, and the mark goes when what was read back is what was written.
// Threads  One thread per object. The caller holds the index lock.
// Example  SHOJI_RETURN_IF_ERROR(StoreCopier({from, "a"}, {to, "b"}, mode).Run().status());
#ifndef SHOJI_CORE_METADATA_STORE_COPY_H_
#define SHOJI_CORE_METADATA_STORE_COPY_H_

#include <set>
#include <string>
#include <vector>

#include "metadata/mark.h"
#include "plugin/interfaces.h"
#include "shoji/status.h"
#include "shoji/store_tools.h"

namespace shoji {

class StoreCopier {
 public:
  struct Side {
    Store& store;
    std::string name;  // for people, and to recognise an interrupted copy
  };
  StoreCopier(Side from, Side to, StoreCopyMode mode)
      : from_(std::move(from)), to_(std::move(to)), mode_(mode) {}

  Result<StoreCopyReport> Run();

 private:
  Status ReadBoth();
  Status CountSource();
  // Whether the target may be written to; sets merges_.
  Status Decide();
  Status DecideAfterInterruption(const StoreMark& mark);
  Result<bool> IsSame();
  Status CheckConflicts();
  Status MarkTarget();
  Status CopyKeys();
  Status RemoveOthers();
  Result<bool> IsSuperfluous(const std::string& key);
  Status WriteList();
  Status Verify();

  const Side from_;
  const Side to_;
  const StoreCopyMode mode_;
  bool merges_ = false;
  bool done_ = false;
  std::set<std::string> from_keys_;
  std::set<std::string> to_keys_;
  StoreCopyReport report_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_STORE_COPY_H_
