// For tests: a directory that goes with the test, and a loop that runs until something is so.
//
// Threads  One.
// Example  TempDir dir; dir.Write("sys/a/b", "1"); RunUntil(loop.get(), [&] { return done; });
#ifndef SHOJI_GUEST_AGENT_TESTING_FILES_H_
#define SHOJI_GUEST_AGENT_TESTING_FILES_H_

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "loop/loop.h"
#include "shoji/base/file.h"

namespace shoji::agent::testing {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/agent-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void MakeDir(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
  }
  void Write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    EXPECT_TRUE(WriteFile(path_ + "/" + name, text, mode).ok());
    chmod((path_ + "/" + name).c_str(), mode);
  }
  std::string Read(const std::string& name) const {
    const auto text = ReadFile(path_ + "/" + name);
    return text.ok() ? *text : text.status().message();
  }
  // A block device of number 7:`number`, whether or not there is one.
  void MakeNode(const std::string& name, unsigned number) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    ASSERT_EQ(mknod((path_ + "/" + name).c_str(), S_IFBLK | 0600, gnu_dev_makedev(7, number)), 0);
  }

 private:
  std::string path_;
};

// Runs the loop until `check` holds at the end of a turn; a failure after `limit`.
inline void RunUntil(Loop* loop, const std::function<bool()>& check,
                     std::chrono::seconds limit = std::chrono::seconds(20)) {
  bool late = false;
  const auto timer = loop->After(limit, [&] { late = true; });
  std::function<void()> look = [&] {
    if (!check() && !late) {
      // A moment later: the loop shall sleep and not spin.
      loop->After(std::chrono::milliseconds(1), look);
    } else {
      loop->Stop();
    }
  };
  look();
  EXPECT_TRUE(loop->Run().ok());
  loop->CancelTimer(timer);
  EXPECT_FALSE(late) << "it did not come to pass";
}

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_FILES_H_
