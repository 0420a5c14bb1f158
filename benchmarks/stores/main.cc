// stores-benchmark [--rounds N] [--bytes N] [--dir DIR] [STORE...]
//
// Each store plugin beside the engine below it used directly: same durability, same values, in
// turn, in one run. Prints the throughput ratio store / engine, the median of the pairs.
#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "shoji/base/file.h"
#include "subject.h"
#include "testing/etcd_server.h"

namespace shoji::benchmark_stores {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

struct Settings {
  int rounds = 9;
  std::size_t bytes = 2048;  // about what the record of a sandbox takes
  std::string dir = ".";
  std::string plugins;
  std::vector<std::string> stores;
};

struct Pair {
  std::unique_ptr<Subject> store;
  std::unique_ptr<Subject> engine;
};

Status Check(const Status& status, const char* what) {
  if (!status.ok()) fprintf(stderr, "stores-benchmark: %s: %s\n", what, status.message().c_str());
  return status;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds for `count` calls.
Result<double> Time(const std::function<Status(int)>& call, int count) {
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < count; ++i) SHOJI_RETURN_IF_ERROR(call(i));
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Figure {
  double ratio = 0;
  double store_per_s = 0;
  double engine_per_s = 0;
};

using Work = std::function<Status(Subject*, int)>;

Result<Figure> Compare(const Settings& settings, const Pair& pair, const Work& work) {
  const auto store = [&](int i) { return work(pair.store.get(), i); };
  const auto engine = [&](int i) { return work(pair.engine.get(), i); };
  SHOJI_ASSIGN_OR_RETURN(const double first, Time(engine, 20));
  const int count = std::clamp(static_cast<int>(0.1 / (first / 20)), 20, 200000);
  std::vector<double> ratios;
  std::vector<double> stores;
  std::vector<double> engines;
  for (int round = 0; round < settings.rounds; ++round) {
    SHOJI_ASSIGN_OR_RETURN(const double mine, Time(store, count));
    SHOJI_ASSIGN_OR_RETURN(const double theirs, Time(engine, count));
    ratios.push_back(theirs / mine);
    stores.push_back(count / mine);
    engines.push_back(count / theirs);
  }
  return Figure{Median(ratios), Median(stores), Median(engines)};
}

Status Run(const Settings& settings, const std::string& name, const Pair& pair) {
  // Another value each time: SQLite does not write what is there already.
  std::string value(settings.bytes, 'v');
  const auto key = [](int i) { return "sandbox-" + std::to_string(i % 64); };
  const Work save = [&](Subject* subject, int i) {
    const std::string number = std::to_string(i);
    value.replace(0, std::min(number.size(), value.size()), number);
    return subject->Save(key(i), value);
  };
  const Work load = [&](Subject* subject, int i) -> Status {
    SHOJI_ASSIGN_OR_RETURN(const std::string got, subject->Load(key(i)));
    return got.size() == value.size() ? OkStatus() : DataLoss("another value came back");
  };
  SHOJI_RETURN_IF_ERROR(Time([&](int i) { return save(pair.store.get(), i); }, 64).status());
  SHOJI_RETURN_IF_ERROR(Time([&](int i) { return save(pair.engine.get(), i); }, 64).status());
  for (const auto& [what, work] : {std::pair{"save", save}, std::pair{"load", load}}) {
    SHOJI_ASSIGN_OR_RETURN(const Figure figure, Compare(settings, pair, work));
    printf("%-10s %s  ratio %.2f   store %9.0f /s   engine %9.0f /s\n", name.c_str(), what,
           figure.ratio, figure.store_per_s, figure.engine_per_s);
    fflush(stdout);
  }
  return OkStatus();
}

Result<Pair> OpenPair(const Settings& settings, const std::string& name, const std::string& dir,
                      const std::string& endpoint) {
  std::map<std::string, std::string> options = {{"path", dir + "/store"}};
  if (name == "etcd")
    options = {{"endpoints", endpoint},
               {"prefix", "/s/"},
               {"timeout", "10000000000"},
               {"max_request_bytes", "1572864"},
               {"max_txn_ops", "128"}};
  if (name == "memory") options = {{"name", "benchmark"}};
  if (name == "leveldb" || name == "rocksdb") {
    options.insert({{"lock_timeout", "10000000000"},
                    {"write_buffer", "4194304"},
                    {"cache", "1048576"},
                    {"compression", "true"}});
  }
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<Subject> store,
                         OpenPlugin(settings.plugins + "/store-" + name + ".so", options));
  Opened engine = name == "filesystem" ? OpenRawFiles(dir)
                  : name == "sqlite"   ? OpenRawSqlite(dir)
                  : name == "leveldb"  ? OpenRawLevelDb(dir)
                  : name == "rocksdb"  ? OpenRawRocksDb(dir)
                  : name == "memory"   ? OpenRawMemory()
                                       : OpenRawEtcd(endpoint);
  SHOJI_RETURN_IF_ERROR(engine.status());
  return Pair{std::move(store), std::move(*engine)};
}

Status RunStore(const Settings& settings, const std::string& name) {
  std::string dir = settings.dir + "/stores-benchmark-XXXXXX";
  if (mkdtemp(dir.data()) == nullptr) return Internal("cannot make a directory in " + settings.dir);
  etcd::EtcdServer server;
  Status status = name == "etcd" ? server.Start({}) : OkStatus();
  if (status.ok()) {
    Result<Pair> pair = OpenPair(settings, name, dir, name == "etcd" ? server.Endpoint() : "");
    status = pair.ok() ? Run(settings, name, *pair) : pair.status();
  }
  const Status removed = RemoveTree(dir);
  return status.ok() ? removed : status;
}

int Main(int argc, char** argv) {
  Settings settings;
  const std::vector<std::string> all = {"filesystem", "sqlite", "leveldb",
                                        "rocksdb",    "etcd",   "memory"};
  po::options_description options("stores-benchmark [OPTION...] [STORE...]");
  options.add_options()("help", "this text")(
      "rounds", po::value(&settings.rounds)->default_value(9), "pairs of measurements")(
      "bytes", po::value(&settings.bytes)->default_value(2048), "size of a value")(
      "dir", po::value(&settings.dir)->default_value("."), "where the data goes: a real disk")(
      "plugins", po::value(&settings.plugins)->default_value(SHOJI_PLUGIN_DIR),
      "directory of the plugins")("store", po::value(&settings.stores), "which; default: all");
  po::positional_options_description words;
  words.add("store", -1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(options).positional(words).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    fprintf(stderr, "stores-benchmark: %s\n", e.what());
    return 2;
  }
  if (values.count("help") != 0) {
    puts("Each store plugin beside the engine below it, in turn. Ratio 1: as fast.");
    return 0;
  }
  bool ok = true;
  for (const std::string& name : settings.stores.empty() ? all : settings.stores) {
    ok = Check(RunStore(settings, name), name.c_str()).ok() && ok;
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace shoji::benchmark_stores

int main(int argc, char** argv) { return shoji::benchmark_stores::Main(argc, argv); }
