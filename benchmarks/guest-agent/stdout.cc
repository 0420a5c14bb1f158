// stdout-driver AGENT_SOCKET RAW_SOCKET MIB ROUNDS: one line of JSON, the seconds that MIB from
// dd in a container took to the host, in turn: by reads of 32 KiB as kata-shim does, by reads of
// 1 MiB as our agent client does, and over a port of its own without anything in between.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "guest.h"
#include "shoji/base/unique_fd.h"

namespace shoji::bench {
namespace {

using Json = nlohmann::json;
constexpr char kTools[] = "tools";

UniqueFd Connect(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    std::cerr << "stdout-driver: cannot connect to " << path << "\n";
    std::exit(1);
  }
  return fd;
}

std::string Dd(std::uint64_t mib) {
  return "dd if=/dev/zero bs=64k count=" + std::to_string(mib * 16) + " 2>/dev/null";
}

// Through the agent's view of /dev: the container has none of the guest's.
std::string DdToPort(std::uint64_t mib) {
  return "for p in /sys/class/virtio-ports/*; do read n < $p/name; [ $n = raw ] && d=${p##*/}; "
         "done; " +
         Dd(mib) + " of=/guest-proc/1/root/dev/$d";
}

double SecondsOverPort(Guest* guest, int port, std::uint64_t mib) {
  const auto begin = std::chrono::steady_clock::now();
  std::thread writer([&] { (void)guest->Output(kTools, {"/bin/sh", "-c", DdToPort(mib)}); });
  std::vector<char> buffer(1U << 20U);
  std::uint64_t left = mib << 20U;
  while (left > 0) {
    const ssize_t n = read(port, buffer.data(), buffer.size());
    if (n <= 0) std::exit(1);
    left -= static_cast<std::uint64_t>(n);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  writer.join();
  return took.count();
}

void Run(char** argv) {
  Guest guest(argv[1]);
  const UniqueFd port = Connect(argv[2]);
  const auto mib = static_cast<std::uint64_t>(std::atoi(argv[3]));
  guest.Create(Guest::Privileged(kTools, Place::kShare, {"/bin/sleep", "100000"}));
  guest.Start(kTools);
  Json out = {{"kib32", Json::array()}, {"mib1", Json::array()}, {"port", Json::array()}};
  for (int i = -1; i < std::atoi(argv[4]); ++i) {  // the first one warms up
    const auto read = [&](const Guest::Reading& reading) {
      return guest.SecondsToRead(kTools, {"/bin/sh", "-c", Dd(mib)}, reading, mib << 20U);
    };
    const double small = read({false, 32U << 10U});
    const double large = read({true, 1U << 20U});
    const double raw = SecondsOverPort(&guest, port.get(), mib);
    if (i < 0) continue;
    out["kib32"].push_back(small);
    out["mib1"].push_back(large);
    out["port"].push_back(raw);
  }
  std::cout << out.dump() << "\n";
}

}  // namespace
}  // namespace shoji::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: stdout-driver AGENT_SOCKET RAW_SOCKET MIB ROUNDS\n";
    return 2;
  }
  shoji::bench::Run(argv);
}
