// The operations of the fault matrix: how the world must be before, and what is done to it.
//
// Threads  One.
// Example  const Operation& op = FindOperation("stop");  op.prepare(runtime);  op.run(runtime);
#ifndef SHOJI_TESTS_FAULTS_OPERATIONS_H_
#define SHOJI_TESTS_FAULTS_OPERATIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "bed.h"

namespace shoji::fault_test {

struct Operation {
  std::string name;
  // Makes what the operation needs. `files`: a directory for disks.
  std::function<Status(Runtime& runtime, const std::string& files)> prepare;
  std::function<Status(Runtime& runtime, const std::string& files)> run;
  bool leaves_sandbox;  // whether there is one after it, when nothing goes wrong
  // The hypervisor's slots that it needs, in the names of the script of hypervisor "mock", and
  // those it can do without: then it is done all the same.
  std::vector<std::string> slots;
  std::vector<std::string> spare_slots;
};

const std::vector<Operation>& Operations();
const Operation& FindOperation(const std::string& name);

inline constexpr const char* kPod = "pod";

}  // namespace shoji::fault_test

#endif  // SHOJI_TESTS_FAULTS_OPERATIONS_H_
