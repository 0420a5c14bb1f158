#include "holder.h"

#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::oneprocess {
namespace {

constexpr std::size_t kLongest = 64;

// Text of another process: it goes into a message of one line.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text.substr(0, kLongest);
}

// The program and its command. No further arguments: they may hold a secret.
std::string ProgramOf(pid_t pid) {
  const Result<std::string> line = ReadFile("/proc/" + std::to_string(pid) + "/cmdline");
  if (!line.ok()) return {};
  const std::vector<std::string> words = Split(*line, '\0');
  if (words.empty()) return {};
  std::string program = words[0].substr(words[0].rfind('/') + 1);
  if (words.size() > 1 && !words[1].empty() && words[1][0] != '-') program += " " + words[1];
  return OneLine(program);
}

}  // namespace

std::string DescribeProcess(pid_t pid) {
  const std::string program = ProgramOf(pid);
  const std::string text = "pid " + std::to_string(pid);
  return program.empty() ? text : text + " (" + program + ")";
}

std::string HolderOf(const std::string& lock_file) {
  const UniqueFd fd(open(lock_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return {};
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(fd.get(), F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK) return {};
  if (lock.l_pid <= 0) return "a process of another PID namespace";
  return DescribeProcess(lock.l_pid);
}

}  // namespace shoji::oneprocess
