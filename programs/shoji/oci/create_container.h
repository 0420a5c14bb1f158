// Making a container for an engine: in a VM of its own, or in that of its pod.
//
// Purpose  What `create` and `run` have in common: bundle, console, sandbox or container, pid
//          file; on failure everything is undone.
// Threads  Use from one thread.
// Example
//     SHOJI_ASSIGN_OR_RETURN(NewContainer made, NewContainer::Create(*runtime, invocation, id));
//     SHOJI_RETURN_IF_ERROR(made.Release());
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_CREATE_CONTAINER_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_CREATE_CONTAINER_H_

#include <boost/program_options.hpp>
#include <memory>
#include <string>
#include <utility>

#include "command.h"
#include "oci/bundle.h"
#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji::cli {

// --bundle, --config, --console-socket, --pid-file, --no-pivot, --no-new-keyring, ...
void DescribeCreate(boost::program_options::options_description& options);
// The same without --bundle, where somebody else declares that.
void DescribeCreateBeyondBundle(boost::program_options::options_description& options);

class NewContainer {
 public:
  // `foreground`: a terminal may be the caller's own.
  static Result<NewContainer> Create(Runtime& runtime, const Invocation& invocation,
                                     const Bundle& bundle, const std::string& id, bool foreground);

  Sandbox& sandbox() const { return *sandbox_; }
  const std::string& id() const { return id_; }
  // Lets it go on without us.
  Status Release() const;
  // Ends it, and the VM when that was made for it.
  Status Remove() const;

 private:
  NewContainer(std::shared_ptr<Sandbox> sandbox, std::string id, bool joined)
      : sandbox_(std::move(sandbox)), id_(std::move(id)), joined_(joined) {}
  static Result<NewContainer> Make(Runtime& runtime, const Invocation& invocation,
                                   const Bundle& bundle, ContainerConfig container);
  Status Publish(const Invocation& invocation) const;

  std::shared_ptr<Sandbox> sandbox_;
  std::string id_;
  bool joined_;  // in a pod that was there
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_CREATE_CONTAINER_H_
