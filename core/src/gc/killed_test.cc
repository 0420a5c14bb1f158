// A process is killed at any of the steps that change something, from the creation of a sandbox
// to its deletion; garbage collection then leaves nothing. The steps are system calls, counted
// by tracing the process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "gc/processes.h"
#include "host/host_cgroup.h"
#include "host/mount.h"
#include "sandbox/management.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

constexpr int kPoints = 40;
constexpr int kNever = 1 << 30;

constexpr long kChanging[] = {
    SYS_mkdir,         SYS_mkdirat,    SYS_rename,
    SYS_renameat,      SYS_renameat2,  SYS_unlink,
    SYS_unlinkat,      SYS_rmdir,      SYS_mount,
    SYS_umount2,       SYS_move_mount, SYS_open_tree,
    SYS_write,         SYS_pwrite64,   SYS_clone,
    SYS_clone3,        SYS_kill,       SYS_pidfd_send_signal,
    SYS_flock,         SYS_fsync,      SYS_fdatasync,
    SYS_mount_setattr,
};

bool Changes(pid_t thread) {
  struct __ptrace_syscall_info info = {};
  const auto size = reinterpret_cast<void*>(sizeof(info));
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, size, &info) <= 0 ||
      info.op != PTRACE_SYSCALL_INFO_ENTRY) {
    return false;
  }
  const auto number = static_cast<long>(info.entry.nr);
  if (number == SYS_openat) return (info.entry.args[2] & O_CREAT) != 0;
  return std::find(std::begin(kChanging), std::end(kChanging), number) != std::end(kChanging);
}

// Runs a traced child until its `at`-th step, where it is killed, or to its end. How many steps
// it made; below zero: it failed.
int RunUntil(pid_t child, int at) {
  int status = 0;
  waitpid(child, &status, 0);
  const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
  ptrace(PTRACE_SETOPTIONS, child, nullptr, reinterpret_cast<void*>(options));
  ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  int steps = 0;
  for (;;) {
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) return -1;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child) continue;
      return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? -1 : steps;
    }
    const int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80) && Changes(thread) && ++steps == at) kill(child, SIGKILL);
    const bool own = signal == SIGTRAP || signal == (SIGTRAP | 0x80) || signal == SIGSTOP;
    ptrace(PTRACE_SYSCALL, thread, nullptr,
           reinterpret_cast<void*>(static_cast<long>(own ? 0 : signal)));
  }
}

class KilledTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(in_namespace_) << "needs root: a mount namespace of its own";
    ASSERT_TRUE(MakeDirs(dir_.path() + "/rootfs/etc").ok());
    ASSERT_TRUE(MakeDirs(dir_.path() + "/volume").ok());
    const auto host = CgroupHost::Find();
    if (host.ok() && host->Make(parent_).ok()) cgroups_ = true;
  }
  void TearDown() override {
    context_->ForgetAll();
    if (!cgroups_) return;
    EXPECT_TRUE(CgroupHost::Find()->Remove(parent_).ok());
  }

  SandboxConfig Pod() const {
    ContainerConfig container;
    container.id = "one";
    container.rootfs.source = dir_.path() + "/rootfs";
    container.rootfs.ephemeral = true;
    container.cmd.args = {"/bin/true"};
    container.mounts = {{dir_.path() + "/volume", "/data", "bind", {"rbind"}}};
    SandboxConfig config;
    config.id = "pod";
    config.containers = {container};
    StorageInfo storage;
    storage.id = "files";
    storage.source = dir_.path() + "/volume";
    config.storages = {storage};
    config.network.netns = "/run/netns/pod";
    if (cgroups_) config.cgroup_parent = own_parent_;
    return config;
  }
  // What is traced: a whole life. Exits with 0 when all of it works.
  [[noreturn]] void Live() {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    auto pod = Management(testing::MakeFakeContext(world_)).Run(Pod());
    const bool good =
        pod.ok() && (*pod)->Stop(false).ok() && (*pod)->Start().ok() && (*pod)->Delete().ok();
    _exit(good ? 0 : 1);
  }
  int LiveUntil(int at) {
    const pid_t child = fork();
    if (child == 0) Live();
    return RunUntil(child, at);
  }
  void ExpectNothingLeft() {
    EXPECT_EQ(MarkedProcesses()->count(world_.root() + "/sandboxes/pod"), 0U);
    EXPECT_TRUE(MountsBelow(world_.root())->empty());
    EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/pod"));
    const auto stored = ListDir(dir_.path() + "/store");
    for (const std::string& name : *stored) {
      EXPECT_NE(name.find(".tmp."), std::string::npos) << name;
    }
    EXPECT_FALSE(CgroupHost::Find()->Exists(own_parent_));
  }
  // A dry run tells exactly what is done.
  void Collect() {
    const auto dry = management_.CollectGarbage(true);
    const auto real = management_.CollectGarbage(false);
    ASSERT_TRUE(dry.ok() && real.ok());
    ASSERT_EQ(dry->items.size(), real->items.size());
    for (std::size_t i = 0; i < real->items.size(); ++i) {
      EXPECT_EQ(dry->items[i].kind + " " + dry->items[i].name,
                real->items[i].kind + " " + real->items[i].name);
      EXPECT_TRUE(real->items[i].removed) << real->items[i].name << real->items[i].error;
    }
  }

  const bool in_namespace_ = testing::EnterMountNamespace();
  const std::string parent_ = "/killed-test-" + std::to_string(getpid());
  const std::string own_parent_ = parent_ + "/pod";  // as an engine names it for one container
  bool cgroups_ = false;
  testing::TempDir dir_;
  testing::FakeWorld world_{dir_.path()};
  std::shared_ptr<Context> context_ = testing::MakeFakeContext(world_);
  Management management_{context_};
};

TEST_F(KilledTest, AtAnyStepLeavesNothingAfterCollection) {
  const int steps = LiveUntil(kNever);
  ASSERT_GT(steps, kPoints);
  ExpectNothingLeft();
  for (int point = 0; point < kPoints; ++point) {
    const int at = 1 + point * (steps - 1) / (kPoints - 1);
    SCOPED_TRACE("killed at step " + std::to_string(at) + " of " + std::to_string(steps));
    ASSERT_GE(LiveUntil(at), 0);
    Collect();
    ExpectNothingLeft();
    if (HasFailure()) return;
  }
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  EXPECT_TRUE((*pod)->Delete().ok());
  RecordProperty("steps", steps);
}

}  // namespace
}  // namespace shoji
