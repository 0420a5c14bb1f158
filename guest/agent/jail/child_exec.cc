#include "jail/child_exec.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "jail/home.h"
#include "jail/identity.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string Quoted(const std::string& name) { return "exec: \"" + name + "\""; }

// 0, or why it cannot be run.
int CheckExecutable(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return errno;
  if (S_ISDIR(st.st_mode)) return EACCES;
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

Status Refusal(const std::string& name, int error) {
  if (error == EACCES)
    return PermissionDenied(Quoted(name) + ": permission denied").WithErrno(error);
  if (error == ENOENT || error == ENOTDIR)
    return NotFound(Quoted(name) + ": no such file or directory").WithErrno(error);
  return ErrnoStatus(error, Quoted(name));
}

std::string PathOf(const ProcessPlan& process) {
  for (const std::string& variable : process.env) {
    if (variable.rfind("PATH=", 0) == 0) return variable.substr(5);
  }
  return kDefaultPath;
}

Status ExecFailure(const std::string& path, int error) {
  // The file was there a moment ago: what the kernel misses is what it would run it with.
  if (error == ENOENT)
    return NotFound(Quoted(path) + ": its interpreter is not there: " + ErrnoText(error))
        .WithErrno(error);
  return Refusal(path, error);
}

// A shell is lost without it. Engines say "HOME=" for users they do not know: as good as none.
std::vector<std::string> WithHome(const ProcessPlan& process) {
  std::vector<std::string> env = process.env;
  std::erase(env, "HOME=");
  const bool there = std::any_of(env.begin(), env.end(), [](const std::string& variable) {
    return variable.rfind("HOME=", 0) == 0;
  });
  if (!there) env.push_back("HOME=" + HomeOf(process.uid));
  return env;
}

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& text : *strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<std::string> FindProgram(const ProcessPlan& process) {
  const std::string& name = process.args[0];
  if (name.find('/') != std::string::npos) {
    if (const int error = CheckExecutable(name); error != 0) return Refusal(name, error);
    return name;
  }
  int worst = 0;
  for (const std::string& dir :
       name.empty() ? std::vector<std::string>() : Split(PathOf(process), ':')) {
    const std::string path = (dir.empty() ? "." : dir) + "/" + name;
    const int error = CheckExecutable(path);
    if (error == 0) return path;
    if (error == EACCES) worst = error;
  }
  if (worst == EACCES) return Refusal(name, worst);
  return NotFound(Quoted(name) + ": executable file not found in $PATH").WithErrno(ENOENT);
}

Status ExecProgram(const ProcessPlan& process) {
  // It is looked for with the rights that exec will have: CAP_DAC_OVERRIDE may open the way.
  SHOJI_RETURN_IF_ERROR(RaiseEffective(process.caps.effective));
  SHOJI_ASSIGN_OR_RETURN(const std::string path, FindProgram(process));
  std::vector<std::string> args = process.args;
  std::vector<std::string> env = WithHome(process);
  const std::vector<char*> argv = Pointers(&args);
  const std::vector<char*> envp = Pointers(&env);
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  Status dropped = DropRights(process);
  if (!dropped.ok()) return std::move(dropped).WithContext(Quoted(process.args[0]));
  execve(path.c_str(), argv.data(), envp.data());
  return ExecFailure(path, errno);
}

}  // namespace shoji::jail
