// What grows with numbers: devices side by side, records, memory per sandbox.
#include <fstream>
#include <future>

#include "bench.h"

namespace shoji::api_benchmark {
namespace {

constexpr int kDevices = 4;

std::size_t PssKib() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Pss:", 0) == 0) return std::stoul(line.substr(4));
  }
  return 0;
}

DeviceInfo Disk(const World& world, int i) {
  DeviceInfo device;
  device.id = "d" + std::to_string(i);
  device.host_path = world.Image(device.id);
  return device;
}

}  // namespace

void MeasureDevices(const std::string& hypervisor, int runs) {
  World world(hypervisor);
  auto pod = Need(world.runtime().RunSandbox(World::Pod("pod")));
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < kDevices; ++i) devices.push_back(Disk(world, i));
  const auto remove = [&] {
    for (const DeviceInfo& device : devices) Need(pod->RemoveDevice(device.id));
  };
  std::vector<double> serial;
  std::vector<double> parallel;
  for (int i = 0; i < runs; ++i) {
    serial.push_back(MillisecondsOf([&] {
      for (const DeviceInfo& device : devices) Need(pod->AddDevice(device).status());
    }));
    remove();
    parallel.push_back(MillisecondsOf([&] {
      std::vector<std::future<Status>> added;
      for (const DeviceInfo& device : devices) {
        added.push_back(
            std::async(std::launch::async, [&] { return pod->AddDevice(device).status(); }));
      }
      for (auto& each : added) Need(each.get());
    }));
    remove();
  }
  printf("\n%d devices on %s           median ms  least ms   runs\n", kDevices, hypervisor.c_str());
  PrintRow("one after the other", serial);
  PrintRow("side by side", parallel);
  printf("ratio side by side / one after the other: %.2f\n", Median(parallel) / Median(serial));
}

// Sandboxes that are stopped: records and nothing else.
void MeasureRecords(int runs) {
  printf("\nRecords                          median ms  us/record\n");
  World world("process");
  int made = 0;
  for (const int count : {1, 100, 1000}) {
    for (; made < count; ++made) {
      auto pod = Need(world.runtime().CreateSandbox(World::Pod("s" + std::to_string(made))));
      Need(pod->Stop(true));
    }
    const double list =
        Median(Sample(runs, [&] { Need(world.runtime().ListSandboxes().status()); }));
    const double status =
        Median(Sample(runs, [&] { Need(world.runtime().StatusSandbox("s0").status()); }));
    printf("ListSandboxes of %-5d            %9.3f %10.1f\n", count, list, 1000 * list / count);
    printf("StatusSandbox among %-5d         %9.3f %10.1f\n", count, status, 1000 * status);
  }
}

void MeasureMemory(const std::string& hypervisor, int sandboxes) {
  World world(hypervisor);
  printf("\nMemory of this process with sandboxes on %s (PSS, KiB)\n", hypervisor.c_str());
  std::size_t before = PssKib();
  printf("none: %zu\n", before);
  std::vector<std::shared_ptr<Sandbox>> pods;
  for (int i = 0; i < sandboxes; ++i) {
    const std::string id = "m" + std::to_string(i);
    pods.push_back(Need(world.runtime().RunSandbox(
        World::Pod(id, {World::Container(id, "while :; do sleep 1000; done")}))));
    const std::size_t now = PssKib();
    printf("%d: %zu (%+ld)\n", i + 1, now, static_cast<long>(now) - static_cast<long>(before));
    before = now;
  }
}

}  // namespace shoji::api_benchmark
