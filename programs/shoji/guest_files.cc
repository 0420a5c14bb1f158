#include "guest_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "shoji/minisign/sha2.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kPiece = 1U << 20U;

std::string ManifestPath(const std::string& file) {
  return file.substr(0, file.rfind('/') + 1) + "manifest.json";
}

json ManifestOf(const std::string& file) {
  const auto text = ReadFile(ManifestPath(file));
  return text.ok() ? json::parse(*text, nullptr, false) : json();
}

std::string TextAt(const json& in, const char* pointer) {
  const json::json_pointer place(pointer);
  if (!in.is_object() || !in.contains(place) || !in[place].is_string()) return {};
  return in[place].get<std::string>();
}

Status Measure(GuestFile& file) {
  const UniqueFd fd(open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + file.path);
  struct stat info = {};
  if (fstat(fd.get(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return FailedPrecondition(file.path + " is no file");
  }
  Sha256 hash;
  std::vector<char> piece(kPiece);
  for (;;) {
    const ssize_t n = read(fd.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read " + file.path);
    if (n == 0) break;
    file.size += static_cast<std::uint64_t>(n);
    hash.Update({piece.data(), static_cast<std::size_t>(n)});
  }
  file.sha256 = hash.Hex();
  return OkStatus();
}

// The manifest names files by their names in the directory it lies in.
std::string Expected(const std::string& path) {
  const json manifest = ManifestOf(path);
  const std::string name = path.substr(path.rfind('/') + 1);
  if (!manifest.is_object() || !manifest.contains("files")) return {};
  const json& files = manifest["files"];
  return files.is_object() && files.contains(name) ? TextAt(files[name], "/sha256") : "";
}

GuestFile Look(const std::string& what, const std::string& path) {
  GuestFile file;
  file.what = what;
  file.path = path;
  file.status = Measure(file);
  file.expected = Expected(path);
  if (file.status.ok() && !file.expected.empty() && file.expected != file.sha256) {
    file.status = DataLoss(path + " has the hash " + file.sha256 + ", but " + ManifestPath(path) +
                           " says " + file.expected);
  }
  return file;
}

}  // namespace

std::vector<GuestFile> GuestFiles(const Assets& assets) {
  std::vector<GuestFile> out = {Look("kernel", assets.kernel)};
  if (!assets.initrd.empty()) out.push_back(Look("initrd", assets.initrd));
  if (!assets.image.empty()) out.push_back(Look("image", assets.image));
  return out;
}

GuestManifest ReadGuestManifest(const Assets& assets) {
  const json manifest = ManifestOf(assets.kernel);
  if (!manifest.is_object()) return {};
  return {ManifestPath(assets.kernel), TextAt(manifest, "/build_id"),
          TextAt(manifest, "/kernel/release"), TextAt(manifest, "/agent/sha256")};
}

}  // namespace shoji::cli
