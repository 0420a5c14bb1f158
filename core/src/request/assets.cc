#include "request/assets.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"
#include "shoji/minisign/sha2.h"

namespace shoji {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kSha512Digits = 128;
constexpr std::size_t kPiece = 1U << 20U;

Status ValidateAsset(const std::string& what, const std::string& path, const std::string& hash) {
  if (!path.empty() && path[0] != '/') {
    return InvalidArgument(what + " \"" + path + "\" is not an absolute path");
  }
  if (hash.empty()) return OkStatus();
  const bool hex =
      std::all_of(hash.begin(), hash.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (hex && (hash.size() == kSha256Digits || hash.size() == kSha512Digits)) return OkStatus();
  return InvalidArgument("hash \"" + hash + "\" of " + what + " \"" + path +
                         "\" is not 64 (SHA-256) or 128 (SHA-512) hexadecimal digits");
}

template <typename Hash>
Result<std::string> HashOf(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  Hash hash;
  std::vector<char> piece(kPiece);
  for (;;) {
    const ssize_t n = read(fd.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read " + path);
    if (n == 0) return hash.Hex();
    hash.Update({piece.data(), static_cast<std::size_t>(n)});
  }
}

Status CheckHash(const std::string& what, const BootFile& file) {
  if (file.hash.empty()) return OkStatus();
  if (file.path.empty()) {
    return FailedPrecondition("the sandbox boots no " + what + ", but a hash is given for it");
  }
  std::string expected = file.hash;
  for (char& c : expected) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool sha512 = expected.size() == kSha512Digits;
  SHOJI_ASSIGN_OR_RETURN(const std::string actual,
                         sha512 ? HashOf<Sha512>(file.path) : HashOf<Sha256>(file.path));
  if (actual == expected) return OkStatus();
  return FailedPrecondition(what + " " + file.path + " has the hash " + actual + ", not " +
                            expected + ": it is another file than was asked for");
}

}  // namespace

Status ValidateAssets(const Assets& assets) {
  SHOJI_RETURN_IF_ERROR(ValidateAsset("kernel", assets.kernel, assets.kernel_sha256));
  SHOJI_RETURN_IF_ERROR(ValidateAsset("initrd", assets.initrd, assets.initrd_sha256));
  return ValidateAsset("image", assets.image, assets.image_sha256);
}

BootFiles BootFilesOf(const BootFiles& configured, const Assets& assets) {
  BootFiles out = configured;
  if (!assets.kernel.empty()) out.kernel.path = assets.kernel;
  if (!assets.initrd.empty() || !assets.image.empty()) {
    out.initrd.path = assets.initrd;
    out.image.path = assets.image;
  }
  out.kernel.hash = assets.kernel_sha256;
  out.initrd.hash = assets.initrd_sha256;
  out.image.hash = assets.image_sha256;
  if (!assets.kernel_params.empty()) {
    if (!out.kernel_params.empty()) out.kernel_params += ' ';
    out.kernel_params += assets.kernel_params;
  }
  return out;
}

Status CheckHashes(const BootFiles& files) {
  SHOJI_RETURN_IF_ERROR(CheckHash("kernel", files.kernel));
  SHOJI_RETURN_IF_ERROR(CheckHash("initrd", files.initrd));
  return CheckHash("image", files.image);
}

}  // namespace shoji
