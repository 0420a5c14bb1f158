// What the host hands in: file systems mounted before a sandbox or container is made.
//
// Purpose  A mount point may be named by several owners (an emptyDir of two containers);
//          it is mounted for the first and unmounted after the last. Disks are named by their
//          nodes here; whoever calls has waited for them.
// Threads  The loop's.
// Example  SHOJI_ASSIGN_OR_RETURN(auto points, storages.Add(request.storages()));
//          ... storages.Release(points);
#ifndef SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_
#define SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

class Storages {
 public:
  using MountPoints = std::vector<std::string>;
  using Requested = google::protobuf::RepeatedPtrField<grpc::Storage>;

  // `need` is called with the type of a file system before it is mounted; `sys` is where the
  // kernel shows its huge pages.
  explicit Storages(std::function<Status(const std::string&)> need, std::string sys = "/sys")
      : need_(std::move(need)), sys_(std::move(sys)) {}
  ~Storages();  // unmounts what is left
  Storages(const Storages&) = delete;
  Storages& operator=(const Storages&) = delete;

  // Drivers that Add() knows.
  static std::vector<std::string> Drivers();
  // INVALID_ARGUMENT for an unknown driver or a missing field.
  static Status Check(const Requested& requested);

  // Mounts all in order; a failure undoes those before it.
  Result<MountPoints> Add(const Requested& requested);
  // In reverse order. The first failure is told, the rest is released all the same.
  Status Release(const MountPoints& points);

 private:
  struct Mounted {
    int users = 0;
    bool is_mount = false;   // a directory of the driver "local" is none
    std::string pages_file;  // of the kernel, with so many pages for this mount
    std::uint64_t pages = 0;
  };
  Status AddOne(const grpc::Storage& storage);
  Status ReleaseOne(std::string point);  // by value: it may be the key of what is erased

  Status MountOne(const grpc::Storage& storage, Mounted* mounted);

  std::function<Status(const std::string&)> need_;
  std::string sys_;
  std::map<std::string, Mounted> mounted_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_
