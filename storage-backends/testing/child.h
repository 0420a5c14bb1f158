// Children of a test program: the program itself, started anew with a role.
//
// Purpose  exec gives a child without the threads and handles of the parent, and with a store
//          opened as by a process of its own.
// Threads  Safe.
// Example
//     EXPECT_EQ(RunRole("disk-full", {dir}), "");
#ifndef SHOJI_STORE_TESTING_CHILD_H_
#define SHOJI_STORE_TESTING_CHILD_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"
#include "store_suite.h"

namespace shoji::store_testing {

// Plays a part; returns what went wrong, empty for nothing. kSkipped and a reason when the
// machine does not let it.
using Role = std::function<std::string(const Subject&, const std::vector<std::string>& args)>;
inline constexpr char kSkipped[] = "SKIPPED: ";

// The roles of all parts, by name.
std::map<std::string, Role> AllRoles();

// In main(): plays the role the arguments name and gives the exit status; -1 when they name none.
int PlayRole(int argc, char** argv, const Subject& subject);

// A child whose input ends when `start` is closed, and whose output is read from `out`.
struct RunningRole {
  Child child;
  UniqueFd start;
  UniqueFd out;
};
// Fails the test and gives a child without pid when it cannot be started.
RunningRole StartRole(const std::string& role, const std::vector<std::string>& args);

// Lets it start, waits for its end: what it wrote, and how it died if it did.
std::string FinishRole(RunningRole* running);

// Both.
std::string RunRole(const std::string& role, const std::vector<std::string>& args);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_CHILD_H_
