#include "cache_bed.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "shoji/base/file.h"

namespace shoji::factories_test {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = SHOJI_API_PREFIX;
constexpr std::chrono::seconds kPatience{240};  // for a machine under heavy load
constexpr int kLookMs = 20;

nlohmann::json StatusOf(Runtime& runtime) {
  const auto text = runtime.FactoryStatus();
  EXPECT_TRUE(api_test::Ok(text));
  return text.ok() ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
}

// The options of Bed::RuntimeAt() as words of the command line, as far as they matter.
std::vector<std::string> OptionWords(const std::string& root, const Overrides& more) {
  const std::string prefix = kPrefix;
  Overrides options = {{"root", root + "/run"},
                       {"plugins.path", prefix + "/lib/shoji/plugins"},
                       {"guest.kernel", prefix + "/share/shoji/guest/vmlinux"},
                       {"guest.initrd", prefix + "/share/shoji/guest/initrd.img"},
                       {"sandbox.hypervisor", Bed::Hypervisor()},
                       {"sandbox.factory", "cache"},
                       {"hypervisor.process.allow_insecure", "true"},
                       {"hypervisor.process.agent", prefix + "/libexec/shoji/shoji-process-agent"},
                       {"log.level", "info"}};
  options.insert(options.end(), more.begin(), more.end());
  std::vector<std::string> words;
  for (const auto& [name, value] : options) words.push_back("--" + name + "=" + value);
  return words;
}

}  // namespace

std::unique_ptr<Child> StartShoji(const std::string& root, const Overrides& more,
                                  const std::vector<std::string>& words, const std::string& out) {
  SpawnOptions options;
  options.argv = {std::string(kPrefix) + "/bin/shoji"};
  for (std::string& word : OptionWords(root, more)) options.argv.push_back(std::move(word));
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  const UniqueFd file(open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  options.fds = {{file.get(), 1}, {file.get(), 2}};
  auto child = Spawn(options);
  EXPECT_TRUE(api_test::Ok(child));
  return child.ok() ? std::make_unique<Child>(std::move(*child)) : nullptr;
}

ServerProcess::ServerProcess(const std::string& root, const Overrides& more)
    : log_(root + "/files/server.log"),
      child_(StartShoji(root, more, {"factory", "serve"}, log_)) {}

ServerProcess::~ServerProcess() {
  if (child_ != nullptr) {
    EXPECT_TRUE(api_test::Ok(child_->Kill()));
  }
}

pid_t ServerProcess::pid() const { return child_ == nullptr ? -1 : child_->pid(); }

int ServerProcess::AwaitEnd() {
  if (child_ == nullptr) return -1;
  const auto ended = child_->Wait(Deadline::After(kPatience));
  EXPECT_TRUE(api_test::Ok(ended));
  if (!ended.ok()) return -1;
  child_.reset();
  return ended->signal != 0 ? 128 + ended->signal : ended->code;
}

int ServerProcess::End(int signal) {
  if (child_ != nullptr) {
    EXPECT_TRUE(api_test::Ok(child_->Signal(signal)));
  }
  return AwaitEnd();
}

int Ready(Runtime& runtime) { return StatusOf(runtime).value("ready", -1); }

bool AwaitReady(Runtime& runtime, int count) {
  const Deadline limit = Deadline::After(kPatience);
  while (Ready(runtime) != count) {
    if (limit.passed()) {
      ADD_FAILURE() << "not " << count << " VMs are ready: " << StatusOf(runtime).dump();
      return false;
    }
    poll(nullptr, 0, kLookMs);
  }
  return true;
}

std::vector<pid_t> WaitingPids(Runtime& runtime) {
  std::vector<pid_t> out;
  for (const auto& vm : StatusOf(runtime).value("vms", nlohmann::json::array())) {
    out.push_back(vm.value("pid", 0));
  }
  return out;
}

std::vector<std::string> FactoryFiles(const std::string& root) {
  std::vector<std::string> out;
  std::error_code error;
  fs::directory_iterator it(root + "/run/factory", error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    out.push_back(it->path().filename());
  }
  return out;
}

}  // namespace shoji::factories_test
