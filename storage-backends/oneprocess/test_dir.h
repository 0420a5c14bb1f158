// A directory of its own for each test, removed at its end.
#ifndef SHOJI_ONEPROCESS_TEST_DIR_H_
#define SHOJI_ONEPROCESS_TEST_DIR_H_

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "shoji/base/file.h"

namespace shoji::oneprocess {

class DirTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/oneprocess-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  std::string dir_;
};

// A child of fork() that runs `body` and ends when told or killed.
class Child {
 public:
  // `body` gets a function that tells the parent "ready" and returns when it may end.
  template <typename Body>
  explicit Child(Body body) {
    int ready[2];
    int end[2];
    EXPECT_EQ(pipe(ready), 0);
    EXPECT_EQ(pipe(end), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ready[0]);
      close(end[1]);
      const bool ok = body([&] {
        char byte = 'r';
        if (write(ready[1], &byte, 1) == 1) (void)!read(end[0], &byte, 1);
      });
      _exit(ok ? 0 : 1);
    }
    close(ready[1]);
    close(end[0]);
    ready_ = ready[0];
    end_ = end[1];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) Finish();
  }

  pid_t pid() const { return pid_; }
  // True when it became ready, false when it has ended before.
  bool WaitReady() const {
    char byte = 0;
    return read(ready_, &byte, 1) == 1;
  }
  void LetEnd() {
    if (end_ >= 0) close(end_);
    end_ = -1;
  }
  // Its wait status.
  int Finish() {
    LetEnd();
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    close(ready_);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int ready_ = -1;
  int end_ = -1;
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_TEST_DIR_H_
