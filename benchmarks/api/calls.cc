// The time of each call, and the stages of a sandbox in a VM.
#include <signal.h>

#include <map>

#include "bench.h"

namespace shoji::api_benchmark {
namespace {

constexpr const char* kIdle = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

using Times = std::map<std::string, std::vector<double>>;

void Time(Times& times, const std::string& name, const std::function<void()>& work) {
  times[name].push_back(MillisecondsOf(work));
}

void ContainerCalls(Sandbox& pod, Times& times) {
  Time(times, "CreateContainer",
       [&] { Need(pod.CreateContainer(World::Container("c", kIdle)).status()); });
  Time(times, "StartContainer", [&] { Need(pod.StartContainer("c")); });
  Time(times, "StatusContainer", [&] { Need(pod.StatusContainer("c").status()); });
  Time(times, "StatsContainer", [&] { Need(pod.StatsContainer("c").status()); });
  Time(times, "ProcessListContainer", [&] { Need(pod.ProcessListContainer("c").status()); });
  Cmd cmd;
  cmd.args = {"/bin/true"};
  std::string process;
  Time(times, "EnterContainer", [&] { process = Need(pod.EnterContainer("c", cmd)); });
  Time(times, "WaitProcess (true)", [&] { Need(pod.WaitProcess("c", process).status()); });
  Time(times, "PauseContainer", [&] { Need(pod.PauseContainer("c")); });
  Time(times, "ResumeContainer", [&] { Need(pod.ResumeContainer("c")); });
  // Nothing is asked for: the control groups of the machine may have no controllers.
  Time(times, "UpdateContainer", [&] { Need(pod.UpdateContainer("c", Resources())); });
  Time(times, "StopContainer", [&] { Need(pod.StopContainer("c", true)); });
  Time(times, "DeleteContainer", [&] { Need(pod.DeleteContainer("c")); });
}

}  // namespace

void MeasureCalls(const std::string& hypervisor, int runs) {
  World world(hypervisor);
  Times times;
  for (int i = 0; i < runs; ++i) {
    std::shared_ptr<Sandbox> pod;
    Time(times, "CreateSandbox", [&] {
      pod = Need(world.runtime().CreateSandbox(World::Pod("pod", {World::Container("a", kIdle)})));
    });
    Time(times, "Start", [&] { Need(pod->Start()); });
    Time(times, "StatusSandbox", [&] { Need(world.runtime().StatusSandbox("pod").status()); });
    ContainerCalls(*pod, times);
    Time(times, "Pause", [&] { Need(pod->Pause()); });
    Time(times, "Resume", [&] { Need(pod->Resume()); });
    Time(times, "Stop", [&] { Need(pod->Stop(true)); });
    Time(times, "Delete", [&] { Need(pod->Delete()); });
  }
  printf("\nCalls on %s                  median ms  least ms   runs\n", hypervisor.c_str());
  for (const auto& [name, ms] : times) PrintRow(name, ms);
}

void MeasureStages(int runs) {
  Times times;
  World world("qemu", [&](const Span& span) {
    times[span.name].push_back(static_cast<double>(span.end_ns - span.begin_ns) / 1e6);
  });
  for (int i = 0; i < runs; ++i) {
    auto pod = Need(world.runtime().CreateSandbox(World::Pod("pod")));
    Need(pod->Delete());
  }
  printf("\nStages of a sandbox in QEMU  median ms  least ms   runs\n");
  for (const auto& [name, ms] : times) PrintRow(name, ms);
}

}  // namespace shoji::api_benchmark
