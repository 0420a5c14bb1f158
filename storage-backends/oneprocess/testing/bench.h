// The store against its own engine used directly: the same options, disk and run.
//
// Purpose  Prints one line for each operation: per second through the store's table, per second
//          raw, and the quotient; then what opening and closing costs, and the memory.
//          Store and engine take turns in short rounds, so that a disturbance meets both.
// Example  Compare("leveldb", StoreTable<LevelDbStore>(), raw);
#ifndef SHOJI_ONEPROCESS_TESTING_BENCH_H_
#define SHOJI_ONEPROCESS_TESTING_BENCH_H_

#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "oneprocess/engine.h"
#include "shoji/base/file.h"
#include "shoji/sdk/store.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::oneprocess::testing {

// The engine's own calls, without anything of ours in between.
struct Raw {
  std::function<void(const std::string& db)> open;
  std::function<void()> close;
  std::function<void(const std::string& key, const std::string& value)> save;
  std::function<std::string(const std::string& key)> load;
};

class Bench {
 public:
  Bench(const char* engine, const shoji_store_v1* table, Raw raw)
      : engine_(engine), table_(table), raw_(std::move(raw)) {
    char path[] = "/tmp/store-bench-XXXXXX";
    dir_ = mkdtemp(path);
  }
  ~Bench() { (void)RemoveTree(dir_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void Run() {
    const std::string before = Memory();
    OpenStore();
    for (int i = 0; i < 200; ++i) Save(i);
    const std::string after = Memory();
    std::printf("%-8s memory before %s, with the store in use %s\n", engine_, before.c_str(),
                after.c_str());
    raw_.open(dir_ + "/raw");
    const auto save_raw = [&](int i) { raw_.save(Key(i), value_); };
    const auto load_raw = [&](int i) { found_ += raw_.load(Key(i % 1000)).size(); };
    Pair(
        "save 1 KiB, durable", 400, 5, [&](int i) { Save(i); }, save_raw);
    Pair(
        "load 1 KiB", 40, 5000, [&](int i) { Load(i % 1000); }, load_raw);
    table_->close(store_);
    raw_.close();
    Pair(
        "open, save, close", 50, 2, [&](int i) { Command(i); }, [&](int i) { RawCommand(i); });
  }

 private:
  using Work = std::function<void(int)>;
  static double Seconds(int count, int first, const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) work(first + i);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  void Pair(const char* what, int rounds, int count, const Work& ours, const Work& raw) {
    double our_time = 0;
    double raw_time = 0;
    for (int round = 0; round < rounds; ++round) {
      our_time += Seconds(count, round * count, ours);
      raw_time += Seconds(count, round * count, raw);
    }
    const double total = rounds * count;
    std::printf("%-8s %-20s %10.0f/s   raw %10.0f/s   quotient %.3f\n", engine_, what,
                total / our_time, total / raw_time, raw_time / our_time);
  }

  static std::string Key(int i) { return "sandbox/" + std::to_string(i) + "/state"; }
  void Check(std::int32_t code) {
    if (code == SHOJI_OK) return;
    std::fprintf(stderr, "%s\n", error_.message.c_str());
    std::exit(1);
  }
  void OpenStore() {
    const std::string path = dir_ + "/store";
    const shoji_option option = {sdk::ToStr("path"), sdk::ToStr(path)};
    const shoji_options options = {sizeof(shoji_options), 1, &option};
    Check(table_->open(&plugin_, &options, &store_, error_.raw()));
  }
  void Save(int i) {
    const std::string key = Key(i);
    Check(table_->save(store_, nullptr, sdk::ToStr(key), sdk::ToStr(value_), error_.raw()));
  }
  void Load(int i) {
    const std::string key = Key(i);
    const sdk::testing::FakeSink sink;
    Check(table_->load(store_, nullptr, sdk::ToStr(key), sink.raw(), error_.raw()));
    found_ += sink.text().size();
  }
  void Command(int i) {
    OpenStore();
    Save(i);
    table_->close(store_);
  }
  void RawCommand(int i) {
    raw_.open(dir_ + "/raw");
    raw_.save(Key(i), value_);
    raw_.close();
  }
  static std::string Memory() {
    const std::string status = ReadFile("/proc/self/status").value();
    const std::size_t at = status.find("VmRSS:") + 6;
    const std::string line = status.substr(at, status.find('\n', at) - at);
    return line.substr(line.find_first_not_of(" \t"));
  }

  const char* engine_;
  const shoji_store_v1* table_;
  Raw raw_;
  std::string dir_;
  const std::string value_ = std::string(1024, 'v');
  sdk::testing::FakeHost host_;
  sdk::testing::FakeError error_;
  sdk::Interfaces plugin_{host_.raw()};
  shoji_store* store_ = nullptr;
  std::size_t found_ = 0;
};

}  // namespace shoji::oneprocess::testing

#endif  // SHOJI_ONEPROCESS_TESTING_BENCH_H_
