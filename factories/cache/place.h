// The directory of a VM that waits for its sandbox.
//
// Purpose  <run directory>/factory/<id> with vm/ and proxy/ for the plugins, and mounts/ and
//          share/ like those of a sandbox: what is mounted below mounts/ later shows in share/,
//          which the guest sees. The file `owner` is locked as long as this object lives: garbage
//          collection leaves the directory alone. MoveTo() makes it, in one step, the property of
//          a sandbox: whoever is killed when, it belongs to one of the two.
// Threads  One at a time.
// Errors   ErrnoStatus naming the path. MoveTo() that failed has changed nothing.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Place place, Place::Make(run_dir));
//     SHOJI_RETURN_IF_ERROR(place.MoveTo("/run/shoji/sandboxes/web"));
#ifndef SHOJI_FACTORIES_CACHE_PLACE_H_
#define SHOJI_FACTORIES_CACHE_PLACE_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::cache {

class Place {
 public:
  // A new one with a random id. `with_share`: the VM has a share.
  static Result<Place> Make(const std::string& run_dir, bool with_share);
  // One that was moved to a sandbox by another process. NOT_FOUND when there is none.
  static Result<Place> FindMoved(const std::string& run_dir, const std::string& sandbox_dir);

  Place(Place&& other) noexcept;
  Place& operator=(Place&& other) noexcept;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  // Removes the directory, unless it was moved or Keep() was called.
  ~Place();

  const std::string& id() const { return id_; }
  // The path the VM is made with; works before and after the move.
  const std::string& dir() const { return dir_; }

  Status MoveTo(const std::string& sandbox_dir);
  bool moved() const { return !moved_to_.empty(); }
  // Unmounts and removes everything, wherever it is. The VM is gone before.
  Status Remove();
  // It belongs to the sandbox for good.
  void Keep() { dir_.clear(); }

 private:
  Place(std::string id, std::string dir) : id_(std::move(id)), dir_(std::move(dir)) {}
  Status Fill(bool with_share);

  std::string id_;
  std::string dir_;
  std::string moved_to_;  // <sandbox>/held
  UniqueFd owner_;
};

// Where a sandbox keeps what it took over.
std::string HeldDir(const std::string& sandbox_dir);

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_PLACE_H_
