// What hyperstart does not keep, and the next process needs.
//
// Purpose  hyperstart runs a container the moment that it is told of it, and knows nothing of one
//          that is made and not started. Kept in a file beside the proxy's socket; in memory
//          where there is none. The notes of another guest, before this one, count as none.
// Threads  Any. Two processes do not write at once: the core's lock on the sandbox sees to that.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Notes notes, book.Read(fd));
//     notes.containers["web"].started = true;
//     SHOJI_RETURN_IF_ERROR(book.Write(fd, notes));
#ifndef SHOJI_AGENT_HYPERSTART_NOTES_H_
#define SHOJI_AGENT_HYPERSTART_NOTES_H_

#include <map>
#include <string>

#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"

namespace shoji::agent_hyperstart {

struct ContainerNote {
  std::string token;    // of the streams of its own process
  std::string request;  // for newcontainer
  bool started = false;
};

struct Notes {
  std::string sandbox_id;  // empty: there is none
  std::map<std::string, ContainerNote> containers;
};

class NoteBook {
 public:
  // `connection`: one to the proxy. DATA_LOSS when the file is torn.
  Result<Notes> Read(int connection) SHOJI_EXCLUDES(mutex_);
  Status Write(int connection, const Notes& notes) SHOJI_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  Notes memory_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::agent_hyperstart

#endif  // SHOJI_AGENT_HYPERSTART_NOTES_H_
