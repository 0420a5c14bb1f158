#include "plugin/library.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>
#include <exception>
#include <filesystem>

#include "plugin/error.h"
#include "shoji/base/errno.h"

namespace shoji {
namespace {

namespace dll = boost::dll;

// With RTLD_NODELETE the end of a shared_library object unloads nothing.
constexpr auto kMode =
    static_cast<dll::load_mode::type>(dll::load_mode::rtld_now | dll::load_mode::rtld_local |
                                      static_cast<dll::load_mode::type>(RTLD_NODELETE));

std::string Spell(std::uint64_t number) {
  std::string out;
  for (int i = 0; i < 64; ++i) out += ((number >> i) & 1U) != 0 ? "./" : "/";
  return out;
}

// The dynamic loader first looks for a loaded object of the same *name*, and descriptor
// numbers are used again. So the file's identity is spelled into the name, in slashes and
// dots that the kernel skips. It stays unique: what is loaded keeps its inode.
Result<std::string> NameFor(int fd, const std::string& path) {
  struct stat st {};
  if (fstat(fd, &st) < 0) return ErrnoStatus(errno, "cannot stat " + path);
  return "/proc/self/fd/" + Spell(st.st_dev) + Spell(st.st_ino) + std::to_string(fd);
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

}  // namespace

Result<Library> Library::Load(int fd, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const std::string name, NameFor(fd, path));
  try {
    // The form that throws: the other one loses dlerror()'s text.
    const dll::shared_library object(std::filesystem::path(name), kMode);
    Library library;
    library.open_ = &object.get<std::int32_t(const shoji_host*, shoji_plugin*, shoji_error*)>(
        SHOJI_PLUGIN_OPEN_SYMBOL);
    return library;
  } catch (const std::exception& e) {
    return FailedPrecondition("cannot load " + path + ": " +
                              OneLine(Replace(e.what(), name, path)));
  }
}

}  // namespace shoji
