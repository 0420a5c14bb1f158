// Looks through a store for what should not be there, and mends the index.
//
// Purpose  Behind CheckStore() (shoji/store_tools.h). The records are the truth; the index
//          is compared with them in both directions.
// Threads  One thread per object. The caller holds the index lock.
// Example  SHOJI_ASSIGN_OR_RETURN(StoreCheckReport report, StoreChecker(store, false).Run());
#ifndef SHOJI_CORE_METADATA_STORE_CHECK_H_
#define SHOJI_CORE_METADATA_STORE_CHECK_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin/interfaces.h"
#include "shoji/status.h"
#include "shoji/store_tools.h"

namespace shoji {

class StoreChecker {
 public:
  StoreChecker(Store& store, bool repair) : store_(store), repair_(repair) {}

  // A failure is one of the store as a whole; everything else is a finding.
  Result<StoreCheckReport> Run();

 private:
  void CheckMark();
  void CheckRecord(const std::string& key);
  void CheckIndexEntry(const std::string& key);
  void CheckContainer(const std::string& container);
  void CheckList();
  StoreFinding& Find(const std::string& kind, const std::string& key, const std::string& text);
  // A finding that `op` mends.
  void FindRepairable(const std::string& kind, const Store::Op& op, const std::string& text);

  Store& store_;
  const bool repair_;
  std::set<std::string> unknown_;                          // sandboxes whose record cannot be read
  std::map<std::string, std::vector<std::string>> homes_;  // container: sandboxes that have it
  std::map<std::string, std::string> index_;
  std::set<std::string> sandboxes_;
  StoreCheckReport report_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_STORE_CHECK_H_
