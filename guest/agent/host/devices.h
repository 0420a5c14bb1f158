// What the keeper has attached to an agent without a VM, by id.
//
// Purpose  Disks, shares and network cards that come and go while it runs. Asking for what is
//          there already gives the same answer; for something else by that id, ALREADY_EXISTS.
// Threads  One.
// Example  SHOJI_ASSIGN_OR_RETURN(keeper::Message reply, devices.Serve(request));
#ifndef SHOJI_GUEST_AGENT_HOST_DEVICES_H_
#define SHOJI_GUEST_AGENT_HOST_DEVICES_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "host/disks.h"
#include "host/nics.h"
#include "shoji/keeper/message.h"
#include "shoji/status.h"

namespace shoji::agent {

class HostDevices {
 public:
  explicit HostDevices(pid_t agent) : agent_(agent) {}

  // {"disk", id, path, flags}          -> {node}
  // {"share", id, tag, path, flags}    -> {tag}
  // {"nic", id, mac, mtu} and a tap    -> {name}
  // {"detach", id}                     -> {}; ABORTED while it is in use
  Result<keeper::Message> Serve(keeper::Message request);

  // The descriptors of all network cards, and what to do when one can be read.
  std::vector<int> NicFds() const;
  void CarryFrames(int fd);

 private:
  struct HotShare {
    std::string tag;
  };
  struct Attached {
    std::string content;  // what it was asked for with
    std::string answer;
    std::variant<Disk, HotShare, Nic> device;
  };

  Result<Attached> Make(keeper::Message& request);
  Result<Attached> MakeDisk(const keeper::Message& request) const;
  Result<Attached> MakeShare(const keeper::Message& request) const;
  Result<Attached> MakeNic(keeper::Message& request) const;
  Status Detach(const std::string& id);

  pid_t agent_;
  std::map<std::string, Attached> devices_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_DEVICES_H_
