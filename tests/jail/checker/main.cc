// Runs as a container's process and compares what it sees with the container's own
// specification, point by point. Knows nothing of how the container was made.
//
//   /check/spec.json     the specification
//   /check/outside.json  what it cannot know from inside (see report.h); may be missing
// Exit code 1 when any point differs, 2 when it could not read its input.
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>

#include "report.h"

namespace checker {

Json Input::At(const char* pointer) const {
  const Json::json_pointer at(pointer);
  return spec.contains(at) ? spec.at(at) : Json();
}

void Report::Check(const std::string& name, bool good, const std::string& saw,
                   const std::string& says) {
  if (good) {
    std::printf("ok %s\n", name.c_str());
    return;
  }
  good_ = false;
  std::printf("not ok %s: saw %s, spec says %s\n", name.c_str(), saw.c_str(), says.c_str());
}

void Report::Check(const std::string& name, const std::string& saw, const std::string& says) {
  Check(name, saw == says, "\"" + saw + "\"", "\"" + says + "\"");
}

void Report::Check(const std::string& name, std::int64_t saw, std::int64_t says) {
  Check(name, saw == says, std::to_string(saw), std::to_string(says));
}

void Report::Skip(const std::string& name, const std::string& why) {
  std::printf("skip %s: %s\n", name.c_str(), why.c_str());
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string FirstLine(const std::string& path) {
  const std::string text = ReadText(path);
  return text.substr(0, text.find('\n'));
}

std::vector<std::string> Split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream in(text);
  while (std::getline(in, part, by)) parts.push_back(part);
  return parts;
}

std::string StatusField(const std::string& name) {
  for (const std::string& line : Split(ReadText("/proc/self/status"), '\n')) {
    if (line.compare(0, name.size() + 2, name + ":\t") == 0) return line.substr(name.size() + 2);
  }
  return "";
}

std::string Octal(unsigned mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

namespace {

Json Parse(const std::string& path) { return Json::parse(ReadText(path)); }

int Run() {
  Input in;
  in.spec = Parse("/check/spec.json");
  in.outside =
      ReadText("/check/outside.json").empty() ? Json::object() : Parse("/check/outside.json");
  Report report;
  CheckProcess(in, &report);
  CheckScheduling(in, &report);
  CheckMounts(in, &report);
  CheckPaths(in, &report);
  CheckDevices(in, &report);
  CheckNamespaces(in, &report);
  CheckSeccomp(in, &report);
  CheckCgroup(in, &report);
  std::printf("end\n");
  return report.good() ? 0 : 1;
}

}  // namespace
}  // namespace checker

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return checker::Run();
  } catch (const std::exception& e) {
    std::printf("not ok checker: %s\n", e.what());
    return 2;
  }
}
