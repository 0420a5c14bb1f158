// A network card of an agent without a VM: a tap device in its network namespace, and frames
// carried to and from the tap device that the host gave.
//
// Threads  One.
// Example  SHOJI_ASSIGN_OR_RETURN(Nic nic, Nic::Make(netns, "02:00:00:00:00:01", 1500, tap));
//          poll both descriptors; nic.Carry(fd);
#ifndef SHOJI_GUEST_AGENT_HOST_NICS_H_
#define SHOJI_GUEST_AGENT_HOST_NICS_H_

#include <array>
#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class Nic {
 public:
  // `netns` is that of the agent, borrowed. INVALID_ARGUMENT for a `tap` that is none.
  static Result<Nic> Make(int netns, const std::string& mac, unsigned mtu, UniqueFd tap);

  const std::string& name() const { return name_; }
  const std::array<int, 2> fds() const { return {host_.get(), guest_.get()}; }
  // Carries what can be read from `fd`, one of fds(), to the other side. False when one of the
  // two is no device any more.
  bool Carry(int fd);

 private:
  Nic(UniqueFd host, UniqueFd guest, std::string name)
      : host_(std::move(host)), guest_(std::move(guest)), name_(std::move(name)) {}

  UniqueFd host_;
  UniqueFd guest_;
  std::string name_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_NICS_H_
