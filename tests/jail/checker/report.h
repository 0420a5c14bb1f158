// What the checker found, one line a point: "ok NAME", "not ok NAME: saw X, spec says Y",
// "skip NAME: why".
#ifndef SHOJI_TESTS_JAIL_CHECKER_REPORT_H_
#define SHOJI_TESTS_JAIL_CHECKER_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace checker {

using Json = nlohmann::json;

// The specification, and what whoever started the container told of the outside:
// {"ns": {"mnt": inode, ...}, "joined": {path: inode}, "sources": {destination: "dev:ino"}}.
struct Input {
  Json spec;
  Json outside;
  Json At(const char* pointer) const;  // null when it is not there
};

class Report {
 public:
  void Check(const std::string& name, const std::string& saw, const std::string& says);
  void Check(const std::string& name, std::int64_t saw, std::int64_t says);
  void Check(const std::string& name, bool good, const std::string& saw, const std::string& says);
  static void Skip(const std::string& name, const std::string& why);
  bool good() const { return good_; }

 private:
  bool good_ = true;
};

std::string ReadText(const std::string& path);  // "" when it cannot be read
std::string FirstLine(const std::string& path);
std::vector<std::string> Split(const std::string& text, char by);
std::string StatusField(const std::string& name);  // of /proc/self/status
std::string Octal(unsigned mode);

// The subjects.
void CheckProcess(const Input& in, Report* report);
void CheckScheduling(const Input& in, Report* report);
void CheckMounts(const Input& in, Report* report);
void CheckPaths(const Input& in, Report* report);
void CheckDevices(const Input& in, Report* report);
void CheckNamespaces(const Input& in, Report* report);
void CheckSeccomp(const Input& in, Report* report);
void CheckCgroup(const Input& in, Report* report);

}  // namespace checker

#endif  // SHOJI_TESTS_JAIL_CHECKER_REPORT_H_
