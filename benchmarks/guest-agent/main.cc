// guest-driver SOCKET ROUNDS CONTAINERS: one line of JSON with what it measured through the
// agent behind SOCKET. benchmarks/guest starts the VM and makes sense of the figures.

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "guest.h"

namespace shoji::bench {
namespace {

using Json = nlohmann::json;
constexpr char kTools[] = "tools";

double Milliseconds(const std::function<void()>& task) {
  const auto begin = std::chrono::steady_clock::now();
  task();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

Json OneOfOurs(Guest* guest, const std::string& id, Place place) {
  const auto request = Guest::Plain(id, place, {"/bin/true"});
  Json out;
  out["create_ms"] = Milliseconds([&] { guest->Create(request); });
  out["start_ms"] = Milliseconds([&] { guest->Start(id); });
  out["wait_ms"] = Milliseconds([&] {
    if (guest->Wait(id, id) != 0) std::exit(1);
  });
  out["remove_ms"] = Milliseconds([&] { guest->Remove(id); });
  return out;
}

// "before after" by the guest's own clock, in seconds.
Json OneOfCrun(Guest* guest, const std::string& id, Place place) {
  const std::string bundle = place == Place::kRam ? "/bundle-ram " : "/bundle-share ";
  const std::string script = "read a _ </proc/uptime; crun run --bundle " + bundle + id +
                             " </dev/null || exit 1; read b _ </proc/uptime; echo $a $b";
  const std::string text = guest->Output(kTools, {"/bin/sh", "-c", script});
  const auto gap = text.find(' ');
  return {{"run_ms",
           (std::atof(text.substr(gap).c_str()) - std::atof(text.substr(0, gap).c_str())) * 1000}};
}

Json Memory(Guest* guest) {
  const auto cat = [&](const std::string& path) {
    return guest->Output(kTools, {"/bin/cat", path});
  };
  return {{"status", cat("/guest-proc/1/status")},
          {"smaps", cat("/guest-proc/1/smaps_rollup")},
          {"meminfo", cat("/proc/meminfo")}};
}

void StartTools(Guest* guest, Place place) {
  guest->Create(Guest::Privileged(kTools, place, {"/bin/sleep", "100000"}));
  guest->Start(kTools);
}

void Run(const std::string& socket, int rounds, int containers) {
  Json out;
  std::unique_ptr<Guest> guest;
  out["first_answer_ms"] = Milliseconds([&] { guest = std::make_unique<Guest>(socket); });
  StartTools(guest.get(), Place::kShare);
  out["idle"] = Memory(guest.get());
  (void)guest->Output(kTools, {"/bin/cp", "-a", "/share/root", "/share/tools", "/ram"});
  guest->Remove(kTools);
  StartTools(guest.get(), Place::kRam);
  for (int i = -1; i < rounds; ++i) {  // the first one warms up
    for (const auto& [name, place] : {std::pair("ram", Place::kRam), {"share", Place::kShare}}) {
      const std::string id = name + std::to_string(i);
      const Json ours = OneOfOurs(guest.get(), id, place);
      const Json crun = OneOfCrun(guest.get(), id, place);
      if (i >= 0) out[name].push_back({{"ours", ours}, {"crun", crun}});
    }
  }
  out["used"] = Memory(guest.get());
  for (int i = 0; i < containers; ++i) {
    const std::string id = "many" + std::to_string(i);
    guest->Create(Guest::Plain(id, Place::kRam, {"/bin/sleep", "100000"}));
    guest->Start(id);
  }
  out["many"] = Memory(guest.get());
  std::cout << out.dump() << "\n";
}

}  // namespace
}  // namespace shoji::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: guest-driver SOCKET ROUNDS CONTAINERS\n";
    return 2;
  }
  shoji::bench::Run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
}
