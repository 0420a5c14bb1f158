#include "workshop.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "lock.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::templates {
namespace {

constexpr char kPrefix[] = "template-";
constexpr std::size_t kMaxEnvironment = 4U << 20U;
constexpr std::chrono::seconds kKillLimit{5};
constexpr int kRounds = 3;

std::string All(const std::string& run_dir) { return run_dir + "/factory"; }
// What the host marks the processes with that it starts for this id.
std::string MarkOf(const std::string& run_dir, const std::string& id) {
  return "SHOJI_SANDBOX_DIR=" + All(run_dir) + "/" + id;
}
std::string OwnerOf(const std::string& dir) { return dir + "/owner"; }
std::string BegunOf(const std::string& dir) { return dir + "/begun"; }

Result<std::string> NewId() {
  std::uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    return ErrnoStatus(errno, "cannot read random bytes");
  }
  char text[9];
  snprintf(text, sizeof text, "%08x", number);
  return kPrefix + std::string(text);
}

// None when somebody has it.
UniqueFd TakeOwner(const std::string& dir) {
  UniqueFd fd(open(OwnerOf(dir).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) < 0 || !IsStillAt(fd.get(), OwnerOf(dir))) {
    return {};
  }
  return fd;
}

bool IsMarked(const std::string& pid, const std::string& mark) {
  const auto environment = ReadFile("/proc/" + pid + "/environ", kMaxEnvironment);
  if (!environment.ok()) return false;
  for (const std::string& one : Split(*environment, '\0')) {
    if (one == mark) return true;
  }
  return false;
}

void Kill(int pid, const std::string& mark) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // The number may be another's by now; the descriptor stays with whom it was opened for.
  if (!process || !IsMarked(std::to_string(pid), mark)) return;
  syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  pollfd gone{process.get(), POLLIN, 0};
  poll(&gone, 1, Deadline::After(kKillLimit).PollTimeout());
}

// Again, because one may have started another meanwhile.
void KillMarked(const std::string& mark) {
  for (int round = 0; round < kRounds; ++round) {
    bool found = false;
    const auto names = ListDir("/proc");
    for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
      const auto pid = ParseInt(name);
      if (!pid.ok() || *pid == getpid() || !IsMarked(name, mark)) continue;
      found = true;
      Kill(static_cast<int>(*pid), mark);
    }
    if (!found) return;
  }
}

// Another maker of the same template may be at it again: it holds the lock.
void RemoveBegun(const std::string& dir) {
  constexpr std::string_view kNew = ".new";
  const auto begun = ReadFile(BegunOf(dir), 4096);
  if (!begun.ok() || !begun->starts_with("/") || !begun->ends_with(kNew)) return;
  if (!PathExists(*begun)) return;
  const auto lock = Lock::Try(begun->substr(0, begun->size() - kNew.size()) + ".lock");
  if (lock.ok() && lock->has_value()) (void)RemoveTree(*begun);
}

}  // namespace

Result<Workshop> Workshop::Open(const std::string& run_dir, const std::string& begun) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, NewId());
  const std::string dir = All(run_dir) + "/" + id;
  SHOJI_RETURN_IF_ERROR(MakeDirs(All(run_dir), 0700));
  if (mkdir(dir.c_str(), 0700) < 0) return ErrnoStatus(errno, "cannot make \"" + dir + "\"");
  UniqueFd owner = TakeOwner(dir);
  // A collector that was quicker removes the directory, whose lock was not held yet.
  if (!owner) return Aborted("directory \"" + dir + "\" was removed at once; try again");
  Workshop shop(id, dir, std::move(owner));
  SHOJI_RETURN_IF_ERROR(WriteFile(BegunOf(dir), begun, 0600));
  SHOJI_RETURN_IF_ERROR(MakeDirs(shop.vm_dir(), 0700));
  return shop;
}

Workshop::~Workshop() {
  if (owner_) (void)RemoveTree(dir_);
}

Result<std::string> Workshop::Share(std::uint32_t number) const {
  std::string dir = dir_ + "/share" + std::to_string(number);
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir, 0700));
  return dir;
}

void ClearDeadWorkshops(const std::string& run_dir) {
  const auto names = ListDir(All(run_dir));
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (!name.starts_with(kPrefix)) continue;  // another factory's
    const std::string dir = All(run_dir) + "/" + name;
    const UniqueFd owner = TakeOwner(dir);
    if (!owner) continue;
    KillMarked(MarkOf(run_dir, name));
    RemoveBegun(dir);
    (void)RemoveTree(dir);
  }
}

}  // namespace shoji::templates
