#include "plugin/file_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10U;
constexpr off_t kMaxFile = off_t{1} << 30U;

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

// By pread, so that the position of the descriptor does not matter.
Status ReadPieces(int file, const std::function<Status(std::string_view)>& take) {
  std::string piece(kPiece, '\0');
  for (off_t at = 0;;) {
    const ssize_t n = pread(file, piece.data(), piece.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read the file");
    if (n == 0) return OkStatus();
    at += n;
    if (at > kMaxFile) return ResourceExhausted("the file is larger than 1 GiB");
    SHOJI_RETURN_IF_ERROR(take({piece.data(), static_cast<std::size_t>(n)}));
  }
}

// Newer kernels may be told to allow no execution of memory files that do not ask for it;
// older ones do not know how to ask.
int NewMemoryFile() {
  const int fd = memfd_create("shoji-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd >= 0 || errno != EINVAL) return fd;
  return memfd_create("shoji-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

}  // namespace

Result<UniqueFd> ReadIntoSealedCopy(int file, const std::function<void(std::string_view)>& take) {
  UniqueFd copy(NewMemoryFile());
  if (!copy) return ErrnoStatus(errno, "cannot make a file in memory");
  SHOJI_RETURN_IF_ERROR(ReadPieces(file, [&](std::string_view bytes) {
    take(bytes);
    return WriteAll(copy.get(), bytes);
  }));
  if (fcntl(copy.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
      0) {
    return ErrnoStatus(errno, "cannot seal a file in memory");
  }
  return copy;
}

Result<UniqueFd> ReadFixed(UniqueFd file, const std::function<void(std::string_view)>& take) {
  struct stat st {};
  if (fstat(file.get(), &st) < 0) return ErrnoStatus(errno, "cannot stat the file");
  if (st.st_uid != 0) return ReadIntoSealedCopy(file.get(), take);
  SHOJI_RETURN_IF_ERROR(ReadPieces(file.get(), [&](std::string_view bytes) {
    take(bytes);
    return OkStatus();
  }));
  return file;
}

}  // namespace shoji
