// The directory in which the templates lie, for all processes that use them.
//
// Purpose  <dir>/<key>/            one template, complete: it got its name last
//            template.json         recipe, and what the memory file was when it was finished
//            memory                the guest's memory, which clones map privately
//            state/                what the hypervisor saved
//          <dir>/<key>.new/        one that is being made, or was when its maker was killed
//          <dir>/<key>.lock        held by the maker
//          Who restores a clone holds a shared lock on the template's directory until the VM has
//          the memory mapped; after that the kernel knows of it, whichever process made the clone
//          and whatever became of that: see IsUnused(). Only templates that nobody uses are
//          removed, and a damaged one can be: a VM that has mapped a file keeps it.
// Threads  Safe.
// Example
//     const auto found = shelf.Find(recipe);  // or under shelf.LockMaker(...):
//     SHOJI_ASSIGN_OR_RETURN(const std::string begun, shelf.Begin(recipe));
//     ... fill it ...
//     SHOJI_RETURN_IF_ERROR(shelf.Finish(recipe));
#ifndef SHOJI_FACTORIES_TEMPLATE_SHELF_H_
#define SHOJI_FACTORIES_TEMPLATE_SHELF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lock.h"
#include "recipe.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::templates {

// A template that can be used while this object is there.
struct Stored {
  std::string memory;  // paths
  std::string state;
  UniqueFd hold;
};

// For those who look.
struct Entry {
  std::string key;
  std::string path;
  std::uint64_t bytes = 0;  // that it takes
  std::uint32_t clones = 0;
  bool stale = false;
};

class Shelf {
 public:
  explicit Shelf(std::string dir) : dir_(std::move(dir)) {}

  const std::string& dir() const { return dir_; }
  // Makes the directory. PERMISSION_DENIED when others could put something into it.
  Status Open() const;

  // NOT_FOUND when there is none; DATA_LOSS tells why it is of no use.
  Result<Stored> Find(const Recipe& recipe) const;

  // For whoever makes the template of `recipe`.
  Result<Lock> LockMaker(const Recipe& recipe, const shoji_call* call) const;

  // What follows is for who holds that lock. Begin() gives an empty directory, with state/ in it.
  Result<std::string> Begin(const Recipe& recipe) const;
  Status Finish(const Recipe& recipe) const;
  // What was begun, if there is something; success when not.
  Status Drop(const Recipe& recipe) const;
  std::string BegunPath(const Recipe& recipe) const { return dir_ + "/" + recipe.key + ".new"; }

  // Removes one that is of no use. VMs that came out of it go on.
  Status Discard(const Recipe& recipe) const;
  // Removes unused templates: those whose recipe nobody will ask for again, what killed makers
  // left, and of the others so many that at most `keep` are left, the longest not used first.
  // How many there are then.
  Result<std::size_t> Collect(std::size_t keep) const;
  std::vector<Entry> List() const;
  void RemoveIfEmpty() const;

 private:
  std::string PathOf(const std::string& key) const { return dir_ + "/" + key; }
  std::vector<std::string> Keys() const;
  bool RemoveUnused(const std::string& key) const;
  void RemoveLeftovers() const;

  const std::string dir_;
};

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_SHELF_H_
