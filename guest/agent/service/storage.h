// What the host hands in: file systems mounted before a sandbox or container is made.
//
// Purpose  A mount point may be named by several owners (an emptyDir of two containers);
//          it is mounted for the first and unmounted after the last.
// Threads  The loop's.
// Example  SHOJI_ASSIGN_OR_RETURN(auto points, storages.Add(request.storages()));
//          ... storages.Release(points);
#ifndef SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_
#define SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_

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

  // `need` is called with the type of a file system before it is mounted.
  explicit Storages(std::function<Status(const std::string&)> need) : need_(std::move(need)) {}
  ~Storages();  // unmounts what is left
  Storages(const Storages&) = delete;
  Storages& operator=(const Storages&) = delete;

  // Drivers that Add() knows.
  static std::vector<std::string> Drivers();

  // Mounts all in order; a failure undoes those before it. INVALID_ARGUMENT for an
  // unknown driver or a missing field.
  Result<MountPoints> Add(const Requested& requested);
  // In reverse order. The first failure is told, the rest is released all the same.
  Status Release(const MountPoints& points);

 private:
  struct Mounted {
    int users = 0;
    bool is_mount = false;  // a directory of the driver "local" is none
  };
  Status AddOne(const grpc::Storage& storage);
  Status ReleaseOne(const std::string& point);

  Status MountOne(const grpc::Storage& storage);

  std::function<Status(const std::string&)> need_;
  std::map<std::string, Mounted> mounted_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_STORAGE_H_
