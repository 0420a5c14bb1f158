#include "shoji/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "shoji/base/errno.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/socket.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class File : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/shoji-base-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }
  std::string At(const std::string& name) const { return dir_ + "/" + name; }

  std::string dir_;
};

TEST_F(File, WrittenIsRead) {
  const std::string text = std::string("a\0b", 3) + std::string(100'000, 'x');
  ASSERT_TRUE(WriteFile(At("f"), text).ok());
  EXPECT_EQ(*ReadFile(At("f")), text);
  ASSERT_TRUE(WriteFile(At("f"), "short").ok());
  EXPECT_EQ(*ReadFile(At("f")), "short");
  EXPECT_FALSE(ReadFile("/proc/self/status")->empty());
}

TEST_F(File, FailuresNameThePath) {
  EXPECT_EQ(ReadFile(At("none")).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(ReadFile(At("none")).status().message(), HasSubstr(At("none")));
  EXPECT_FALSE(ReadFile(dir_).ok());
  EXPECT_THAT(WriteFile(At("no/f"), "x").message(), HasSubstr(At("no/f")));
  const Status full = WriteFile("/dev/full", "x");
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("cannot write /dev/full"));
  EXPECT_EQ(ListDir(At("none")).status().code(), StatusCode::kNotFound);
}

TEST_F(File, TooLargeIsRefused) {
  ASSERT_TRUE(WriteFile(At("f"), std::string(1001, 'x')).ok());
  EXPECT_EQ(ReadFile(At("f"), 1000).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadFile(At("f"), 1001).ok());
}

TEST_F(File, AtomicReplacementLeavesNoTemporaryFile) {
  ASSERT_TRUE(WriteFileAtomic(At("f"), "one").ok());
  ASSERT_TRUE(WriteFileAtomic(At("f"), "two").ok());
  EXPECT_EQ(*ReadFile(At("f")), "two");
  EXPECT_THAT(*ListDir(dir_), ElementsAre("f"));
  struct stat st {};
  ASSERT_EQ(stat(At("f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0600U);
  // A directory cannot be replaced: the temporary file must go all the same.
  ASSERT_TRUE(MakeDirs(At("d/x")).ok());
  EXPECT_FALSE(WriteFileAtomic(At("d"), "no").ok());
  EXPECT_THAT(*ListDir(dir_), ElementsAre("d", "f"));
}

TEST_F(File, DirectoriesAreMadeAndRemoved) {
  ASSERT_TRUE(MakeDirs(At("a/b/c")).ok());
  ASSERT_TRUE(MakeDirs(At("a/b/c")).ok());
  ASSERT_TRUE(WriteFile(At("a/b/f"), "x").ok());
  ASSERT_EQ(symlink("/", At("a/link").c_str()), 0);
  EXPECT_EQ(MakeDirs(At("a/b/f")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(MakeDirs("").code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(RemoveTree(At("a")).ok());
  EXPECT_FALSE(PathExists(At("a")));
  EXPECT_TRUE(PathExists("/tmp"));
  EXPECT_TRUE(RemoveTree(At("a")).ok());
  EXPECT_TRUE(RemoveFile(At("a")).ok());
}

TEST_F(File, AMountIsNotRemoved) {
  ASSERT_TRUE(MakeDirs(At("a/mounted")).ok());
  const pid_t child = fork();
  if (child == 0) {  // in a mount namespace of its own
    const std::string point = At("a/mounted");
    const bool mounted = unshare(CLONE_NEWNS) == 0 && MakeMountsPrivate().ok() &&
                         mount("tmpfs", point.c_str(), "tmpfs", 0, nullptr) == 0;
    const bool written = mounted && WriteFile(point + "/keep", "x").ok();
    const Status removed = RemoveTree(At("a"));
    const bool kept = written && !removed.ok() && PathExists(point + "/keep");
    _exit(kept ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(File, AllIsWrittenToAReaderThatIsSlow) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  ASSERT_TRUE(SetNonBlocking(pair->first.get(), true).ok());
  const std::string text(4 << 20, 'y');
  std::thread writer([&] {
    EXPECT_TRUE(WriteAll(pair->first.get(), text).ok());
    pair->first.reset();
  });
  EXPECT_EQ(*ReadAll(pair->second.get()), text);
  writer.join();
}

TEST_F(File, TheProgramKnowsItsPath) {
  EXPECT_THAT(*ExecutablePath(), HasSubstr("shoji_base_test"));
}

TEST_F(File, SocketsOfAnyPathLength) {
  for (const std::string& name :
       {std::string("s"), std::string(60, 'd') + "/" + std::string(60, 'e') + "/socket"}) {
    const std::string path = At(name);
    ASSERT_TRUE(MakeDirs(path.substr(0, path.rfind('/'))).ok());
    const auto listening = ListenUnix(path);
    ASSERT_TRUE(listening.ok()) << listening.status().message();
    struct stat st {};
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777U, 0600U);
    EXPECT_TRUE(ConnectUnix(path).ok());
  }
}

TEST_F(File, SocketsNobodyListensOn) {
  EXPECT_EQ(ConnectUnix(At("none")).status().code(), StatusCode::kNotFound);
  ListenUnix(At("left")).value().reset();
  EXPECT_EQ(ConnectUnix(At("left")).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(ListenUnix(At("left")).ok());  // replaces what is left
  EXPECT_EQ(ListenUnix(At(std::string(300, 'x'))).status().code(), StatusCode::kInvalidArgument);
}

TEST(Errno, CodesThatFit) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "x").code(), StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "x").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EACCES, "x").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(ENOENT, "cannot open y").message(),
            "cannot open y: No such file or directory");
  EXPECT_EQ(ErrnoStatus(EIO, "x").sys_errno(), EIO);
}

TEST(StatusType, CarriesWhatHappened) {
  const Status status = NotFound("a").WithErrno(ENOENT).WithDetail("k", "v").WithContext("b");
  EXPECT_EQ(status.message(), "b: a");
  EXPECT_EQ(status.detail("k"), "v");
  EXPECT_EQ(status.detail("none"), "");
  EXPECT_EQ(StatusCodeName(status.code()), "NOT_FOUND");
  EXPECT_TRUE(OkStatus().WithContext("b").message().empty());
  const Result<int> wrong = OkStatus();
  EXPECT_EQ(wrong.status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace shoji
