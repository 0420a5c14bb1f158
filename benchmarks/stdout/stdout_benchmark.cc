// stdout-benchmark [MIB] [RUNS]: how fast `dd if=/dev/zero` of a container comes out.
//
// The real agent runs on the host in namespaces of its own (as root; no VM), the real client
// reads. In turn, in one run: reads of 32 KiB, one after the other, as kata-shim has them, and
// ours of 1 MiB. The last line is the ratio of the medians.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent.h"
#include "testing/host_guest.h"

namespace shoji {
namespace {

using agent_kata::HostGuest;
using agent_kata::KataAgent;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "stdout-benchmark: %s\n", why.c_str());
  std::exit(1);
}
void Must(const Status& status) {
  if (!status.ok()) Die(std::string(status.message()));
}

struct Count {
  std::vector<char> buffer;
  std::size_t used = 0;
  std::uint64_t bytes = 0;
};

// As the core does it: into a buffer of the reader.
std::int32_t Take(void* ctx, const void* data, std::uint64_t size) {
  auto* count = static_cast<Count*>(ctx);
  if (size > count->buffer.size() - count->used) return SHOJI_RESOURCE_EXHAUSTED;
  std::memcpy(count->buffer.data() + count->used, data, size);
  count->used += size;
  count->bytes += size;
  return SHOJI_OK;
}

struct Sample {
  double mib_per_s = 0;
  double us_per_call = 0;
};

Sample Run(KataAgent* agent, const HostGuest& guest, int mib, std::uint32_t piece) {
  static int number = 0;
  const std::string id = "c" + std::to_string(++number);
  const std::string spec =
      guest.Spec(R"("dd","if=/dev/zero","bs=1M","count=)" + std::to_string(mib) + "\"");
  shoji_container_request request{};
  request.struct_size = sizeof request;
  request.container_id = request.exec_id = sdk::ToStr(id);
  request.spec_json = sdk::ToStr(spec);
  Must(agent->CreateContainer(nullptr, request));
  Must(agent->StartContainer(nullptr, id));
  Count count{std::vector<char>(piece), 0, 0};
  const shoji_sink sink{sizeof sink, 0, &count, Take};
  int calls = 0;
  const std::int64_t begin = Deadline::NowNanos();
  Status status;
  while (status.ok()) {
    count.used = 0;
    status = agent->ReadStdout(nullptr, {id, id}, piece, &sink);
    ++calls;
  }
  const auto ns = static_cast<double>(Deadline::NowNanos() - begin);
  if (status.code() != StatusCode::kOutOfRange) Must(status);
  if (count.bytes != static_cast<std::uint64_t>(mib) << 20U) Die("bytes are missing");
  const Result<std::int32_t> ended = agent->WaitProcess(nullptr, {id, id});
  if (!ended.ok() || *ended != 0) Die("dd failed");
  Must(agent->RemoveContainer(nullptr, id, 0));
  return {mib * 1e9 / ns, ns / 1000 / calls};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int mib, int runs) {
  HostGuest guest(SHOJI_AGENT_PROGRAM);
  KataAgent agent{sdk::Connector(guest.connector())};
  Must(agent.CreateSandbox(nullptr, shoji_sandbox_request{}));
  const std::uint32_t pieces[] = {32U << 10U, 1U << 20U};
  std::vector<double> rates[2];
  for (int run = 0; run < runs; ++run) {
    for (int i = 0; i < 2; ++i) {
      const Sample sample = Run(&agent, guest, mib, pieces[i]);
      rates[i].push_back(sample.mib_per_s);
      std::printf("reads of %4u KiB: %7.0f MiB/s, %6.1f us a call\n", pieces[i] >> 10U,
                  sample.mib_per_s, sample.us_per_call);
    }
  }
  std::printf("median: %.0f and %.0f MiB/s\nratio: %.2f\n", Median(rates[0]), Median(rates[1]),
              Median(rates[1]) / Median(rates[0]));
  return 0;
}

}  // namespace
}  // namespace shoji

int main(int argc, char** argv) {
  const int mib = argc > 1 ? std::atoi(argv[1]) : 512;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  if (mib < 1 || runs < 1 || argc > 3) {
    std::fprintf(stderr, "usage: stdout-benchmark [MIB] [RUNS]\n");
    return 2;
  }
  return shoji::Main(mib, runs);
}
