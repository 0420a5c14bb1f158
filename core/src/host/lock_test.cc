#include "host/lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using std::chrono::milliseconds;

// A child that holds the lock until it is killed; returns once it does.
pid_t HoldInChild(const std::string& path) {
  int ready[2];
  if (pipe(ready) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Acquire(path, LockMode::kExclusive, Deadline::Never(), "x");
    (void)!write(ready[1], lock.ok() ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  char answer = 0;
  EXPECT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  close(ready[0]);
  close(ready[1]);
  return child;
}

class LockTest : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  const std::string path_ = dir_.path() + "/lock";
};

TEST_F(LockTest, LimitNamesTheHolderAndItsDeathFreesTheLock) {
  const pid_t child = HoldInChild(path_);
  EXPECT_EQ(*LockHolder(path_), child);
  const auto lock = FileLock::Acquire(path_, LockMode::kExclusive,
                                      Deadline::After(milliseconds(50)), "sandbox \"a\"");
  EXPECT_EQ(lock.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_NE(
      lock.status().message().find("sandbox \"a\" is locked by process " + std::to_string(child)),
      std::string::npos)
      << lock.status().message();
  EXPECT_EQ(FileLock::TryAcquire(path_, LockMode::kShared, "x").status().code(),
            StatusCode::kFailedPrecondition);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(*LockHolder(path_), 0);
  EXPECT_TRUE(FileLock::TryAcquire(path_, LockMode::kExclusive, "x").ok());
}

TEST_F(LockTest, ReadersShareWritersDoNot) {
  auto first = FileLock::TryAcquire(path_, LockMode::kShared, "x");
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(FileLock::TryAcquire(path_, LockMode::kShared, "x").ok());
  EXPECT_FALSE(FileLock::TryAcquire(path_, LockMode::kExclusive, "x").ok());
  first->Release();
  EXPECT_TRUE(FileLock::TryAcquire(path_, LockMode::kExclusive, "x").ok());
}

TEST_F(LockTest, MissingDirectoryAndMissingFile) {
  EXPECT_EQ(FileLock::TryAcquire(dir_.path() + "/no/lock", LockMode::kShared, "x").status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(*LockHolder(dir_.path() + "/no/lock"), 0);
}

TEST_F(LockTest, SymbolicLinkIsRefused) {
  ASSERT_EQ(symlink("/etc/passwd", path_.c_str()), 0);
  EXPECT_FALSE(FileLock::TryAcquire(path_, LockMode::kExclusive, "x").ok());
}

}  // namespace
}  // namespace shoji
