#include "shoji/base/go_flags.h"

#include <optional>
#include <string_view>

namespace shoji {

namespace {

struct Flag {
  std::string name;
  std::optional<std::string> value;
};

// Nothing for a word that is no flag.
std::optional<Flag> FlagOf(std::string_view word) {
  if (!word.starts_with('-') || word == "-" || word == "--") return std::nullopt;
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Flag{std::string(word), std::nullopt};
  return Flag{std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

Result<bool> BoolOf(const Flag& flag) {
  const std::string text = flag.value.value_or("true");
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return InvalidArgument("-" + flag.name + " is \"" + text + "\"; write true or false");
}

}  // namespace

Status GoFlags::Parse(const std::vector<std::string>& arguments) const {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::optional<Flag> flag = FlagOf(arguments[i]);
    if (!flag) return InvalidArgument("\"" + arguments[i] + "\" is no flag; -help tells them");
    if (const auto it = bools_.find(flag->name); it != bools_.end()) {
      SHOJI_ASSIGN_OR_RETURN(*it->second, BoolOf(*flag));
      continue;
    }
    const auto it = texts_.find(flag->name);
    if (it == texts_.end()) {
      return InvalidArgument("flag -" + flag->name + " is not known; -help tells the flags");
    }
    if (!flag->value && ++i == arguments.size()) {
      return InvalidArgument("-" + flag->name + " needs a value");
    }
    *it->second = flag->value ? *flag->value : arguments[i];
  }
  return OkStatus();
}

}  // namespace shoji
