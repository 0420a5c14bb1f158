// Steps that bring a device into a VM, each with its undo.
//
// Purpose  One description for both ways: commands of the monitor for a VM that runs, arguments
//          for one that is to be started.
// Threads  Like an int.
// Example
//     Plan plan;
//     plan.Add("object-add", object, "object-del", R"({"id":"t-disk"})");
//     SHOJI_RETURN_IF_ERROR(RunPlan(qmp, plan, limit));
#ifndef SHOJI_HYPERVISORS_QEMU_PLAN_H_
#define SHOJI_HYPERVISORS_QEMU_PLAN_H_

#include <string>
#include <utility>
#include <vector>

#include "shoji/qmp/client.h"
#include "shoji/status.h"

namespace shoji::qemu {

struct Step {
  std::string command;
  std::string arguments;  // JSON object
  std::string undo;       // command; empty: none
  std::string undo_arguments;
  int fd = -1;  // travels with the command; borrowed
};

class Plan {
 public:
  // Descriptors go over the monitor.
  Plan() = default;
  // They are inherited by the process that will be started: from `first_fd` on.
  explicit Plan(int first_fd) : next_fd_(first_fd) {}

  void Add(std::string command, std::string arguments, std::string undo = {},
           std::string undo_arguments = {});
  // How QEMU calls a descriptor of ours.
  std::string UseFd(int fd, const std::string& name);

  const std::vector<Step>& steps() const { return steps_; }
  // Descriptor here, number in the process.
  const std::vector<std::pair<int, int>>& inherited() const { return inherited_; }

 private:
  int next_fd_ = -1;
  std::vector<Step> steps_;
  std::vector<std::pair<int, int>> inherited_;
};

// Runs all steps, or undoes what it did; the error is that of the step that failed.
Status RunPlan(QmpClient& qmp, const Plan& plan, const QmpLimit& limit);

// The plan as arguments of QEMU.
Result<std::vector<std::string>> PlanArgs(const Plan& plan);

// True of an error that says nothing about whether QEMU will carry out the command.
bool IsOpen(const Status& status);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_PLAN_H_
