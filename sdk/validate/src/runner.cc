#include "runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "supervisor.h"

namespace shoji::validate {
namespace {

bool IsGood(CheckResult result) {
  return result == CheckResult::kPass || result == CheckResult::kWarning;
}

// A directory below TMPDIR that is removed at the end.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> Make() {
    const char* const base = std::getenv("TMPDIR");
    std::string path = std::string(base == nullptr ? "/tmp" : base) + "/validate-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, "cannot create " + path);
    return TemporaryDirectory(path);
  }
  ~TemporaryDirectory() {
    if (!path_.empty()) (void)RemoveTree(path_);
  }
  TemporaryDirectory(TemporaryDirectory&& other) noexcept
      : path_(std::exchange(other.path_, std::string())) {}
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class Runner {
 public:
  Runner(const Target& target, const std::vector<Check>& checks, const RunOptions& options,
         const std::string& directory)
      : target_(target), checks_(checks), options_(options), directory_(directory) {
    for (const Check& check : checks_)
      records_.push_back(Record{&check, CheckResult::kSkip, {}, {}, 0});
    for (std::size_t i = 0; i < checks_.size(); ++i) waiting_.insert(i);
  }

  Status Run() {
    int lifeline[2];
    if (pipe2(lifeline, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
    lifeline_read_.reset(lifeline[0]);
    lifeline_write_.reset(lifeline[1]);
    while (!waiting_.empty() || !running_.empty()) {
      SHOJI_RETURN_IF_ERROR(StartSome());
      if (!running_.empty()) WaitForOne();
    }
    return OkStatus();
  }

  std::vector<Record> TakeRecords() { return std::move(records_); }

 private:
  struct Running {
    std::size_t index;
    pid_t pid;
    UniqueFd report;
    std::string text;
  };

  // Whether all needs are settled; `bad` is one that did not pass.
  bool IsReady(const Check& check, std::string* bad) const {
    for (const std::string& need : check.needs) {
      for (std::size_t i = 0; i < checks_.size(); ++i) {
        if (checks_[i].name != need) continue;
        if (waiting_.count(i) > 0 || IsRunning(i)) return false;
        if (!IsGood(records_[i].result)) *bad = need;
      }
    }
    return true;
  }
  bool IsRunning(std::size_t index) const {
    return std::any_of(running_.begin(), running_.end(),
                       [&](const Running& r) { return r.index == index; });
  }

  Status StartSome() {
    bool again = true;
    while (again) {
      again = false;
      const std::set<std::size_t> candidates = waiting_;
      for (const std::size_t index : candidates) {
        if (running_.size() >= options_.jobs) return OkStatus();
        std::string bad;
        if (!IsReady(checks_[index], &bad)) continue;
        waiting_.erase(index);
        again = true;
        SHOJI_RETURN_IF_ERROR(StartOne(index, bad));
      }
    }
    return OkStatus();
  }

  Status StartOne(std::size_t index, const std::string& bad) {
    Record& record = records_[index];
    const Check& check = checks_[index];
    if (!bad.empty()) {
      record.reason = "needs " + bad;
      return OkStatus();
    }
    if (!check.kind.empty() && (!target_.note || target_.note->kind != check.kind)) {
      record.reason = "is about plugins of kind " + check.kind;
      return OkStatus();
    }
    if (options_.in_process) {
      Target mine = target_;
      mine.scratch = directory_ + "/" + check.name;
      record = RunHere(std::move(mine), check);
      return OkStatus();
    }
    return Fork(index);
  }

  Status Fork(std::size_t index) {
    const std::string directory = directory_ + "/" + checks_[index].name;
    SHOJI_RETURN_IF_ERROR(MakeDirs(directory, 0700));
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
    UniqueFd read_end(report[0]);
    const UniqueFd write_end(report[1]);
    const pid_t pid = fork();
    if (pid < 0) return ErrnoStatus(errno, "cannot make a process");
    if (pid == 0) {
      lifeline_write_.reset();
      Supervise(target_, checks_[index],
                {options_.timeout, write_end.get(), lifeline_read_.get(), directory});
    }
    running_.push_back({index, pid, std::move(read_end), {}});
    return OkStatus();
  }

  void WaitForOne() {
    std::vector<pollfd> polled;
    for (const Running& r : running_) polled.push_back({r.report.get(), POLLIN, 0});
    if (poll(polled.data(), polled.size(), -1) < 0) return;
    for (std::size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents != 0 && !ReadSome(&running_[i])) {
        Finish(running_[i]);
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  // False at the end.
  static bool ReadSome(Running* running) {
    char buffer[4096];
    const ssize_t n = read(running->report.get(), buffer, sizeof(buffer));
    if (n > 0) running->text.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
  }

  void Finish(const Running& running) {
    while (waitpid(running.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    UnpackRecord(running.text, &records_[running.index]);
  }

  const Target& target_;
  const std::vector<Check>& checks_;
  const RunOptions& options_;
  const std::string& directory_;
  UniqueFd lifeline_read_;
  UniqueFd lifeline_write_;
  std::vector<Record> records_;
  std::set<std::size_t> waiting_;
  std::vector<Running> running_;
};

// One check speaks for the processes that all of them left, so that one defect is reported
// once; without it each speaks for itself.
void ReportLeftProcesses(std::vector<Record>* records) {
  const auto speaker = std::find_if(records->begin(), records->end(), [](const Record& r) {
    return r.check->name == kLeavesNoProcess;
  });
  for (Record& record : *records) {
    if (record.left.empty()) continue;
    const std::string told = "leaves " + Join(record.left, ", ") + " running";
    Record& to = speaker == records->end() ? record : *speaker;
    if (to.result == CheckResult::kFail) continue;
    to.result = CheckResult::kFail;
    to.reason = &to == &record ? told : record.check->name + " " + told;
  }
}

}  // namespace

std::string_view ResultName(CheckResult result) {
  constexpr std::string_view kNames[] = {"pass", "fail", "crash", "skip", "warning", "waived"};
  return kNames[static_cast<std::size_t>(result)];
}

Result<std::vector<Record>> RunChecks(const Target& target, const std::vector<Check>& checks,
                                      const RunOptions& options) {
  SHOJI_ASSIGN_OR_RETURN(const TemporaryDirectory directory, TemporaryDirectory::Make());
  Runner runner(target, checks, options, directory.path());
  SHOJI_RETURN_IF_ERROR(runner.Run());
  std::vector<Record> records = runner.TakeRecords();
  ReportLeftProcesses(&records);
  return records;
}

}  // namespace shoji::validate
