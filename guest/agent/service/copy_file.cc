#include "service/copy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "shoji-kata/agent.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

Status Check(const grpc::CopyFileRequest& request) {
  const std::string& path = request.path();
  if (!path.starts_with("/run/") || path.ends_with("/") || (path + "/").find("/../") != path.npos) {
    return InvalidArgument("file " + path + " is not below /run");
  }
  const auto length = static_cast<std::int64_t>(request.data().size());
  if (request.offset() < 0 || request.file_size() < 0 || length > request.file_size() ||
      request.offset() > request.file_size() - length) {
    return InvalidArgument("piece of " + path + " at " + std::to_string(request.offset()) +
                           " does not lie within " + std::to_string(request.file_size()) +
                           " bytes");
  }
  return OkStatus();
}

Status WriteAt(int fd, const std::string& data, off_t offset) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n =
        pwrite(fd, data.data() + done, data.size() - done, offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot write");
    done += static_cast<std::size_t>(n);
  }
  return OkStatus();
}

Status Publish(const grpc::CopyFileRequest& request, int fd, const std::string& temporary) {
  if (fchmod(fd, static_cast<mode_t>(request.file_mode() & 07777U)) < 0 ||
      fchown(fd, static_cast<uid_t>(request.uid()), static_cast<gid_t>(request.gid())) < 0 ||
      rename(temporary.c_str(), request.path().c_str()) < 0) {
    return ErrnoStatus(errno, "cannot finish file " + request.path());
  }
  return OkStatus();
}

Status CopyFile(const grpc::CopyFileRequest& request) {
  SHOJI_RETURN_IF_ERROR(Check(request));
  const mode_t dir_mode = request.dir_mode() == 0 ? 0755 : request.dir_mode() & 07777U;
  SHOJI_RETURN_IF_ERROR(MakeDirs(request.path().substr(0, request.path().rfind('/')), dir_mode));
  const std::string temporary = request.path() + ".tmp";
  const int fresh = request.offset() == 0 ? O_TRUNC : 0;
  const UniqueFd file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | fresh, 0600));
  if (!file) return ErrnoStatus(errno, "cannot open " + temporary);
  SHOJI_RETURN_IF_ERROR(
      WriteAt(file.get(), request.data(), request.offset()).WithContext("file " + temporary));
  struct stat info {};
  if (fstat(file.get(), &info) < 0) return ErrnoStatus(errno, "cannot look at " + temporary);
  if (info.st_size < request.file_size()) return OkStatus();
  return Publish(request, file.get(), temporary);
}

}  // namespace

void RegisterCopyFile(Server* server) {
  server->Command<grpc::CopyFileRequest>("/grpc.AgentService/CopyFile", CopyFile);
}

}  // namespace shoji::agent
