// Asks the server of waiting VMs.
//
// Threads  One at a time.
// Errors   UNAVAILABLE when nobody serves there, or the server ended; FAILED_PRECONDITION when it
//          is one whose VMs are of no use here; the server's own.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto client, Client::Connect(socket_path, deadline));
//     SHOJI_ASSIGN_OR_RETURN(const Offer offer, client->Config());
#ifndef SHOJI_FACTORIES_CACHE_CLIENT_H_
#define SHOJI_FACTORIES_CACHE_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pool.h"
#include "shoji/base/deadline.h"
#include "wanted.h"

namespace shoji::cache {

class Client {
 public:
  struct Given {
    std::string id;
    std::string state;  // of the hypervisor's plugin
  };
  struct ServerStatus {
    std::int64_t pid = 0;
    std::vector<Pool::Vm> vms;
    std::string detail;
  };

  // `deadline`: of each call.
  static Result<std::unique_ptr<Client>> Connect(const std::string& socket_path, Deadline deadline);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<Offer> Config();
  // One that was moved to `sandbox_dir`.
  Result<Given> GetVm(const std::string& sandbox_dir);
  Result<ServerStatus> GetStatus();
  Status Quit();
  // Whether what this process mounts shows in the server's VMs.
  bool shares_mounts() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_CLIENT_H_
