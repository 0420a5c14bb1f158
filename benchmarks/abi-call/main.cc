// A call through a plugin's table beside a call of a virtual function, both into another shared
// object, and with what the host's wrapper adds: the test of the slot and the error.
#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <cstdlib>

#include "shoji/plugin/shim.h"
#include "virtual.h"

namespace shoji::abi_call {
namespace {

template <typename Function>
Function Load(const char* file, const char* name) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : dlsym(library, name);
  if (symbol == nullptr) {
    fprintf(stderr, "abi-call-benchmark: %s\n", dlerror());
    exit(1);
  }
  return reinterpret_cast<Function>(symbol);
}

const shoji_shim_v1* Table() {
  return Load<const shoji_shim_v1* (*)()>(ABI_CALL_PLUGIN, "abi_call_table")();
}

void Virtual(benchmark::State& state) {
  auto* shim = static_cast<Shim*>(Load<void* (*)()>(ABI_CALL_VIRTUAL, "abi_call_object")());
  for (auto _ : state) benchmark::DoNotOptimize(shim->Stop(nullptr, 1, nullptr));
}
BENCHMARK(Virtual);

void Slot(benchmark::State& state) {
  const shoji_shim_v1* table = Table();
  for (auto _ : state) benchmark::DoNotOptimize(table->stop(nullptr, nullptr, 1, nullptr));
}
BENCHMARK(Slot);

void SlotAskedForFirst(benchmark::State& state) {
  const shoji_shim_v1* table = Table();
  for (auto _ : state) {
    benchmark::DoNotOptimize(table);
    if (!SHOJI_HAS_SLOT(shoji_shim_v1, table, stop)) continue;
    benchmark::DoNotOptimize(table->stop(nullptr, nullptr, 1, nullptr));
  }
}
BENCHMARK(SlotAskedForFirst);

}  // namespace
}  // namespace shoji::abi_call

BENCHMARK_MAIN();
