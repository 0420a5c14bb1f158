// A shared object in this process, by Boost.DLL.
//
// Purpose  Loads the very file that was checked, by its descriptor.
// Threads  Used by one thread at a time.
// Life     Never unloaded: threads and static objects of a plugin may outlast its use.
// Example  SHOJI_ASSIGN_OR_RETURN(Library library, Library::Load(fd, "/usr/lib/x.so"));
#ifndef SHOJI_CORE_PLUGIN_LIBRARY_H_
#define SHOJI_CORE_PLUGIN_LIBRARY_H_

#include <string>

#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji {

class Library {
 public:
  Library() = default;
  // FAILED_PRECONDITION carries the dynamic loader's own words. `path` is for messages.
  static Result<Library> Load(int fd, const std::string& path);

  // An entry function that is here already.
  static Library InProcess(shoji_plugin_open_fn open) {
    Library library;
    library.open_ = open;
    return library;
  }

  shoji_plugin_open_fn open() const { return open_; }

 private:
  shoji_plugin_open_fn open_ = nullptr;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_LIBRARY_H_
