// The fields of the specification, each with a value that is not the default.
#ifndef SHOJI_TESTS_JAIL_FIELDS_H_
#define SHOJI_TESTS_JAIL_FIELDS_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace shoji::jail {

using Json = nlohmann::json;

struct Field {
  std::string name;
  // `dir` holds source/ (with a mount on source/sub), single and what mounts need.
  std::function<void(Json& spec, const std::string& dir)> set;
  std::string point;         // begins the checker's line that must change with the field
  bool alone = false;        // does not go with all the others in one specification
  std::string controller{};  // of the cgroup, without which the field cannot be tried
};

// As container engines write it.
Json BaseSpec(const std::string& rootfs, const std::string& dir);
const std::vector<Field>& Fields();

}  // namespace shoji::jail

#endif  // SHOJI_TESTS_JAIL_FIELDS_H_
