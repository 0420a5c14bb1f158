#include "plugin/secrets.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxSecret = std::size_t{64} << 10U;

// What follows `word` in `text`; false when it begins otherwise.
bool TakeWord(std::string_view word, std::string_view& text) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

Result<Secret> Checked(std::string_view text, const std::string& what) {
  if (text.size() > kMaxSecret) return InvalidArgument(what + " is longer than 64 KiB");
  return Secret(std::string(text));
}

Result<Secret> FromFile(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return InvalidArgument("file of a secret \"" + path + "\" is not an absolute path");
  }
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return ErrnoStatus(errno, "cannot open the secret " + path);
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "cannot stat the secret " + path);
  if (!S_ISREG(st.st_mode)) return InvalidArgument("secret " + path + " is not a regular file");
  if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return PermissionDenied("others than its owner may use the secret " + path +
                            "; run chmod go= on it");
  }
  if (st.st_size > static_cast<off_t>(kMaxSecret) + 2) {
    return InvalidArgument("secret " + path + " is longer than 64 KiB");
  }
  SHOJI_ASSIGN_OR_RETURN(std::string bytes, ReadAll(fd.get(), kMaxSecret + 2));
  const Secret whole(std::move(bytes));
  std::string_view text = whole.text();
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return Checked(text, "secret " + path);
}

}  // namespace

void Secret::Wipe() {
  text_.resize(text_.capacity());  // short ones stay in the object when they are moved
  explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  text_ = std::move(other.text_);
  other.Wipe();
  return *this;
}

Result<Secret> ReadSecret(std::string_view reference) {
  if (TakeWord("file:", reference)) return FromFile(std::string(reference));
  if (TakeWord("env:", reference)) {
    const std::string name(reference);
    const char* value = getenv(name.c_str());
    if (value != nullptr) return Checked(value, "environment variable " + name);
    return NotFound("environment variable " + name + ", which should hold a secret, is not set");
  }
  (void)TakeWord("text:", reference);
  return Checked(reference, "the secret");
}

}  // namespace shoji
