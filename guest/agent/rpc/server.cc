#include "rpc/server.h"

namespace shoji::agent {

const Server::Method* Server::Find(const std::string& path) const {
  const auto it = methods_.find(path);
  return it == methods_.end() ? nullptr : &it->second;
}

Status Server::Malformed() {
  return InvalidArgument("request is not a message of this method's type");
}

}  // namespace shoji::agent
