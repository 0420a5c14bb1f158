// Where a VM runs that is made in advance and belongs to no sandbox.
//
// Purpose  <run directory>/factory/<id>/ with
//            owner   locked as long as its maker lives
//            begun   path of what the maker has begun elsewhere
//            vm/     the VM's own directory
//            share<n>/  empty directories for its shares
//          Processes of the VM are marked with this directory, so that garbage collection, and
//          whoever makes the next template, ends them when the maker was killed.
// Threads  One.
// Life     Gone with the object. The VM has to be gone before.
// Example  SHOJI_ASSIGN_OR_RETURN(const Workshop shop, Workshop::Open(run_dir, begun));
#ifndef SHOJI_FACTORIES_TEMPLATE_WORKSHOP_H_
#define SHOJI_FACTORIES_TEMPLATE_WORKSHOP_H_

#include <cstdint>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::templates {

class Workshop {
 public:
  static Result<Workshop> Open(const std::string& run_dir, const std::string& begun);
  Workshop(Workshop&&) = default;
  Workshop& operator=(Workshop&&) = delete;
  ~Workshop();

  const std::string& id() const { return id_; }
  std::string vm_dir() const { return dir_ + "/vm"; }
  // An empty directory.
  Result<std::string> Share(std::uint32_t number) const;

 private:
  Workshop(std::string id, std::string dir, UniqueFd owner)
      : id_(std::move(id)), dir_(std::move(dir)), owner_(std::move(owner)) {}

  std::string id_;
  std::string dir_;
  UniqueFd owner_;
};

// Ends what killed makers left: their processes, what they had begun, their directories.
void ClearDeadWorkshops(const std::string& run_dir);

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_WORKSHOP_H_
