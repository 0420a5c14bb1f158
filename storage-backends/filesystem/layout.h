// Keys as paths.
//
// Purpose  "sandbox/web" is the file "sandbox/web=". A directory has the name of its key
//          component, a record that name and '=', so that the keys "a" and "a/b" can both
//          exist. Bytes other than A-Z a-z 0-9 _ - . are %XX, and so is a '.' in front:
//          names that begin with a dot are the store's own. A name longer than the file
//          system takes goes on below a directory that ends in '+'.
// Threads  Safe, no state.
// Example  PathOfKey("a/b c") == "a/b%20c="
#ifndef SHOJI_FILESYSTEM_LAYOUT_H_
#define SHOJI_FILESYSTEM_LAYOUT_H_

#include <optional>
#include <string>
#include <string_view>

namespace shoji::filesystem {

// REQUIRES: a valid key.
std::string PathOfKey(std::string_view key);

// A name in the tree, as part of a key: what it adds, and whether it is a record.
struct NamePart {
  std::string text;  // "web", "web/" (directory), or "web" (cut, goes on)
  bool record = false;
};
// Nothing for names this store does not make.
std::optional<NamePart> ParseName(std::string_view name);

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_LAYOUT_H_
