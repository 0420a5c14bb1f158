#include "jail/test_bed.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

namespace fs = std::filesystem;

constexpr char kWorld[] = "/tmp/shoji-jail-test";

// The real one is at one of two places; cgroups of the tests lie below a directory of theirs.
std::string CgroupMount() {
  return PathExists("/sys/fs/cgroup/cgroup.procs") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}
std::string CgroupRoot() {
  const char* root = std::getenv("SHOJI_JAIL_TEST_CGROUP");
  return root == nullptr ? "" : root;
}

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

void Must(int result, const char* what) {
  if (result < 0) Die(what);
}

// Whether a mount is of a sandbox, a factory or a test that runs beside this one.
bool IsOfOthers(const std::string& point) {
  const bool temporary = point.starts_with("/tmp/") || point.starts_with("/var/tmp/") ||
                         point.starts_with("/dev/shm/");
  return temporary &&
         (point.find("/sandboxes/") != point.npos || point.find("/factory/") != point.npos ||
          point.starts_with("/tmp/shoji-") || point.starts_with("/tmp/api-test-"));
}

// Sandboxes that other tests run just now came along when the mounts were copied; they would
// vanish from here in the middle of a test, when theirs are removed.
void DropMountsOfOthers() {
  const Result<std::string> mounts = ReadFile("/proc/self/mountinfo");
  std::vector<std::string> lines = Split(mounts.ok() ? *mounts : "", '\n');
  std::reverse(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    const std::vector<std::string> fields = Split(line, ' ');
    if (fields.size() > 4 && IsOfOthers(fields[4])) umount2(fields[4].c_str(), MNT_DETACH);
  }
}

// In pid 1 of the new world.
void Furnish() {
  Must(MakeMountsPrivate().ok() ? 0 : -1, "private mounts");
  DropMountsOfOthers();
  Must(mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
  mkdir(kWorld, 0755);
  Must(mount("tmpfs", kWorld, "tmpfs", 0, "mode=755"), "mount a tmpfs");
  fs::copy_file("/bin/busybox", std::string(kWorld) + "/busybox");
}

int RunWorld(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  Furnish();
  return RUN_ALL_TESTS();
}

std::vector<std::string> Lines(const std::string& text) { return Split(text, '\n'); }

void AddDirectories(const std::string& dir, std::vector<std::string>* out) {
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (!entry.is_directory() || entry.is_symlink()) continue;
    out->push_back("cgroup " + entry.path().string());
    AddDirectories(entry.path(), out);
  }
}

void AddFds(std::vector<std::string>* out) {
  const auto names = ListDir("/proc/self/fd");
  out->push_back("descriptors " + std::to_string(names.ok() ? names->size() : 0));
}

bool Numeric(const std::string& name) {
  return name.find_first_not_of("0123456789") == std::string::npos;
}

void Link(const std::string& rootfs, const std::vector<std::string>& names) {
  for (const std::string& name : names) fs::create_symlink("busybox", rootfs + "/bin/" + name);
}

}  // namespace

std::string ReadText(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  return text.ok() ? *text : "";
}

void WriteText(const std::string& path, const std::string& text, unsigned mode) {
  ASSERT_TRUE(WriteFile(path, text, mode).ok()) << path;
  chmod(path.c_str(), mode);
}

std::vector<std::string> Belongings(const std::string& cgroup_root) {
  std::vector<std::string> out;
  AddFds(&out);
  for (const std::string& line : Lines(ReadText("/proc/self/mountinfo")))
    out.push_back("mount " + line);
  const auto names = ListDir("/proc");
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (Numeric(name)) out.push_back("process " + name);
  }
  if (!cgroup_root.empty()) AddDirectories(cgroup_root, &out);
  return out;
}

void Bed::SetUp() {
  static int count = 0;
  environment_.cgroup_root = CgroupRoot();
  dir_ = std::string(kWorld) + "/" + std::to_string(++count);
  rootfs_ = dir_ + "/rootfs";
  for (const char* sub : {"bin", "etc", "tmp", "proc", "sys", "dev", "root"})
    fs::create_directories(rootfs_ + "/" + sub);
  fs::permissions(rootfs_ + "/tmp", fs::perms(01777));
  fs::create_hard_link(std::string(kWorld) + "/busybox", rootfs_ + "/bin/busybox");
  Link(rootfs_, {"sh",    "cat",   "echo", "env",  "id",    "ls",    "mount", "hostname", "touch",
                 "sleep", "stat",  "tty",  "stty", "kill",  "pwd",   "mkdir", "readlink", "grep",
                 "head",  "mknod", "dd",   "wc",   "true",  "false", "chmod", "umount",   "cut",
                 "ps",    "test",  "ip",   "date", "chown", "rm",    "ln",    "sysctl",   "nproc"});
  WriteText(rootfs_ + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  before_ = Belongings(environment_.cgroup_root);
}

void Bed::TearDown() {
  EXPECT_EQ(Belongings(environment_.cgroup_root), before_);
  ASSERT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
  ASSERT_TRUE(RemoveTree(dir_).ok());
}

grpc::Mount* Bed::AddMount(grpc::Spec* spec, const std::string& destination,
                           const std::string& type, const std::string& source,
                           const std::vector<std::string>& options) {
  grpc::Mount* const mount = spec->add_mounts();
  mount->set_destination(destination);
  mount->set_type(type);
  mount->set_source(source);
  for (const std::string& option : options) mount->add_options(option);
  return mount;
}

grpc::Spec Bed::Spec(const std::vector<std::string>& args) {
  grpc::Spec spec;
  spec.mutable_root()->set_path(rootfs_);
  spec.set_hostname("box");
  grpc::Process* const process = spec.mutable_process();
  for (const std::string& arg : args) process->add_args(arg);
  process->add_env("PATH=/usr/bin:/bin");
  process->set_cwd("/");
  for (const char* name : {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID",
                           "CAP_SETUID", "CAP_NET_BIND_SERVICE"}) {
    process->mutable_capabilities()->add_bounding(name);
    process->mutable_capabilities()->add_effective(name);
    process->mutable_capabilities()->add_permitted(name);
  }
  AddMount(&spec, "/proc", "proc", "proc", {});
  AddMount(&spec, "/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  AddMount(&spec, "/dev/pts", "devpts", "devpts",
           {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  AddMount(&spec, "/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"});
  AddMount(&spec, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  AddMount(&spec, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  return spec;
}

Result<Container::Made> Bed::Create(const grpc::Spec& spec) {
  return Container::Create("c" + std::to_string(++next_id_), spec, environment_);
}

int Bed::Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

namespace {

// Appends what is there; false at the end.
bool Drain(int fd, std::string* out) {
  char buffer[65536];
  const ssize_t size = read(fd, buffer, sizeof buffer);
  if (size > 0) out->append(buffer, static_cast<std::size_t>(size));
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

void ReadBoth(Process* process, Outcome* outcome) {
  pollfd fds[2] = {{process->stdout_fd.get(), POLLIN, 0}, {process->stderr_fd.get(), POLLIN, 0}};
  std::string* const texts[2] = {&outcome->out, &outcome->err};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds, 2, -1) < 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].fd >= 0 && fds[i].revents != 0 && !Drain(fds[i].fd, texts[i])) fds[i].fd = -1;
    }
  }
}

}  // namespace

Outcome Bed::Finish(Process process) {
  Outcome outcome;
  if (!process.terminal) process.stdin_fd.reset();
  ReadBoth(&process, &outcome);
  const int status = Reap(process.pid);
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

void Bed::End(Container::Made& made) {
  EXPECT_TRUE(made.container->SignalAll(SIGKILL).ok());
  Status status = made.container->Destroy();
  for (int tries = 0; status.code() == StatusCode::kFailedPrecondition && tries < 50; ++tries) {
    waitpid(-1, nullptr, 0);
    status = made.container->Destroy();
  }
  EXPECT_TRUE(status.ok()) << status.message();
  Reap(made.init.pid);  // unless the test has
  made.init = Process{};
}

Outcome Bed::Run(const grpc::Spec& spec) {
  Result<Container::Made> made = Create(spec);
  if (!made.ok()) return Outcome{made.status(), "", "", -1, 0};
  const Status started = made->container->Start();
  Outcome outcome = Finish(std::move(made->init));
  outcome.status = started;
  End(*made);
  return outcome;
}

Outcome Bed::Shell(grpc::Spec spec, const std::string& script) {
  spec.mutable_process()->clear_args();
  for (const std::string& arg : {std::string("sh"), std::string("-c"), script})
    spec.mutable_process()->add_args(arg);
  return Run(spec);
}

}  // namespace shoji::jail

// The test program starts itself anew as pid 1 of a world of its own and removes what that
// world cannot take with it: its cgroup.
int main(int argc, char** argv) {
  using namespace shoji;
  using namespace shoji::jail;
  std::string group = CgroupMount() + "/shoji-jail-test-" + std::to_string(getpid());
  Must(mkdir(group.c_str(), 0755), "make a cgroup");
  setenv("SHOJI_JAIL_TEST_CGROUP", group.c_str(), 1);
  Must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS),
       "unshare (the test needs root)");
  const pid_t child = fork();
  Must(child, "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // and with pid 1 goes everything
    std::_Exit(RunWorld(argc, argv));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  rmdir(group.c_str());
  umount2(kWorld, MNT_DETACH);  // the child's mount namespace is ours too
  rmdir(kWorld);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
