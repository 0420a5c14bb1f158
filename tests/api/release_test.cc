// Release in one process, FetchSandbox in another, while a container prints a counting
// sequence: no number is lost or doubled.
//
// The test runs itself as a child for each turn, so that nothing but the records and the VM is
// common to them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/runtime.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

constexpr int kTurns = 8;
constexpr int kNumbers = 60'000;
constexpr std::size_t kBytesOfATurn = 30'000;

std::string Env(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? std::string() : value;
}

Result<std::unique_ptr<Runtime>> Open(const std::string& dir) {
  RuntimeOptions options;
  options.config_files.clear();
  const std::string prefix = Env("SHOJI_TEST_PREFIX");
  options.overrides = {
      {"root", dir + "/root"},
      {"plugins.path", prefix + "/lib/shoji/plugins"},
      {"guest.kernel", prefix + "/share/shoji/guest/vmlinux"},
      {"guest.initrd", prefix + "/share/shoji/guest/initrd.img"},
      {"sandbox.call_timeout", "120s"},
  };
  const std::string hypervisor = Env("SHOJI_TEST_HYPERVISOR");
  if (!hypervisor.empty()) options.overrides.emplace_back("sandbox.hypervisor", hypervisor);
  if (hypervisor == "process") {
    options.overrides.emplace_back("hypervisor.process.allow_insecure", "true");
  }
  return Runtime::Create(std::move(options));
}

SandboxConfig Counting(const std::string& rootfs) {
  ContainerConfig container;
  container.id = "counter";
  container.rootfs.source = rootfs;
  container.cmd.args = {
      "/bin/sh", "-c",
      "i=0; while [ $i -lt " + std::to_string(kNumbers) +
          " ]; do echo $i; [ $((i % 997)) != 0 ] || sleep 0.02; i=$((i+1)); done"};
  SandboxConfig config;
  config.id = "counting";
  config.containers = {container};
  return config;
}

// Reads into `file` until `after` bytes are there, then calls `then` while reading goes on.
Status Copy(ProcessIo& io, const std::string& file, std::size_t after,
            const std::function<void()>& then) {
  std::string text;
  std::thread late;
  Status status;
  char buffer[4096];
  for (;;) {
    const auto count = io.ReadStdout(buffer, sizeof(buffer));
    if (!count.ok()) status = count.status();
    if (!count.ok() || *count == 0) break;
    text.append(buffer, *count);
    if (text.size() >= after && !late.joinable()) late = std::thread(then);
  }
  if (late.joinable()) late.join();
  SHOJI_RETURN_IF_ERROR(WriteFile(file, text));
  return status;
}

// One turn: the first creates the sandbox, the last deletes it, the others pass it on.
Status Turn(const std::string& dir, int turn) {
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, Open(dir));
  const std::string rootfs = Env("SHOJI_TEST_PREFIX") + "/share/shoji/rootfs/busybox";
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, turn == 0 ? runtime->RunSandbox(Counting(rootfs))
                                                       : runtime->FetchSandbox("counting"));
  SHOJI_ASSIGN_OR_RETURN(const auto io, sandbox->IOStream("counter", "counter"));
  const std::string file = dir + "/turn" + std::to_string(turn);
  Status released;
  const bool last = turn == kTurns - 1;
  const Status read = Copy(*io, file, last ? std::string::npos : kBytesOfATurn,
                           [&] { released = sandbox->Release(); });
  SHOJI_RETURN_IF_ERROR(released);
  if (!last) return read.code() == StatusCode::kCancelled ? OkStatus() : read;
  SHOJI_RETURN_IF_ERROR(read);
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t exit, sandbox->WaitProcess("counter", "counter"));
  if (exit != 0) return Internal("it ended with " + std::to_string(exit));
  return sandbox->Delete();
}

class TempDir {
 public:
  TempDir() { EXPECT_NE(mkdtemp(path_.data()), nullptr); }
  ~TempDir() { EXPECT_TRUE(RemoveTree(path_).ok()); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/release-XXXXXX";
};

TEST(Release, LosesNoNumberAndDoublesNone) {
  const TempDir dir;
  std::string text;
  for (int turn = 0; turn < kTurns; ++turn) {
    SpawnOptions options;
    options.argv = {*ExecutablePath(), "--turn", std::to_string(turn), dir.path()};
    const auto run = RunCommand(options, Deadline::After(std::chrono::minutes(5)));
    const bool good = run.ok() && run->exit.code == 0 && run->exit.signal == 0;
    EXPECT_TRUE(good) << "turn " << turn << ": "
                      << (run.ok() ? run->output : run.status().message());
    if (!good) break;
    const auto piece = ReadFile(dir.path() + "/turn" + std::to_string(turn));
    ASSERT_TRUE(piece.ok());
    EXPECT_FALSE(piece->empty()) << "turn " << turn;
    text += *piece;
  }
  if (const auto runtime = Open(dir.path()); runtime.ok()) {
    (void)(*runtime)->DeleteSandbox("counting");
  }
  const std::vector<std::string> lines = Split(text, '\n');
  for (std::size_t i = 0; i < static_cast<std::size_t>(kNumbers); ++i) {
    ASSERT_LT(i, lines.size()) << "the end is missing";
    ASSERT_EQ(lines[i], std::to_string(i)) << "after " << (i > 0 ? lines[i - 1] : "nothing");
  }
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace

int RunTurn(const char* turn, const char* dir) {
  const Status status = Turn(dir, atoi(turn));
  if (!status.ok()) fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace shoji

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--turn") return shoji::RunTurn(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
