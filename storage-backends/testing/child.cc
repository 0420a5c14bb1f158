#include "child.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>

#include "bad_places.h"
#include "concurrency.h"
#include "crash.h"
#include "shoji/base/file.h"

namespace shoji::store_testing {
namespace {

constexpr char kFlag[] = "--store-child";
constexpr auto kPatience = std::chrono::seconds(100);

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe MakePipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0) << std::strerror(errno);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

std::map<std::string, Role> AllRoles() {
  std::map<std::string, Role> roles;
  AddCrashRoles(&roles);
  AddConcurrencyRoles(&roles);
  AddBadPlaceRoles(&roles);
  return roles;
}

int PlayRole(int argc, char** argv, const Subject& subject) {
  if (argc < 3 || std::strcmp(argv[1], kFlag) != 0) return -1;
  const std::map<std::string, Role> roles = AllRoles();
  const auto found = roles.find(argv[2]);
  if (found == roles.end()) return 2;
  const std::string problem = found->second(subject, {argv + 3, argv + argc});
  (void)WriteAll(STDOUT_FILENO, problem);
  return problem.empty() ? 0 : 1;
}

RunningRole StartRole(const std::string& role, const std::vector<std::string>& args) {
  Pipe start = MakePipe();
  Pipe out = MakePipe();
  SpawnOptions options;
  const Result<std::string> self = ExecutablePath();
  options.argv = {self.ok() ? *self : "", kFlag, role};
  options.argv.insert(options.argv.end(), args.begin(), args.end());
  options.fds = {{start.read.get(), 0}, {out.write.get(), 1}, {STDERR_FILENO, 2}};
  Result<Child> child = Spawn(options);
  EXPECT_TRUE(child.ok()) << child.status().message();
  if (!child.ok()) return {};
  return {std::move(*child), std::move(start.write), std::move(out.read)};
}

std::string FinishRole(RunningRole* running) {
  running->start.reset();
  const Result<std::string> output = ReadAll(running->out.get());
  const auto exit = running->child.Wait(Deadline::After(kPatience));
  if (!exit.ok()) {
    (void)running->child.Kill();
    return "the child does not end: " + exit.status().message();
  }
  const std::string said = output.ok() ? *output : output.status().message();
  if (said.empty() && (exit->code != 0 || exit->signal != 0)) return exit->ToString();
  return said;
}

std::string RunRole(const std::string& role, const std::vector<std::string>& args) {
  RunningRole running = StartRole(role, args);
  return FinishRole(&running);
}

}  // namespace shoji::store_testing
