#include "host/devices.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "host/options.h"
#include "host/world.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

Status NoSense(const keeper::Message& request) {
  return InvalidArgument("a request \"" + request.fields[0] + "\" with " +
                         std::to_string(request.fields.size()) + " fields makes no sense");
}

Result<unsigned> Number(const std::string& text) {
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t number, ParseInt(text));
  if (number < 0 || number > INT32_MAX) return InvalidArgument("number " + text);
  return static_cast<unsigned>(number);
}

Result<UniqueFd> OpenNamespace(pid_t agent, const char* kind) {
  const std::string path = "/proc/" + std::to_string(agent) + "/ns/" + kind;
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  return fd;
}

// In a child, since there is no way back from another mount namespace into a chroot.
// `body` gives an errno.
Status InMounts(pid_t agent, const std::string& what, const std::function<int()>& body) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd mounts, OpenNamespace(agent, "mnt"));
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "cannot fork");
  if (child == 0) _exit(setns(mounts.get(), CLONE_NEWNS) == 0 ? body() : errno);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return OkStatus();
  if (WIFEXITED(status)) return ErrnoStatus(WEXITSTATUS(status), what);
  return Internal(what + ": the process that should was killed");
}

Status ShowShare(pid_t agent, const HostShare& share) {
  const UniqueFd tree(
      open_tree(AT_FDCWD, share.path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) return ErrnoStatus(errno, "cannot open share " + share.path);
  const std::string target = std::string(kShareRoot) + "/" + share.tag;
  return InMounts(agent, "cannot show share \"" + share.tag + "\"", [&] {
    const char* const point = target.c_str();
    if (mkdir(point, 0755) < 0) return errno;
    int error = 0;
    if (move_mount(tree.get(), "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
      error = errno;
    } else if (mount(nullptr, point, nullptr, MS_REC | MS_SLAVE, nullptr) < 0 ||
               (share.read_only &&
                mount(nullptr, point, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) < 0)) {
      error = errno;
      umount2(point, MNT_DETACH);
    }
    if (error != 0) rmdir(point);
    return error;
  });
}

Status HideShare(pid_t agent, const std::string& tag) {
  const std::string target = std::string(kShareRoot) + "/" + tag;
  return InMounts(agent, "cannot take share \"" + tag + "\" away", [&] {
    if (umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
        errno != ENOENT) {
      return errno;
    }
    return rmdir(target.c_str()) == 0 || errno == ENOENT ? 0 : errno;
  });
}

}  // namespace

Result<keeper::Message> HostDevices::Serve(keeper::Message request) {
  if (request.fields.size() < 2) return NoSense(request);
  const std::string id = request.fields[1];
  if (request.fields[0] == "detach") {
    SHOJI_RETURN_IF_ERROR(Detach(id));
    return keeper::Message{};
  }
  const std::string content = Join(request.fields, "\n");
  if (const auto it = devices_.find(id); it != devices_.end()) {
    if (it->second.content == content) return keeper::Message{{it->second.answer}, {}};
    return AlreadyExists("device \"" + id + "\" is attached already, and is another one");
  }
  SHOJI_ASSIGN_OR_RETURN(Attached made, Make(request));
  made.content = content;
  keeper::Message answer{{made.answer}, {}};
  devices_.emplace(id, std::move(made));
  return answer;
}

Result<HostDevices::Attached> HostDevices::Make(keeper::Message& request) {
  const std::string& kind = request.fields[0];
  if (kind == "disk" && request.fields.size() == 4) return MakeDisk(request);
  if (kind == "share" && request.fields.size() == 5) return MakeShare(request);
  if (kind == "nic" && request.fields.size() == 4 && request.fds.size() == 1) {
    return MakeNic(request);
  }
  return NoSense(request);
}

Result<HostDevices::Attached> HostDevices::MakeDisk(const keeper::Message& request) const {
  SHOJI_ASSIGN_OR_RETURN(const unsigned flags, Number(request.fields[3]));
  SHOJI_ASSIGN_OR_RETURN(Disk disk, Disk::Attach(request.fields[2], flags));
  const std::string node = disk.node();
  return Attached{"", node, std::move(disk)};
}

Result<HostDevices::Attached> HostDevices::MakeShare(const keeper::Message& request) const {
  const HostShare share{request.fields[2], request.fields[3], request.fields[4] == "ro"};
  if (!IsTag(share.tag)) {
    return InvalidArgument("tag \"" + share.tag + "\" of a share is not of [A-Za-z0-9_.-]{1,64}");
  }
  SHOJI_RETURN_IF_ERROR(ShowShare(agent_, share));
  return Attached{"", share.tag, HotShare{share.tag}};
}

Result<HostDevices::Attached> HostDevices::MakeNic(keeper::Message& request) const {
  SHOJI_ASSIGN_OR_RETURN(const unsigned mtu, Number(request.fields[3]));
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd netns, OpenNamespace(agent_, "net"));
  SHOJI_ASSIGN_OR_RETURN(Nic nic,
                         Nic::Make(netns.get(), request.fields[2], mtu, std::move(request.fds[0])));
  const std::string name = nic.name();
  return Attached{"", name, std::move(nic)};
}

Status HostDevices::Detach(const std::string& id) {
  const auto it = devices_.find(id);
  if (it == devices_.end()) return OkStatus();
  if (auto* disk = std::get_if<Disk>(&it->second.device)) SHOJI_RETURN_IF_ERROR(disk->Detach());
  if (const auto* share = std::get_if<HotShare>(&it->second.device)) {
    SHOJI_RETURN_IF_ERROR(HideShare(agent_, share->tag));
  }
  devices_.erase(it);
  return OkStatus();
}

std::vector<int> HostDevices::NicFds() const {
  std::vector<int> fds;
  for (const auto& [id, attached] : devices_) {
    if (const auto* nic = std::get_if<Nic>(&attached.device)) {
      for (const int fd : nic->fds()) fds.push_back(fd);
    }
  }
  return fds;
}

void HostDevices::CarryFrames(int fd) {
  for (auto it = devices_.begin(); it != devices_.end(); ++it) {
    auto* nic = std::get_if<Nic>(&it->second.device);
    if (nic == nullptr || (fd != nic->fds()[0] && fd != nic->fds()[1])) continue;
    if (!nic->Carry(fd)) devices_.erase(it);  // one of the two devices is gone
    return;
  }
}

}  // namespace shoji::agent
