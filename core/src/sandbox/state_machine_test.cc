// Every operation of the API in every state: result, and the record afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "shoji/spawn/spawn.h"
#include "testing/pod_test.h"

namespace shoji {
namespace {

using ::testing::HasSubstr;
using Code = StatusCode;

enum class Situation { kReady, kRunning, kPaused, kStopped, kVmDied, kDeleted };
constexpr std::size_t kSituations = 6;
constexpr const char* kSituationNames[kSituations] = {"ready",   "running", "paused",
                                                      "stopped", "VM died", "deleted"};

constexpr Code kOk = Code::kOk;
constexpr Code kWrong = Code::kFailedPrecondition;
constexpr Code kGone = Code::kUnavailable;
constexpr Code kNone = Code::kNotFound;
constexpr Code kTaken = Code::kAlreadyExists;

struct World {
  Management& management;
  SandboxObject& pod;
  testing::FakeWorld& fake;
  std::string dir;        // for snapshots
  SandboxConfig config;   // the pod's own
  ContainerConfig extra;  // a container it has not
};
using Operation = std::function<Status(World&)>;

struct Row {
  const char* name;  // in sandbox.h or runtime.h
  Operation run;
  Code expected[kSituations];
  // The state of the sandbox afterwards, where it changes: "" where not.
  const char* after[kSituations];
};

#define SAME \
  { "", "", "", "", "", "" }

Cmd Shell() {
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  return cmd;
}

// Of sandboxes. A VM that died shows as stopped, and what needs the guest says UNAVAILABLE or
// names the state.
const Row kSandboxRows[] = {
    {"CreateSandbox",
     [](World& w) { return w.management.Create(w.config).status(); },
     {kTaken, kTaken, kTaken, kTaken, kTaken, kOk},
     {"", "", "", "", "", "ready"}},
    {"RunSandbox",
     [](World& w) { return w.management.Run(w.config).status(); },
     {kTaken, kTaken, kTaken, kTaken, kTaken, kOk},
     {"", "", "", "", "", "running"}},
    {"FetchSandbox",
     [](World& w) { return w.management.Fetch("pod").status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"ListSandboxes",
     [](World& w) { return w.management.List().status(); },
     {kOk, kOk, kOk, kOk, kOk, kOk},
     SAME},
    {"StatusSandbox",
     [](World& w) { return w.management.GetStatus("pod").status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"StartSandbox",
     [](World& w) { return w.management.Start("pod").status(); },
     {kOk, kWrong, kWrong, kOk, kOk, kNone},
     {"running", "", "", "running", "running", ""}},
    {"StopSandbox",
     [](World& w) { return w.management.Stop("pod", false); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     {"stopped", "stopped", "stopped", "", "", ""}},
    {"DeleteSandbox",
     [](World& w) { return w.management.Delete("pod"); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     {"deleted", "deleted", "deleted", "deleted", "deleted", ""}},
    {"RestoreSandbox",
     [](World& w) { return w.management.Restore("pod", w.dir + "/none").status(); },
     {Code::kDataLoss, Code::kDataLoss, Code::kDataLoss, Code::kDataLoss, Code::kDataLoss,
      Code::kDataLoss},
     SAME},
    {"ListContainers",
     [](World& w) { return w.management.ListContainers().status(); },
     {kOk, kOk, kOk, kOk, kOk, kOk},
     SAME},
    {"SandboxOfContainer",
     [](World& w) { return w.management.SandboxOf("one").status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"CollectGarbage",
     [](World& w) { return w.management.CollectGarbage(true).status(); },
     {kOk, kOk, kOk, kOk, kOk, kOk},
     SAME},
    {"Start",
     [](World& w) { return w.pod.Start(); },
     {kOk, kWrong, kWrong, kOk, kOk, kNone},
     {"running", "", "", "running", "running", ""}},
    {"Stop",
     [](World& w) { return w.pod.Stop(true); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     {"stopped", "stopped", "stopped", "", "", ""}},
    {"Delete",
     [](World& w) { return w.pod.Delete(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     {"deleted", "deleted", "deleted", "deleted", "deleted", ""}},
    {"Release", [](World& w) { return w.pod.Release(); }, {kOk, kOk, kOk, kOk, kOk, kNone}, SAME},
    {"GetStatus",
     [](World& w) { return w.management.GetStatus("pod").status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"Stats",
     [](World& w) { return w.pod.Stats().status(); },
     {kOk, kOk, kOk, kGone, kGone, kNone},
     SAME},
    {"Monitor",
     [](World& w) { return w.pod.Monitor().status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"Pause",
     [](World& w) { return w.pod.Pause(); },
     {kWrong, kOk, kWrong, kWrong, kWrong, kNone},
     {"", "paused", "", "", "", ""}},
    {"Resume",
     [](World& w) { return w.pod.Resume(); },
     {kWrong, kWrong, kOk, kWrong, kWrong, kNone},
     {"", "", "running", "", "", ""}},
    {"Save",
     [](World& w) { return w.pod.Save(w.dir + "/snapshot"); },
     {kWrong, kOk, kOk, kWrong, kWrong, kNone},
     SAME},
    {"CreateContainer",
     [](World& w) { return w.pod.CreateContainer(w.extra).status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    // Container "one" is as the sandbox is: ready or running.
    {"DeleteContainer",
     [](World& w) { return w.pod.DeleteContainer("one"); },
     {kOk, kWrong, kWrong, kOk, kOk, kNone},
     SAME},
    {"StartContainer",
     [](World& w) { return w.pod.StartContainer("one"); },
     {kWrong, kWrong, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"StopContainer",
     [](World& w) { return w.pod.StopContainer("one", false); },
     {kOk, kOk, kWrong, kOk, kOk, kNone},
     SAME},
    {"EnterContainer",
     [](World& w) { return w.pod.EnterContainer("one", Shell()).status(); },
     {kWrong, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"KillContainer",
     [](World& w) { return w.pod.KillContainer("one", SIGTERM, false); },
     {kOk, kOk, kWrong, kOk, kGone, kNone},
     SAME},
    {"StatusContainer",
     [](World& w) { return w.pod.StatusContainer("one").status(); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"PauseContainer",
     [](World& w) { return w.pod.PauseContainer("one"); },
     {kWrong, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"ResumeContainer",
     [](World& w) { return w.pod.ResumeContainer("one"); },
     {kWrong, kWrong, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"StatsContainer",
     [](World& w) { return w.pod.StatsContainer("one").status(); },
     {kWrong, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"ProcessListContainer",
     [](World& w) { return w.pod.ProcessListContainer("one", "json", {}).status(); },
     {kWrong, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"WaitProcess",
     [](World& w) {
       w.fake.EndProcess("one", "one");
       return w.pod.WaitProcess({"one", "one"}).status();
     },
     {kOk, kOk, kOk, kWrong, kGone, kNone},
     SAME},
    {"SignalProcess",
     [](World& w) {
       return w.pod.SignalOne({"one", "one"}, SIGTERM);
     },
     {kOk, kOk, kWrong, kWrong, kGone, kNone},
     SAME},
    {"WinsizeProcess",
     [](World& w) {
       return w.pod.WinsizeProcess({"one", "one"}, 24, 80);
     },
     {kOk, kOk, kWrong, kWrong, kGone, kNone},
     SAME},
    {"IOStream",
     [](World& w) {
       return w.pod.IOStream({"one", "one"}).status();
     },
     {kOk, kOk, kOk, kWrong, kGone, kNone},
     SAME},
};

Resources Shares() {
  Resources out;
  out.cpu_shares = 512;
  return out;
}

InterfaceInfo Interface(const std::string& name) {
  InterfaceInfo out;
  out.name = name;
  return out;
}

DeviceInfo Disk(const std::string& dir, const std::string& id) {
  DeviceInfo out;
  out.id = id;
  out.host_path = dir + "/disk.img";
  return out;
}

StorageInfo Memory(const std::string& id) {
  StorageInfo out;
  out.id = id;
  out.kind = StorageInfo::Kind::kMemory;
  return out;
}

// Of a sandbox that has the disk "disk", the directory "files" and the interface "eth0". What is
// not there any more can be removed from a record; nothing can be added to a guest that is paused
// or gone.
const Row kAttachedRows[] = {
    {"UpdateContainer",
     [](World& w) { return w.pod.UpdateContainer("one", Shares()); },
     {kOk, kOk, kWrong, kOk, kOk, kNone},
     SAME},
    {"AddDevice",
     [](World& w) { return w.pod.AddDevice(Disk(w.dir, "more")).status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"RemoveDevice",
     [](World& w) { return w.pod.RemoveDevice("disk"); },
     {kOk, kOk, kWrong, kOk, kOk, kNone},
     SAME},
    {"LimitDevice",
     [](World& w) {
       return w.pod.LimitDevice("disk", DiskLimits{1000, 0, 0, 0, 0});
     },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"AddStorage",
     [](World& w) { return w.pod.AddStorage(Memory("more")).status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"RemoveStorage",
     [](World& w) { return w.pod.RemoveStorage("files"); },
     {kOk, kOk, kOk, kOk, kOk, kNone},
     SAME},
    {"AddInterface",
     [](World& w) { return w.pod.AddInterface(Interface("eth1")).status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"RemoveInterface",
     [](World& w) { return w.pod.RemoveInterface("eth0"); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"LimitInterface",
     [](World& w) {
       return w.pod.LimitInterface("eth0", InterfaceLimits{1000, 0, 0, 0, 0, 0});
     },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"ListInterfaces",
     [](World& w) { return w.pod.ListInterfaces().status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"UpdateRoutes",
     [](World& w) {
       return w.pod.UpdateRoutes({{"", "10.0.0.1", "eth0", "", 0}}).status();
     },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
    {"ListRoutes",
     [](World& w) { return w.pod.ListRoutes().status(); },
     {kOk, kOk, kWrong, kWrong, kWrong, kNone},
     SAME},
};

// Without a sandbox, or the same in any state.
const std::set<std::string> kElsewhere = {
    "Create",        "Plugins",      "Options",         "CheckPlugin", "Metrics",
    "Option",        "LoadPlugin",   "CheckHypervisor", "GuestAssets", "PrepareFactory",
    "FactoryStatus", "ServeFactory", "DestroyFactory",  "ShimPid",     "ContainersBeingMade"};

class StateMachineTest : public testing::PodTest {
 protected:
  // With a disk, a directory and a network.
  SandboxConfig Attached() {
    EXPECT_TRUE(WriteFile(dir_.path() + "/disk.img", "disk").ok());
    EXPECT_TRUE(MakeDirs(dir_.path() + "/files").ok());
    SandboxConfig config = Pod();
    config.devices = {Disk(dir_.path(), "disk")};
    StorageInfo files;
    files.id = "files";
    files.source = dir_.path() + "/files";
    config.storages = {files};
    config.network.netns = "/run/netns/pod";
    return config;
  }
  std::string FullState() {
    const auto status = management_.GetStatus("pod");
    if (status.status().code() == Code::kNotFound) return "deleted";
    return status.ok() ? std::string(StateName(status->state)) : status.status().message();
  }

  // A new pod in this situation.
  std::shared_ptr<SandboxObject> Bring(Situation situation, const SandboxConfig& config) {
    const bool ready = situation == Situation::kReady;
    auto pod = ready ? management_.Create(config) : management_.Run(config);
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    Status status;
    if (situation == Situation::kPaused) status = (*pod)->Pause();
    if (situation == Situation::kStopped) status = (*pod)->Stop(true);
    if (situation == Situation::kDeleted) status = (*pod)->Delete();
    if (situation == Situation::kVmDied) KillVm();
    EXPECT_TRUE(status.ok()) << status.message();
    return *pod;
  }
  void KillVm() {
    const auto status = management_.GetStatus("pod");
    ASSERT_EQ(status->vm_pids.size(), 1U);
    const auto end = OpenPidfd(status->vm_pids[0]);
    ASSERT_TRUE(end.ok());
    kill(status->vm_pids[0], SIGKILL);
    pollfd item = {end->get(), POLLIN, 0};
    ASSERT_EQ(poll(&item, 1, 10'000), 1);
  }
  void CleanUp() {
    const Status deleted = management_.Delete("pod");
    EXPECT_TRUE(deleted.ok() || deleted.code() == Code::kNotFound) << deleted.message();
    EXPECT_TRUE(RemoveTree(dir_.path() + "/snapshot").ok());
    context_->ForgetAll();
    EXPECT_EQ(world_.machine().Joined(), 0);
    EXPECT_EQ(world_.Live("link"), 0);
  }
  void Check(const Row& row, std::size_t situation, const SandboxConfig& config) {
    SCOPED_TRACE(std::string(row.name) + " when " + kSituationNames[situation]);
    const auto pod = Bring(static_cast<Situation>(situation), config);
    const std::string before = FullState();
    World world = MakeWorld(*pod);
    const Status status = row.run(world);
    const Code expected = row.expected[situation];
    EXPECT_EQ(StatusCodeName(status.code()), StatusCodeName(expected)) << status.message();
    const std::string changed = row.after[situation];
    EXPECT_EQ(FullState(), changed.empty() ? before : changed);
    if (status.code() == kWrong) {
      EXPECT_THAT(status.message(), HasSubstr(before));
    }
    CleanUp();
  }
  World MakeWorld(SandboxObject& pod) {
    return {management_, pod, world_, dir_.path(), Pod(), Container("three")};
  }
};

// Both the state it is in and the one it should be in.
void ExpectBothStates(const Status& status, const std::string& actual) {
  static const char* const kStates[] = {"ready", "running", "paused", "stopped"};
  EXPECT_THAT(status.message(), HasSubstr(actual));
  const auto named = std::count_if(std::begin(kStates), std::end(kStates), [&](const char* state) {
    return status.message().find(state) != std::string::npos;
  });
  EXPECT_GE(named, status.message().find("running to running") != std::string::npos ? 1 : 2)
      << status.message();
}

TEST_F(StateMachineTest, EveryOperationInEveryStateOfTheSandbox) {
  for (const Row& row : kSandboxRows) {
    for (std::size_t i = 0; i < kSituations; ++i) Check(row, i, Pod());
  }
  ExpectNothingLeft();
}

TEST_F(StateMachineTest, WhatIsAttachedInEveryStateOfTheSandbox) {
  const SandboxConfig config = Attached();
  for (const Row& row : kAttachedRows) {
    for (std::size_t i = 0; i < kSituations; ++i) Check(row, i, config);
  }
  ExpectNothingLeft();
}

// ---- states of a container, in a sandbox that runs -------------------------------------

struct ContainerRow {
  const char* name;
  std::function<Status(SandboxObject&)> run;
  Code expected[4];  // ready, running, paused, stopped
  const char* after[4];
};

const ContainerRow kContainerRows[] = {
    {"StartContainer",
     [](SandboxObject& pod) { return pod.StartContainer("one"); },
     {kOk, kWrong, kWrong, kOk},
     {"running", "", "", "running"}},
    {"StopContainer",
     [](SandboxObject& pod) { return pod.StopContainer("one", false); },
     {kOk, kOk, kOk, kOk},
     {"stopped", "stopped", "stopped", ""}},
    {"DeleteContainer",
     [](SandboxObject& pod) { return pod.DeleteContainer("one"); },
     {kOk, kWrong, kWrong, kOk},
     {"none", "", "", "none"}},
    {"EnterContainer",
     [](SandboxObject& pod) { return pod.EnterContainer("one", Shell()).status(); },
     {kWrong, kOk, kWrong, kWrong},
     {"", "", "", ""}},
    {"PauseContainer",
     [](SandboxObject& pod) { return pod.PauseContainer("one"); },
     {kWrong, kOk, kWrong, kWrong},
     {"", "paused", "", ""}},
    {"ResumeContainer",
     [](SandboxObject& pod) { return pod.ResumeContainer("one"); },
     {kWrong, kWrong, kOk, kWrong},
     {"", "", "running", ""}},
    {"StatsContainer",
     [](SandboxObject& pod) { return pod.StatsContainer("one").status(); },
     {kWrong, kOk, kOk, kWrong},
     {"", "", "", ""}},
    {"ProcessListContainer",
     [](SandboxObject& pod) { return pod.ProcessListContainer("one", "json", {}).status(); },
     {kWrong, kOk, kOk, kWrong},
     {"", "", "", ""}},
    {"StatusContainer",
     [](SandboxObject& pod) { return pod.StatusContainer("one").status(); },
     {kOk, kOk, kOk, kOk},
     {"", "", "", ""}},
    {"KillContainer",
     [](SandboxObject& pod) { return pod.KillContainer("one", SIGTERM, true); },
     {kOk, kOk, kOk, kOk},
     {"", "", "", ""}},
    {"UpdateContainer",
     [](SandboxObject& pod) { return pod.UpdateContainer("one", Shares()); },
     {kOk, kOk, kOk, kOk},
     {"", "", "", ""}},
};

TEST_F(StateMachineTest, EveryOperationInEveryStateOfAContainer) {
  const char* const names[] = {"ready", "running", "paused", "stopped"};
  for (const ContainerRow& row : kContainerRows) {
    for (std::size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(std::string(row.name) + " of a container that is " + names[i]);
      SandboxConfig config = Pod();
      config.containers = {Container("two")};
      const auto pod = management_.Run(config);
      ASSERT_TRUE(pod.ok()) << pod.status().message();
      Status status = (*pod)->CreateContainer(Container("one")).status();
      if (i == 1 || i == 2) status = (*pod)->StartContainer("one");
      if (i == 2) status = (*pod)->PauseContainer("one");
      if (i == 3) status = (*pod)->StopContainer("one", true);
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(StateName(StateOf("one")), names[i]);
      status = row.run(**pod);
      EXPECT_EQ(StatusCodeName(status.code()), StatusCodeName(row.expected[i])) << status.message();
      if (status.code() == kWrong) ExpectBothStates(status, names[i]);
      const auto after = (*pod)->StatusContainer("one");
      const std::string expected = row.after[i][0] != '\0' ? row.after[i] : names[i];
      EXPECT_EQ(after.ok() ? std::string(StateName(after->state)) : "none", expected);
      CleanUp();
    }
  }
  ExpectNothingLeft();
}

// ---- nothing is forgotten --------------------------------------------------------------

// The functions that a class of a public header offers.
std::set<std::string> Functions(const std::string& header, const std::string& class_name) {
  const auto text = ReadFile(std::string(SHOJI_INCLUDE_DIR) + "/shoji/" + header);
  EXPECT_TRUE(text.ok()) << text.status().message();
  const std::size_t begin = text->find("\nclass SHOJI_API " + class_name + " {");
  EXPECT_NE(begin, std::string::npos) << class_name;
  const std::size_t end = text->find("\n private:", begin);
  EXPECT_NE(end, std::string::npos);
  std::istringstream lines(text->substr(begin, end - begin));
  const std::regex function(R"(^  [A-Za-z].*?[ >]([A-Z][A-Za-z]*)\()");
  std::set<std::string> out;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, function) && match[1] != class_name) out.insert(match[1]);
  }
  return out;
}

TEST(StateMachine, NoOperationIsForgotten) {
  std::set<std::string> rows = kElsewhere;
  for (const Row& row : kSandboxRows) rows.insert(row.name);
  for (const Row& row : kAttachedRows) rows.insert(row.name);
  std::set<std::string> offered = Functions("sandbox.h", "Sandbox");
  EXPECT_GT(offered.size(), 30U);
  offered.merge(Functions("runtime.h", "Runtime"));
  EXPECT_EQ(offered, rows) << "a new operation of the API needs a row in this file";
}

}  // namespace
}  // namespace shoji
