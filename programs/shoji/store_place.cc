#include "store_place.h"

#include <algorithm>

namespace shoji::cli {

Result<StorePlace> PlaceOf(const std::string& id, const std::vector<std::string>& options) {
  StorePlace place;
  place.id = id;
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return InvalidArgument(
          "option \"" + option +
          "\" of the store is not of the form NAME=VALUE, e.g. path=/srv/records");
    }
    place.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  return place;
}

std::string Printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

std::string Counted(std::size_t count, const std::string& noun) {
  const std::string plural = noun == "sandbox" ? "sandboxes" : noun + "s";
  return std::to_string(count) + " " + (count == 1 ? noun : plural);
}

}  // namespace shoji::cli
