// What a container costs the jail, without the calls of a host: benchmarks/jail runs it as /init of
// a VM whose clock counts instructions, one a nanosecond. Elsewhere it wants to be pid 1 of
// namespaces of its own (unshare --mount --pid --fork), and its figures are time.

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "jail/container.h"
#include "shoji/base/file.h"

namespace {

using shoji::Result;
using shoji::Status;
using shoji::jail::Container;

constexpr char kRoot[] = "/ram/root";

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "jail-cost: %s\n", why.c_str());
  std::exit(1);
}

void Need(const Status& status) {
  if (!status.ok()) Fail(status.message());
}

void Mount(const char* type, const char* where) {
  mkdir(where, 0755);
  if (mount(type, where, type, 0, nullptr) < 0) Fail(std::string("cannot mount ") + where);
}

// In a VM nothing is there yet.
bool FurnishMachine() {
  if (access("/proc/self", F_OK) == 0) return false;
  for (const auto& [type, where] : {std::pair{"proc", "/proc"},
                                    {"sysfs", "/sys"},
                                    {"cgroup2", "/sys/fs/cgroup"},
                                    {"devtmpfs", "/dev"}})
    Mount(type, where);
  const int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(console, fd);
  if (console > 2) close(console);
  return true;
}

void FurnishRoot() {
  Mount("tmpfs", "/ram");
  for (const char* dir : {"", "/bin", "/proc", "/sys", "/dev", "/tmp"})
    mkdir((std::string(kRoot) + dir).c_str(), 0755);
  const auto program = shoji::ReadFile("/bin/busybox", 8U << 20U);
  Need(program.status());
  Need(shoji::WriteFile(std::string(kRoot) + "/bin/true", *program, 0755));
}

void AddMount(grpc::Spec* spec, const std::string& type, const std::string& where,
              const std::vector<std::string>& options) {
  grpc::Mount* const mount = spec->add_mounts();
  mount->set_type(type);
  mount->set_source(type);
  mount->set_destination(where);
  for (const std::string& option : options) mount->add_options(option);
}

void AddMounts(grpc::Spec* spec) {
  AddMount(spec, "proc", "/proc", {});
  AddMount(spec, "tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  AddMount(spec, "devpts", "/dev/pts",
           {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  AddMount(spec, "tmpfs", "/dev/shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  AddMount(spec, "mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"});
  AddMount(spec, "sysfs", "/sys", {"nosuid", "noexec", "nodev", "ro"});
  AddMount(spec, "cgroup2", "/sys/fs/cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
}

// As container engines write it.
grpc::Spec Spec() {
  grpc::Spec spec;
  spec.mutable_root()->set_path(kRoot);
  spec.mutable_process()->set_cwd("/");
  spec.mutable_process()->add_env("PATH=/bin:/usr/bin");
  spec.mutable_process()->add_args("/bin/true");
  spec.mutable_process()->set_nonewprivileges(true);
  for (const char* type : {"mount", "ipc", "uts", "cgroup"})
    spec.mutable_linux()->add_namespaces()->set_type(type);
  AddMounts(&spec);
  for (const char* path : {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                           "/proc/sched_debug", "/sys/firmware", "/proc/scsi"})
    spec.mutable_linux()->add_maskedpaths(path);
  for (const char* path :
       {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})
    spec.mutable_linux()->add_readonlypaths(path);
  grpc::LinuxCapabilities* const sets = spec.mutable_process()->mutable_capabilities();
  for (const char* name : {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}) {
    sets->add_bounding(name);
    sets->add_effective(name);
    sets->add_permitted(name);
  }
  return spec;
}

struct Cost {
  double create = 0, start = 0, end = 0, destroy = 0;
  long own_faults = 0, child_faults = 0;
};

double Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

long Faults(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return usage.ru_minflt;
}

void RunOne(const grpc::Spec& spec, const shoji::jail::Environment& environment, Cost* cost) {
  const double begin = Now();
  Result<Container::Made> made = Container::Create("c", spec, environment);
  Need(made.status());
  const double created = Now();
  Need(made->container->Start());
  const double started = Now();
  int status = 0;
  while (waitpid(made->init.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) Fail("the container ended with " + std::to_string(status));
  const double ended = Now();
  Need(made->container->Destroy());
  cost->create += created - begin;
  cost->start += started - created;
  cost->end += ended - started;
  cost->destroy += Now() - ended;
}

void Report(const Cost& cost, int rounds) {
  const double n = rounds;
  std::printf("create %.1f start %.1f exit %.1f destroy %.1f sum %.1f faults %.1f %.1f\n",
              cost.create / n, cost.start / n, cost.end / n, cost.destroy / n,
              (cost.create + cost.start + cost.end + cost.destroy) / n,
              static_cast<double>(cost.own_faults) / n, static_cast<double>(cost.child_faults) / n);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bool machine = FurnishMachine();
  FurnishRoot();
  sigset_t blocked;  // as the agent does
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  signal(SIGPIPE, SIG_IGN);
  shoji::jail::Environment environment;
  if (argc > 2) environment.cgroup_root = argv[2];
  const int rounds = argc > 1 && !machine ? std::atoi(argv[1]) : 20;
  const grpc::Spec spec = Spec();
  Cost first;
  for (int i = 0; i < 5; ++i) RunOne(spec, environment, &first);
  Cost cost;
  cost.own_faults = -Faults(RUSAGE_SELF);
  cost.child_faults = -Faults(RUSAGE_CHILDREN);
  for (int i = 0; i < rounds; ++i) RunOne(spec, environment, &cost);
  cost.own_faults += Faults(RUSAGE_SELF);
  cost.child_faults += Faults(RUSAGE_CHILDREN);
  Report(cost, rounds);
  if (machine) reboot(RB_AUTOBOOT);
  return 0;
}
