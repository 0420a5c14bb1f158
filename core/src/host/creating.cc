#include "host/creating.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using nlohmann::json;

std::string Text(const ContainerStatus& container) {
  const json out = {{"id", container.id},
                    {"sandbox_id", container.sandbox_id},
                    {"created_unix_ns", container.created_unix_ns},
                    {"pid", container.shim_pid},
                    {"rootfs", container.rootfs},
                    {"bundle", container.bundle},
                    {"args", container.args},
                    {"annotations", container.annotations}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Nothing for a text that is not whole yet.
std::optional<ContainerStatus> Parse(const std::string& text) {
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return std::nullopt;
  try {
    ContainerStatus out;
    in.at("id").get_to(out.id);
    in.at("sandbox_id").get_to(out.sandbox_id);
    in.at("created_unix_ns").get_to(out.created_unix_ns);
    in.at("pid").get_to(out.shim_pid);
    in.at("rootfs").get_to(out.rootfs);
    in.at("bundle").get_to(out.bundle);
    in.at("args").get_to(out.args);
    in.at("annotations").get_to(out.annotations);
    return out;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

bool IsLocked(int fd) { return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK; }

}  // namespace

Result<CreatingMark> CreatingMark::Make(const SandboxPaths& paths,
                                        const ContainerStatus& container) {
  const std::string& path = paths.creating;
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(errno, "cannot make " + path);
  // A reader may have it for a moment.
  while (flock(fd.get(), LOCK_EX) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "cannot lock " + path);
  }
  CreatingMark mark(path, std::move(fd));
  if (ftruncate(mark.fd_.get(), 0) < 0) return ErrnoStatus(errno, "cannot empty " + path);
  SHOJI_RETURN_IF_ERROR(WriteAll(mark.fd_.get(), Text(container)).WithContext(path));
  return mark;
}

CreatingMark::~CreatingMark() {
  if (fd_) (void)unlink(path_.c_str());
}

std::vector<ContainerStatus> ContainersBeingMade(const std::string& root) {
  std::vector<ContainerStatus> out;
  const auto names = ListDir(SandboxesDir(root));
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    const std::string path = SandboxPaths(root, name).creating;
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd || !IsLocked(fd.get())) continue;
    const auto text = ReadFile(path);
    if (!text.ok()) continue;
    if (auto container = Parse(*text)) out.push_back(std::move(*container));
  }
  return out;
}

}  // namespace shoji
