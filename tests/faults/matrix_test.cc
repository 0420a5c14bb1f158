// The fault matrix: each operation, with each thing going wrong at each step.
//
// Whatever happens, two things must hold afterwards: the sandbox can still be deleted (or is
// not there), with nothing left of it; and the same operation works when it is tried again.
// The table that is printed at the end says what each operation answered.
//
//   fault_matrix_test                         the tests
//   fault_matrix_test --child ROOT OPERATION  does the operation; for being killed meanwhile
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "operations.h"

extern char** environ;

namespace shoji::fault_test {
namespace {

using api_test::Bed;
using api_test::Ok;
using api_test::Overrides;
using testing::IsEmpty;

// What each cell answered, for the table.
class Table {
 public:
  void Add(const std::string& operation, const std::string& fault, const Status& status) {
    const std::string answer =
        status.ok() ? "ok" : std::string(StatusCodeName(status.code())) + ": " + status.message();
    rows_.push_back({operation, fault, answer.substr(0, 100)});
  }
  ~Table() {
    printf("\n%-11s %-28s %s\n", "operation", "fault", "answer");
    for (const auto& row : rows_) {
      printf("%-11s %-28s %s\n", row[0].c_str(), row[1].c_str(), row[2].c_str());
    }
  }

 private:
  std::vector<std::array<std::string, 3>> rows_;
};

class MatrixTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { table_ = new Table; }
  static void TearDownTestSuite() { delete table_; }

  static std::string Files(const Bed& bed) {
    const std::string path = bed.MakeFile("disk.img", "");
    EXPECT_EQ(truncate(path.c_str(), 1 << 20), 0);
    return bed.root() + "/files";
  }

  // Nothing is left and the operation works when it is tried again.
  static void ExpectRecovered(const Bed& bed, const Operation& operation) {
    const std::string files = Files(bed);
    {
      auto runtime = bed.NewRuntime();
      ASSERT_NE(runtime, nullptr);
      EXPECT_TRUE(Ok(runtime->CollectGarbage()));
      const Status deleted = runtime->DeleteSandbox(kPod);
      EXPECT_TRUE(deleted.ok() || deleted.code() == StatusCode::kNotFound) << deleted.message();
    }
    EXPECT_THAT(bed.Leftovers(), IsEmpty());
    auto runtime = bed.NewRuntime();
    ASSERT_TRUE(Ok(operation.prepare(*runtime, files)));
    EXPECT_TRUE(Ok(operation.run(*runtime, files)));
    const Status deleted = runtime->DeleteSandbox(kPod);
    EXPECT_EQ(deleted.ok(), operation.leaves_sandbox) << deleted.message();
  }

  // So that another process may have it.
  static void ReleasePod(Runtime& runtime) {
    const auto pod = runtime.FetchSandbox(kPod);
    if (pod.ok()) {
      EXPECT_TRUE(Ok((*pod)->Release()));
    }
  }

  static std::vector<std::string> AllSlots(const Operation& operation) {
    std::vector<std::string> all = operation.slots;
    all.insert(all.end(), operation.spare_slots.begin(), operation.spare_slots.end());
    return all;
  }
  static bool IsSpare(const Operation& operation, const std::string& slot) {
    const auto& spare = operation.spare_slots;
    return std::find(spare.begin(), spare.end(), slot) != spare.end();
  }

  // Prepares with a whole world, then does the operation in a world with `overrides`.
  static Status RunWith(const Bed& bed, const Operation& operation, const Overrides& overrides) {
    const std::string files = Files(bed);
    auto whole = bed.NewRuntime(
        {{"sandbox.hypervisor", "mock"}, {"hypervisor.mock.over", Bed::Hypervisor()}});
    if (const Status ready = operation.prepare(*whole, files); !ready.ok()) return ready;
    ReleasePod(*whole);
    whole.reset();
    Overrides all = {{"sandbox.hypervisor", "mock"}, {"hypervisor.mock.over", Bed::Hypervisor()}};
    all.insert(all.end(), overrides.begin(), overrides.end());
    auto broken = bed.NewRuntime(all);
    if (broken == nullptr) return Internal("no runtime");
    return operation.run(*broken, files);
  }

  static inline Table* table_ = nullptr;
};

// Every slot of the hypervisor fails the first time it is called, with its work done or not.
TEST_F(MatrixTest, ASlotFails) {
  for (const Operation& operation : Operations()) {
    for (const std::string& slot : AllSlots(operation)) {
      for (const std::string how : {"", "late-"}) {
        const std::string fault = slot + ":1:" + how + "UNAVAILABLE:scripted";
        SCOPED_TRACE(operation.name + " with " + fault);
        const Bed bed;
        const Status answer = RunWith(bed, operation, {{"hypervisor.mock.script", fault}});
        table_->Add(operation.name, slot + (how.empty() ? " fails" : " fails late"), answer);
        EXPECT_EQ(answer.ok(), IsSpare(operation, slot)) << answer.message();
        ExpectRecovered(bed, operation);
      }
    }
  }
}

// Every slot hangs until its time is up.
TEST_F(MatrixTest, ASlotHangs) {
  for (const Operation& operation : Operations()) {
    for (const std::string& slot : AllSlots(operation)) {
      if (slot == "pids" || slot == "agent_endpoint" || slot == "save_state") continue;  // no limit
      SCOPED_TRACE(operation.name + ", " + slot + " hangs");
      const Bed bed;
      const Status answer = RunWith(bed, operation,
                                    {{"hypervisor.mock.script", slot + ":1:hang"},
                                     {"sandbox.boot_timeout", "1s"},
                                     {"sandbox.call_timeout", "1s"}});
      table_->Add(operation.name, slot + " hangs", answer);
      EXPECT_EQ(answer.ok(), IsSpare(operation, slot)) << answer.message();
      ExpectRecovered(bed, operation);
    }
  }
}

// The VM, and in it the agent, dies in the middle: right after a slot has done its work.
TEST_F(MatrixTest, TheVmIsKilledMeanwhile) {
  for (const Operation& operation : Operations()) {
    for (const std::string& slot : AllSlots(operation)) {
      if (slot == "create" || slot == "destroy" || slot == "stop") continue;  // there is none
      SCOPED_TRACE(operation.name + ", killed after " + slot);
      const Bed bed;
      table_->Add(operation.name, "VM killed after " + slot,
                  RunWith(bed, operation, {{"hypervisor.mock.script", slot + ":1:kill-after"}}));
      ExpectRecovered(bed, operation);
    }
  }
}

TEST_F(MatrixTest, TheVmIsKilledBefore) {
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.name);
    const Bed bed;
    const std::string files = Files(bed);
    auto runtime = bed.NewRuntime();
    ASSERT_TRUE(Ok(operation.prepare(*runtime, files)));
    const auto status = runtime->StatusSandbox(kPod);
    if (!status.ok() || status->vm_pids.empty()) {  // there is none to be killed
      (void)runtime->DeleteSandbox(kPod);
      continue;
    }
    api_test::KillAndWait(status->vm_pids[0]);
    table_->Add(operation.name, "VM killed before", operation.run(*runtime, files));
    runtime.reset();
    ExpectRecovered(bed, operation);
  }
}

// ---- we are killed ----------------------------------------------------------

class Child {
 public:
  Child(const std::string& root, const std::string& operation) {
    std::string self = "/proc/self/exe";
    std::string mode = "--child";
    std::string a = root;
    std::string b = operation;
    char* argv[] = {self.data(), mode.data(), a.data(), b.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, self.c_str(), nullptr, nullptr, argv, environ), 0);
  }
  // Kills it after that time unless it has ended; whether it had.
  bool KillAfter(std::chrono::microseconds time) {
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    pollfd end = {pidfd, POLLIN, 0};
    timespec limit = {time.count() / 1000000, (time.count() % 1000000) * 1000};
    const bool ended = ppoll(&end, 1, &limit, nullptr) > 0;
    kill(pid_, SIGKILL);
    close(pidfd);
    return ended;
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
};

// Whoever is killed, whenever: gc and the next command make it good.
TEST_F(MatrixTest, WeAreKilled) {
  constexpr int kMoments = 12;
  for (const Operation& operation : Operations()) {
    std::chrono::microseconds whole(0);
    {
      const Bed bed;
      const std::string files = Files(bed);
      auto runtime = bed.NewRuntime();
      ASSERT_TRUE(Ok(operation.prepare(*runtime, files)));
      ReleasePod(*runtime);
      runtime.reset();
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_EQ(Child(bed.root(), operation.name).Wait(), 0);
      whole = std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - begin);
      ExpectRecovered(bed, operation);
    }
    int killed = 0;
    for (int i = 0; i < kMoments; ++i) {
      SCOPED_TRACE(operation.name + ", killed at moment " + std::to_string(i));
      const Bed bed;
      const std::string files = Files(bed);
      auto runtime = bed.NewRuntime();
      ASSERT_TRUE(Ok(operation.prepare(*runtime, files)));
      ReleasePod(*runtime);
      runtime.reset();
      Child child(bed.root(), operation.name);
      killed += child.KillAfter(whole * i / kMoments) ? 0 : 1;
      child.Wait();
      ExpectRecovered(bed, operation);
    }
    table_->Add(operation.name, "we are killed, 12 moments", OkStatus());
    EXPECT_GT(killed, 0);
  }
}

// ---- the disk is full -------------------------------------------------------

class FullDisk {
 public:
  explicit FullDisk(const std::string& dir) : dir_(dir) {
    mkdir(dir_.c_str(), 0755);
    EXPECT_EQ(mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=4m"), 0);
  }
  ~FullDisk() { umount2(dir_.c_str(), MNT_DETACH); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  // Leaves that many pages.
  void Fill(std::uint64_t pages) {
    struct statfs now = {};
    statfs(dir_.c_str(), &now);
    const auto free = static_cast<std::uint64_t>(now.f_bavail);
    std::ofstream(dir_ + "/ballast", std::ios::binary)
        << std::string((free > pages ? free - pages : 0) * 4096, 'x');
  }
  void Empty() { unlink((dir_ + "/ballast").c_str()); }

 private:
  std::string dir_;
};

TEST_F(MatrixTest, TheDiskIsFull) {
  for (const Operation& operation : Operations()) {
    for (const std::uint64_t pages : {0U, 1U, 3U, 6U}) {
      SCOPED_TRACE(operation.name + " with " + std::to_string(pages) + " pages free");
      const Bed bed;
      const std::string files = Files(bed);
      FullDisk disk(bed.root() + "/run");
      {
        auto runtime = bed.NewRuntime();
        ASSERT_TRUE(Ok(operation.prepare(*runtime, files)));
        disk.Fill(pages);
        table_->Add(operation.name, "disk full but " + std::to_string(pages) + " pages",
                    operation.run(*runtime, files));
      }
      disk.Empty();
      ExpectRecovered(bed, operation);
    }
  }
}

}  // namespace

// Does one operation on a state directory of a Bed, and nothing else.
int RunChild(const std::string& root, const std::string& operation) {
  auto runtime = Bed::RuntimeAt(root);
  if (runtime == nullptr) return 1;
  const Status done = FindOperation(operation).run(*runtime, root + "/files");
  if (!done.ok()) fprintf(stderr, "%s: %s\n", operation.c_str(), done.message().c_str());
  return done.ok() ? 0 : 1;
}

}  // namespace shoji::fault_test

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "--child") == 0) {
    return shoji::fault_test::RunChild(argv[2], argv[3]);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
