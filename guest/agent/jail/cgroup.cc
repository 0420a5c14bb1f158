#include "jail/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

// How long dying or freezing processes may take before the caller is told.
constexpr std::chrono::milliseconds kGrace{200};

Result<UniqueFd> OpenDir(const std::string& dir) {
  UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open the cgroup \"" + dir + "\"");
  return fd;
}

// Directories below `dir`: groups that something in the container has made.
std::vector<std::string> Children(const std::string& dir) {
  std::vector<std::string> children;
  const Result<std::vector<std::string>> names = ListDir(dir);
  if (!names.ok()) return children;
  for (const std::string& name : *names) {
    struct stat st {};
    const std::string child = dir + "/" + name;
    if (lstat(child.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) children.push_back(child);
  }
  return children;
}

Status AppendPids(const std::string& dir, std::vector<pid_t>* pids) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(dir + "/cgroup.procs"));
  for (const std::string& line : Split(text, '\n')) {
    if (line.empty()) continue;
    SHOJI_ASSIGN_OR_RETURN(const std::int64_t pid, ParseInt(line));
    pids->push_back(static_cast<pid_t>(pid));
  }
  for (const std::string& child : Children(dir)) SHOJI_RETURN_IF_ERROR(AppendPids(child, pids));
  return OkStatus();
}

// The error of the outermost rmdir, 0 when the whole tree is gone.
int RemoveGroups(const std::string& dir) {
  if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return 0;
  if (errno != EBUSY && errno != ENOTEMPTY) return errno;
  for (const std::string& child : Children(dir)) RemoveGroups(child);
  return rmdir(dir.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

bool InUse(const std::string& dir) {
  std::vector<pid_t> pids;
  return !AppendPids(dir, &pids).ok() || !pids.empty() || !Children(dir).empty();
}

// What statistics are read from.
constexpr const char* kAlways[] = {"memory", "pids"};

}  // namespace

std::string CgroupPathOf(const std::string& cgroups_path, const std::string& id) {
  std::vector<std::string> parts;
  for (const std::string& part : Split(cgroups_path.empty() ? id : cgroups_path, '/')) {
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
  }
  return parts.empty() ? "container" : Join(parts, "/");
}

Result<Cgroup> Cgroup::Create(const std::string& root, const std::string& path) {
  Cgroup group;
  SHOJI_RETURN_IF_ERROR(group.MakeAll(root, path));
  SHOJI_ASSIGN_OR_RETURN(group.fd_, OpenDir(group.dir_));
  return group;
}

Status Cgroup::MakeAll(const std::string& root, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(offered_, ReadFile(root + "/cgroup.controllers"));
  dir_ = root;
  for (const std::string& part : Split(path, '/')) {
    above_.push_back(dir_);
    dir_ += "/" + part;
    if (mkdir(dir_.c_str(), 0755) == 0) {
      made_.push_back(dir_);
    } else if (errno != EEXIST) {
      return ErrnoStatus(errno, "cannot make the cgroup \"" + dir_ + "\"");
    }
  }
  const bool ours = !made_.empty() && made_.back() == dir_;
  if (!ours && InUse(dir_)) {
    return AlreadyExists("cgroup \"" + dir_ + "\" is in use; give the container another " +
                         "linux.cgroupsPath");
  }
  if (!ours) made_.push_back(dir_);
  EnableAlways();
  return OkStatus();
}

bool Cgroup::Offers(const std::string& controller) const {
  const std::vector<std::string> offered = Split(Trim(offered_), ' ');
  return std::find(offered.begin(), offered.end(), controller) != offered.end();
}

// Each controller costs every new cgroup time, so all but two wait until a limit asks. What
// cannot be enabled shows when the limit is set.
void Cgroup::Enable(const std::string& controller) const {
  if (!Offers(controller)) return;
  for (const std::string& dir : above_) {
    (void)WriteFile(dir + "/cgroup.subtree_control", "+" + controller).ok();
  }
}

// In one write where all can be: each waits for groups that are going.
void Cgroup::EnableAlways() const {
  std::string all;
  for (const char* controller : kAlways) {
    if (Offers(controller)) all += (all.empty() ? "+" : " +") + std::string(controller);
  }
  if (all.empty()) return;
  for (const std::string& dir : above_) {
    if (WriteFile(dir + "/cgroup.subtree_control", all).ok()) continue;
    for (const char* controller : kAlways) Enable(controller);
    return;
  }
}

Cgroup::~Cgroup() { (void)Remove().ok(); }

bool Cgroup::Has(const std::string& file) const {
  const auto there = [&] { return faccessat(fd_.get(), file.c_str(), F_OK, 0) == 0; };
  if (there()) return true;
  Enable(file.substr(0, file.find('.')));
  return there();
}

Status Cgroup::Write(const std::string& file, const std::string& value) const {
  (void)Has(file);
  UniqueFd fd(openat(fd_.get(), file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    return FailedPrecondition("cannot set " + file + " to \"" + value +
                              "\": the kernel of the guest does not offer this controller");
  }
  if (!fd || write(fd.get(), value.data(), value.size()) < 0) {
    return ErrnoStatus(errno,
                       "cannot set " + file + " of cgroup \"" + dir_ + "\" to \"" + value + "\"");
  }
  return OkStatus();
}

Result<std::vector<pid_t>> Cgroup::Pids() const {
  std::vector<pid_t> pids;
  if (dir_.empty() || !fd_) return pids;
  SHOJI_RETURN_IF_ERROR(AppendPids(dir_, &pids));
  return pids;
}

Status Cgroup::Kill() const { return Write("cgroup.kill", "1"); }

Status Cgroup::Freeze(bool frozen) const {
  SHOJI_RETURN_IF_ERROR(Write("cgroup.freeze", frozen ? "1" : "0"));
  if (WaitFor(frozen ? "frozen 1" : "frozen 0")) return OkStatus();
  return DeadlineExceeded("cgroup \"" + dir_ + "\" is still not " + (frozen ? "frozen" : "thawed") +
                          " after " + std::to_string(kGrace.count()) + " ms");
}

// The kernel raises POLLPRI on cgroup.events when one of its lines has changed.
bool Cgroup::WaitFor(const std::string& event) const {
  const UniqueFd events(openat(fd_.get(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events) return false;
  const Deadline deadline = Deadline::After(kGrace);
  while (true) {
    lseek(events.get(), 0, SEEK_SET);
    const Result<std::string> text = ReadAll(events.get());
    if (!text.ok()) return false;
    if (text->find(event) != std::string::npos) return true;
    pollfd p{events.get(), POLLPRI, 0};
    if (poll(&p, 1, deadline.PollTimeout()) == 0) return false;
  }
}

Status Cgroup::Remove() {
  if (made_.empty()) return OkStatus();
  int error = RemoveGroups(dir_);
  if (error == EBUSY && WaitFor("populated 0")) error = RemoveGroups(dir_);
  if (error == EBUSY) {
    return FailedPrecondition("cgroup \"" + dir_ + "\" still has processes; reap those killed " +
                              "and destroy the container again");
  }
  if (error != 0) return ErrnoStatus(error, "cannot remove the cgroup \"" + dir_ + "\"");
  fd_.reset();
  // A parent that another container uses too stays; whoever is last removes nothing of
  // another's making, so only what was made here goes.
  for (auto it = made_.rbegin(); it != made_.rend(); ++it) rmdir(it->c_str());
  made_.clear();
  return OkStatus();
}

}  // namespace shoji::jail
