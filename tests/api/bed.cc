#include "bed.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace shoji::api_test {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = SHOJI_API_PREFIX;

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), ::isdigit);
}

std::vector<std::string> Names(const std::string& dir) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    out.push_back(it->path().filename());
  }
  return out;
}

// Processes that carry the mark of a sandbox below `root`.
std::map<pid_t, std::string> MarkedProcesses(const std::string& root) {
  const std::string mark = "SHOJI_SANDBOX_DIR=" + root + "/";
  std::map<pid_t, std::string> out;
  for (const std::string& name : Names("/proc")) {
    if (!IsNumber(name) || name == std::to_string(getpid())) continue;
    const std::string environment = Slurp("/proc/" + name + "/environ");
    if (environment.rfind(mark, 0) != 0 && environment.find('\0' + mark) == std::string::npos) {
      continue;
    }
    std::string command = Slurp("/proc/" + name + "/cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    out[std::stoi(name)] = command;
  }
  return out;
}

std::vector<std::string> MountsBelow(const std::string& root) {
  std::vector<std::string> out;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string point;
    for (int i = 0; i < 5; ++i) fields >> point;
    if (point.rfind(root + "/", 0) == 0) out.push_back(point);
  }
  return out;
}

std::size_t CountDirectories(const std::string& root) {
  std::size_t count = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_directory(error)) ++count;
  }
  return count;
}

std::size_t FieldOfStatus(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::stoul(line.substr(name.size() + 1));
  }
  return 0;
}

}  // namespace

Bed::Bed() {
  std::string path = "/tmp/api-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    ADD_FAILURE() << "cannot make a directory " << path;
    return;
  }
  root_ = path;
  fs::create_directory(root_ + "/files");
}

Bed::~Bed() {
  for (const std::string& line : Leftovers()) ADD_FAILURE() << "left behind: " << line;
  for (const auto& [pid, command] : MarkedProcesses(root_)) kill(pid, SIGKILL);
  std::vector<std::string> mounts = MountsBelow(root_);
  std::for_each(mounts.rbegin(), mounts.rend(),
                [](const std::string& point) { umount2(point.c_str(), MNT_DETACH); });
  std::error_code error;
  fs::remove_all(root_, error);
}

std::string Bed::Hypervisor() {
  const char* const name = getenv("SHOJI_API_HYPERVISOR");
  return name == nullptr ? "process" : name;
}

std::unique_ptr<Runtime> Bed::RuntimeAt(const std::string& root, const Overrides& more) {
  const std::string prefix = kPrefix;
  RuntimeOptions options;
  options.config_files.clear();
  options.use_environment = false;
  options.overrides = {{"root", root + "/run"},
                       {"state_dir", root + "/state"},
                       {"cache_dir", root + "/cache"},
                       {"plugins.path", prefix + "/lib/shoji/plugins"},
                       {"guest.kernel", prefix + "/share/shoji/guest/vmlinux"},
                       {"guest.initrd", prefix + "/share/shoji/guest/initrd.img"},
                       {"sandbox.hypervisor", Hypervisor()},
                       {"hypervisor.process.allow_insecure", "true"},
                       {"hypervisor.process.agent", prefix + "/libexec/shoji/shoji-process-agent"},
                       {"proxy.kataproxy.path", prefix + "/libexec/shoji/shoji-proxy"},
                       {"shim.katashim.path", prefix + "/libexec/shoji/shoji-shim"},
                       {"log.level", "error"}};
  options.overrides.insert(options.overrides.end(), more.begin(), more.end());
  auto runtime = Runtime::Create(std::move(options));
  if (!runtime.ok()) {
    ADD_FAILURE() << runtime.status().message();
    return nullptr;
  }
  return std::move(*runtime);
}

std::string Bed::MakeFile(const std::string& name, const std::string& content) const {
  std::ofstream(Path(name), std::ios::binary) << content;
  return Path(name);
}

std::string Bed::SampleRootfs() { return std::string(kPrefix) + "/share/shoji/rootfs/busybox"; }

ContainerConfig Bed::Container(const std::string& id, const std::string& script) {
  ContainerConfig config;
  config.id = id;
  config.rootfs.source = SampleRootfs();
  config.rootfs.read_only = true;
  config.cmd.args = {"/bin/sh", "-c", script};
  return config;
}

SandboxConfig Bed::Pod(const std::string& id, std::vector<ContainerConfig> containers) {
  SandboxConfig config;
  config.id = id;
  config.containers = std::move(containers);
  return config;
}

std::vector<std::string> Bed::Leftovers() const {
  std::vector<std::string> out;
  for (const auto& [pid, command] : MarkedProcesses(root_)) {
    out.push_back("process " + std::to_string(pid) + ": " + command);
  }
  for (const std::string& point : MountsBelow(root_ + "/run")) out.push_back("mount " + point);
  for (const std::string& name : Names(root_ + "/run/sandboxes")) {
    out.push_back("directory sandboxes/" + name);
  }
  std::error_code error;
  for (fs::recursive_directory_iterator it(root_ + "/run/store", error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path();
    const bool record = path.find("/sandboxes/") != std::string::npos ||
                        path.find("/containers/") != std::string::npos;
    if (record && it->is_regular_file(error)) out.push_back("record " + path);
  }
  return out;
}

void KillAndWait(pid_t pid) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  kill(pid, SIGKILL);
  pollfd gone = {pidfd, POLLIN, 0};
  while (pidfd >= 0 && poll(&gone, 1, -1) < 0) {
  }
  close(pidfd);
}

std::string ReadAll(Sandbox& sandbox, const std::string& container, const std::string& process,
                    int stream) {
  auto io = sandbox.IOStream(container, process);
  if (!io.ok()) {
    ADD_FAILURE() << io.status().message();
    return {};
  }
  std::string out;
  char buffer[32768];
  for (;;) {
    const auto got = stream == 1 ? (*io)->ReadStdout(buffer, sizeof(buffer))
                                 : (*io)->ReadStderr(buffer, sizeof(buffer));
    if (!got.ok()) ADD_FAILURE() << got.status().message();
    if (!got.ok() || *got == 0) return out;
    out.append(buffer, *got);
  }
}

std::string Exec(Sandbox& sandbox, const std::string& container, const std::string& script,
                 int status) {
  Cmd cmd;
  cmd.args = {"/bin/sh", "-c", script};
  const auto process = sandbox.EnterContainer(container, cmd);
  if (!process.ok()) {
    ADD_FAILURE() << process.status().message();
    return {};
  }
  std::string out = ReadAll(sandbox, container, *process);
  const auto exit = sandbox.WaitProcess(container, *process);
  EXPECT_TRUE(Ok(exit));
  if (exit.ok()) {
    EXPECT_EQ(*exit, status) << script;
  }
  return out;
}

Census TakeCensus(const std::string& root) {
  Census census;
  census.fds = Names("/proc/self/fd").size();
  census.threads = Names("/proc/self/task").size();
  census.mounts = static_cast<std::size_t>([] {
    const std::string text = Slurp("/proc/self/mountinfo");
    return std::count(text.begin(), text.end(), '\n');
  }());
  census.cgroups = CountDirectories("/sys/fs/cgroup");
  // Those of other processes come and go as they please.
  std::set<std::string> namespaces;
  const auto marked = MarkedProcesses(root);
  for (const auto& [pid, command] : marked) {
    std::error_code error;
    namespaces.insert(fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/net", error));
  }
  census.namespaces = namespaces.size();
  census.marked_processes = marked.size();
  census.resident_kib = FieldOfStatus("VmRSS");
  return census;
}

::testing::AssertionResult Fails(const Status& status, StatusCode code,
                                 const std::vector<std::string>& words) {
  if (status.ok()) return ::testing::AssertionFailure() << "it succeeded";
  if (status.code() != code) {
    return ::testing::AssertionFailure()
           << "code " << static_cast<int>(status.code()) << ": " << status.message();
  }
  for (const std::string& word : words) {
    if (status.message().find(word) == std::string::npos) {
      return ::testing::AssertionFailure() << "no \"" << word << "\" in: " << status.message();
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace shoji::api_test
