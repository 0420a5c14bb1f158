// The directory of a store whose engine serves one process at a time.
//
// Layout   .store   says whose store it is; what has none is not touched
//          .turn .lock   see turn.h
//          .made    there was a database here: a missing one is a loss, not a new store
//          db/      the engine's files
// Threads  Safe after Prepare().
// Example  SHOJI_ASSIGN_OR_RETURN(Place place, Place::Prepare("/var/lib/shoji/leveldb",
// "leveldb"));
#ifndef SHOJI_ONEPROCESS_PLACE_H_
#define SHOJI_ONEPROCESS_PLACE_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "shoji/status.h"

namespace shoji::oneprocess {

class Place {
 public:
  using Id = std::pair<dev_t, ino_t>;

  // Makes the directory if it is not there. DATA_LOSS when there is something else.
  // Not side by side in one process.
  static Result<Place> Prepare(const std::string& path, std::string_view engine);

  const std::string& path() const { return path_; }
  const std::string& engine() const { return engine_; }
  std::string db() const { return path_ + "/db"; }
  std::string lock_file() const { return db() + "/LOCK"; }  // both engines call it so
  Id id() const { return id_; }                             // the same by whatever path

  bool IsMade() const;
  Status MarkMade() const;

 private:
  Place(std::string path, std::string_view engine) : path_(std::move(path)), engine_(engine) {}
  Status MakeMarker() const;
  Status CheckMarker() const;

  std::string path_;
  std::string engine_;
  Id id_{};
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_PLACE_H_
