// Users by name (string_user), as the container's own image names them.
//
// Threads  Pure, but for reading /etc/passwd and /etc/group inside the root.
// Example  SHOJI_RETURN_IF_ERROR(LookUpUser(rootfs, request.string_user(),
// process->mutable_user()));
#ifndef SHOJI_GUEST_AGENT_SERVICE_USER_LOOKUP_H_
#define SHOJI_GUEST_AGENT_SERVICE_USER_LOOKUP_H_

#include <string>

#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

// Names and numbers are both taken. Without a group the user's own is taken, and those that
// /etc/group puts the user into; additional ones are added. NOT_FOUND names what the image does
// not have. Links in the image do not lead out of `root`.
Status LookUpUser(const std::string& root, const grpc::StringUser& wanted, grpc::User* user);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_USER_LOOKUP_H_
