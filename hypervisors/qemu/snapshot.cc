#include "snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::uint64_t kSampled = 1U << 20U;  // bytes of each end that the checksum covers

std::string ManifestPathIn(const std::string& dir) { return dir + "/manifest.json"; }

Status Incomplete(const std::string& dir, const std::string& why) {
  return DataLoss("the snapshot in \"" + dir + "\" is incomplete: " + why);
}

// FNV-1a.
std::uint64_t Mix(std::uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

Result<std::string> ReadPart(int fd, std::uint64_t from, std::uint64_t length) {
  std::string part(length, '\0');
  std::size_t done = 0;
  while (done < length) {
    const ssize_t n = pread(fd, part.data() + done, length - done, static_cast<off_t>(from + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read the state of a VM");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  part.resize(done);
  return part;
}

struct Measured {
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0xcbf29ce484222325U;
};

// The state with memory in it is large: of that both ends count.
Result<Measured> Measure(const std::string& path, bool sync) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open \"" + path + "\"");
  if (sync && fsync(fd.get()) < 0) return ErrnoStatus(errno, "cannot write \"" + path + "\"");
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "cannot look at \"" + path + "\"");
  Measured out;
  out.bytes = static_cast<std::uint64_t>(st.st_size);
  const std::uint64_t head = std::min(out.bytes, kSampled);
  const std::uint64_t tail = std::min(out.bytes - head, kSampled);
  for (const auto& [from, length] :
       {std::pair<std::uint64_t, std::uint64_t>{0, head},
        std::pair<std::uint64_t, std::uint64_t>{out.bytes - tail, tail}}) {
    SHOJI_ASSIGN_OR_RETURN(const std::string part, ReadPart(fd.get(), from, length));
    out.checksum = Mix(out.checksum, part);
  }
  return out;
}

bool IsManifest(const Json& json) {
  return json.is_object() && json.contains("qemu") && json["qemu"].is_string() &&
         json.contains("shared_memory") && json["shared_memory"].is_boolean() &&
         json.contains("recipe") && json["recipe"].is_object() && json.contains("state_bytes") &&
         json["state_bytes"].is_number_unsigned() && json.contains("state_checksum") &&
         json["state_checksum"].is_number_unsigned();
}

Result<Manifest> ReadManifest(const std::string& dir) {
  const auto text = ReadFile(ManifestPathIn(dir), 1U << 20U);
  if (!text.ok() && text.status().sys_errno() == ENOENT) {
    if (!PathExists(dir)) return NotFound("there is no snapshot \"" + dir + "\"");
    return Incomplete(dir, "there is no manifest.json");
  }
  if (!text.ok()) return text.status();
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("version") && json["version"] != kVersion) {
    return FailedPrecondition("the snapshot in \"" + dir + "\" has version " +
                              json["version"].dump() + "; this plugin reads " +
                              std::to_string(kVersion) + "; save the VM again");
  }
  if (!IsManifest(json)) return Incomplete(dir, "manifest.json cannot be read");
  return Manifest{json["qemu"].get<std::string>(), json["shared_memory"].get<bool>(),
                  json["recipe"].dump(), json["state_bytes"].get<std::uint64_t>(),
                  json["state_checksum"].get<std::uint64_t>()};
}

}  // namespace

std::string StatePathIn(const std::string& dir) { return dir + "/state"; }

std::string QemuVersionText(const QmpVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

Status SealSnapshot(const std::string& dir, Manifest manifest) {
  SHOJI_ASSIGN_OR_RETURN(const Measured measured, Measure(StatePathIn(dir), /*sync=*/true));
  const Json json = {{"version", kVersion},
                     {"qemu", manifest.qemu},
                     {"shared_memory", manifest.shared_memory},
                     {"state_bytes", measured.bytes},
                     {"state_checksum", measured.checksum},
                     {"recipe", Json::parse(manifest.recipe, nullptr, false)}};
  return WriteFileAtomic(
      ManifestPathIn(dir),
      json.dump(2, ' ', true, nlohmann::detail::error_handler_t::replace) + "\n");
}

Result<Manifest> ReadSnapshot(const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(dir));
  const auto measured = Measure(StatePathIn(dir), /*sync=*/false);
  if (!measured.ok() && measured.status().sys_errno() == ENOENT) {
    return Incomplete(dir, "there is no file state");
  }
  if (!measured.ok()) return measured.status();
  if (measured->bytes != manifest.state_bytes) {
    return Incomplete(dir, "state has " + std::to_string(measured->bytes) + " of " +
                               std::to_string(manifest.state_bytes) + " bytes");
  }
  if (measured->checksum != manifest.state_checksum) {
    return Incomplete(dir, "state was changed after it was saved");
  }
  return manifest;
}

void RemoveSnapshot(const std::string& dir) {
  (void)RemoveFile(ManifestPathIn(dir));
  (void)RemoveFile(StatePathIn(dir));
}

Status MakeMemoryFile(const std::string& path, std::uint64_t bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) {
    return AlreadyExists("memory_path \"" + path + "\" exists; give the name of a new file")
        .WithErrno(EEXIST);
  }
  if (!fd) return ErrnoStatus(errno, "cannot make memory_path \"" + path + "\"");
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0) return OkStatus();
  const Status failed = ErrnoStatus(errno, "cannot make memory_path \"" + path + "\" of " +
                                               std::to_string(bytes >> 20U) + " MiB");
  (void)RemoveFile(path);
  return failed;
}

Status CheckMemoryFile(const std::string& path, std::uint64_t bytes) {
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) {
    return ErrnoStatus(errno, "memory_path \"" + path + "\" of the snapshot");
  }
  if (S_ISREG(st.st_mode) && static_cast<std::uint64_t>(st.st_size) == bytes) return OkStatus();
  return DataLoss("memory_path \"" + path + "\" has " + std::to_string(st.st_size) + " of " +
                  std::to_string(bytes) + " bytes of memory");
}

}  // namespace shoji::qemu
