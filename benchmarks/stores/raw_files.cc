// The same pattern of system calls as the filesystem store, with nothing around it: new file,
// fsync, rename, fsync of the directory.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class Files : public Subject {
 public:
  explicit Files(UniqueFd dir) : dir_(std::move(dir)) {}

  Status Save(const std::string& key, const std::string& value) override {
    const UniqueFd fd(openat(dir_.get(), "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) return ErrnoStatus(errno, "cannot open a file");
    SHOJI_RETURN_IF_ERROR(WriteAll(fd.get(), value));
    if (fsync(fd.get()) < 0 || renameat(dir_.get(), "new", dir_.get(), key.c_str()) < 0 ||
        fsync(dir_.get()) < 0) {
      return ErrnoStatus(errno, "cannot write " + key);
    }
    return OkStatus();
  }
  Result<std::string> Load(const std::string& key) override {
    const UniqueFd fd(openat(dir_.get(), key.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return ErrnoStatus(errno, "cannot open " + key);
    return ReadAll(fd.get());
  }

 private:
  UniqueFd dir_;
};

}  // namespace

Opened OpenRawFiles(const std::string& dir) {
  UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + dir);
  return std::unique_ptr<Subject>(std::make_unique<Files>(std::move(fd)));
}

}  // namespace shoji::benchmark_stores
