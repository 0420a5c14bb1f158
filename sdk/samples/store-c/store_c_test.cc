// The C sample, opened as a host does: dlopen, one symbol, tables found by id.
// Usage: sample_store_c_test PLUGIN.so
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "shoji/plugin/services.h"
#include "shoji/plugin/store.h"

struct shoji_error {
  std::int32_t code = SHOJI_OK;
  std::string message;
};

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string plugin_path;  // argument of the program

shoji_str Str(const std::string& text) { return {text.data(), text.size()}; }
std::string String(shoji_str text) { return std::string(text.data, text.size); }

// The host in its smallest form: errors and, when asked for, a log.
struct FakeHost {
  FakeHost() {
    raw.struct_size = sizeof(raw);
    raw.abi_min = raw.abi_max = SHOJI_ABI_VERSION;
    raw.ctx = this;
    raw.host_version = "test";
    raw.get_service = [](const shoji_host* host, const char* id) -> const void* {
      const auto* self = static_cast<FakeHost*>(host->ctx);
      return self->has_log && std::string(id) == SHOJI_LOG_V1 ? &self->log : nullptr;
    };
    raw.error_set = [](shoji_error* err, std::int32_t code, std::int32_t, shoji_str message) {
      if (err != nullptr) *err = {code, String(message)};
    };
    raw.error_detail = [](shoji_error*, shoji_str, shoji_str) {};
    log.struct_size = sizeof(log);
    log.write = [](const shoji_host* host, std::int32_t, shoji_str message, const shoji_option*,
                   std::uint32_t) {
      static_cast<FakeHost*>(host->ctx)->lines.push_back(String(message));
    };
  }
  shoji_host raw{};
  shoji_log_v1 log{};
  bool has_log = true;
  std::vector<std::string> lines;
};

// The plugin, loaded; shut down and unloaded at the end.
class Plugin {
 public:
  explicit Plugin(FakeHost& host) {
    library_ = dlopen(plugin_path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    open_ = reinterpret_cast<shoji_plugin_open_fn>(dlsym(library_, SHOJI_PLUGIN_OPEN_SYMBOL));
    plugin_.struct_size = sizeof(plugin_);
    code = open_(&host.raw, &plugin_, &error);
    if (code == SHOJI_OK) table = static_cast<const shoji_store_v1*>(Find(SHOJI_STORE_V1));
  }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  ~Plugin() {
    if (code == SHOJI_OK) plugin_.shutdown(plugin_.self);
    dlclose(library_);
  }
  const void* Find(const char* id) const { return plugin_.get_interface(plugin_.self, id); }
  void* self() const { return plugin_.self; }

  std::int32_t code = SHOJI_INTERNAL;
  shoji_error error;
  const shoji_store_v1* table = nullptr;

 private:
  void* library_ = nullptr;
  shoji_plugin_open_fn open_ = nullptr;
  shoji_plugin plugin_{};
};

// One handle of the store, with calls that give the code; the message is in `error`.
class Store {
 public:
  Store(Plugin& plugin, std::string path) : table_(plugin.table) {
    const std::string name = "path";
    const shoji_option item{Str(name), Str(path)};
    const shoji_options options{sizeof(options), 1, &item};
    code = table_->open(plugin.self(), &options, &store_, &error);
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() {
    if (store_ != nullptr) table_->close(store_);
  }

  std::int32_t Save(const std::string& key, const std::string& value,
                    const shoji_call* call = nullptr) {
    return table_->save(store_, call, Str(key), Str(value), &error);
  }
  std::int32_t Remove(const std::string& key, const shoji_call* call = nullptr) {
    return table_->remove(store_, call, Str(key), &error);
  }
  std::int32_t Load(const std::string& key, std::string* value, const shoji_call* call = nullptr) {
    const shoji_sink sink{sizeof(sink), 0, value, AppendTo};
    return table_->load(store_, call, Str(key), &sink, &error);
  }
  std::int32_t LoadInto(const std::string& key, const shoji_sink& sink) {
    return table_->load(store_, nullptr, Str(key), &sink, &error);
  }
  std::string Value(const std::string& key) {
    std::string value;
    return Load(key, &value) == SHOJI_OK ? value : "error: " + error.message;
  }
  std::int32_t Scan(const std::string& prefix, shoji_store_visit visit, void* ctx,
                    const shoji_call* call = nullptr) {
    const auto* scan = static_cast<const shoji_store_scan_v1*>(Extension(SHOJI_STORE_SCAN_V1));
    return scan->scan(store_, call, Str(prefix), visit, ctx, &error);
  }
  std::vector<std::string> Keys(const std::string& prefix) {
    std::vector<std::string> keys;
    const auto visit = [](void* ctx, shoji_str key) {
      static_cast<std::vector<std::string>*>(ctx)->push_back(String(key));
      return std::int32_t{SHOJI_OK};
    };
    EXPECT_EQ(Scan(prefix, visit, &keys), SHOJI_OK) << error.message;
    return keys;
  }
  const void* Extension(const char* id) { return table_->get_extension(store_, id); }
  bool is_open() const { return store_ != nullptr; }

  std::int32_t code = SHOJI_INTERNAL;
  shoji_error error;

 private:
  static std::int32_t AppendTo(void* ctx, const void* data, std::uint64_t size) {
    static_cast<std::string*>(ctx)->append(static_cast<const char*>(data), size);
    return SHOJI_OK;
  }
  const shoji_store_v1* table_;
  shoji_store* store_ = nullptr;
};

class CStore : public testing::Test {
 protected:
  CStore() {
    char name[] = "/tmp/shoji-cstore-XXXXXX";
    dir_ = mkdtemp(name);
    path_ = dir_ + "/records";
  }
  ~CStore() override { std::filesystem::remove_all(dir_); }

  void Overwrite(std::uintmax_t at, const std::string& bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
  }
  std::string Bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string dir_;
  std::string path_;
  FakeHost host_;
  Plugin plugin_{host_};
};

TEST_F(CStore, AnswersOnlyWhatItKnows) {
  ASSERT_NE(plugin_.table, nullptr);
  EXPECT_GE(plugin_.table->struct_size, sizeof(shoji_store_v1));
  EXPECT_EQ(plugin_.Find("shoji.store/10"), nullptr);
  EXPECT_EQ(plugin_.Find("shoji.hypervisor/1"), nullptr);
  Store store(plugin_, path_);
  EXPECT_NE(store.Extension(SHOJI_STORE_SCAN_V1), nullptr);
  EXPECT_EQ(store.Extension(SHOJI_STORE_TXN_V1), nullptr);
}

TEST_F(CStore, RefusesAHostItCannotServe) {
  FakeHost future;
  future.raw.abi_min = 7;
  future.raw.abi_max = 9;
  Plugin plugin(future);
  EXPECT_EQ(plugin.code, SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(plugin.error.message, HasSubstr("needs ABI 1, the host serves 7 to 9"));
}

TEST_F(CStore, WorksWithoutServices) {
  host_.has_log = false;
  Store store(plugin_, path_);
  EXPECT_EQ(store.code, SHOJI_OK) << store.error.message;
  EXPECT_THAT(host_.lines, IsEmpty());
}

TEST_F(CStore, LogsWhenThereIsALog) {
  Store store(plugin_, path_);
  EXPECT_THAT(host_.lines, ElementsAre("cstore: opened"));
}

TEST_F(CStore, GivesBackWhatWasSaved) {
  Store store(plugin_, path_);
  const std::string binary("\0\xff\n/", 4);
  EXPECT_EQ(store.Save("sandbox/a", binary), SHOJI_OK) << store.error.message;
  EXPECT_EQ(store.Save("sandbox/b", ""), SHOJI_OK) << store.error.message;
  EXPECT_EQ(store.Value("sandbox/a"), binary);
  EXPECT_EQ(store.Value("sandbox/b"), "");
  EXPECT_EQ(store.Save("sandbox/a", "longer than before"), SHOJI_OK);
  EXPECT_EQ(store.Value("sandbox/a"), "longer than before");
}

TEST_F(CStore, AnotherHandleSeesItAndSoDoesALaterOne) {
  Store other(plugin_, path_);
  {
    Store store(plugin_, path_);
    ASSERT_EQ(store.Save("k", "v"), SHOJI_OK);
    EXPECT_EQ(other.Value("k"), "v");
  }
  Store later(plugin_, path_);
  EXPECT_EQ(later.Value("k"), "v");
}

TEST_F(CStore, RemoveSucceedsTenTimes) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("a", "1"), SHOJI_OK);
  ASSERT_EQ(store.Save("b", "2"), SHOJI_OK);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(store.Remove("a"), SHOJI_OK) << store.error.message;
  EXPECT_EQ(store.Remove("zzz"), SHOJI_OK);
  EXPECT_THAT(store.Keys(""), ElementsAre("b"));
  std::string untouched = "as before";
  EXPECT_EQ(store.Load("a", &untouched), SHOJI_NOT_FOUND);
  EXPECT_EQ(untouched, "as before");
  EXPECT_THAT(store.error.message, HasSubstr("no key 'a'"));
}

TEST_F(CStore, ScansInByteOrder) {
  Store store(plugin_, path_);
  for (const char* key : {"b", "a/2", "a", "a/10", "\xc3\xa4", "a-", "c"}) {
    ASSERT_EQ(store.Save(key, "x"), SHOJI_OK) << store.error.message;
  }
  EXPECT_THAT(store.Keys(""), ElementsAre("a", "a-", "a/10", "a/2", "b", "c", "\xc3\xa4"));
  EXPECT_THAT(store.Keys("a/"), ElementsAre("a/10", "a/2"));
  EXPECT_THAT(store.Keys("nothing"), IsEmpty());
}

TEST_F(CStore, AVisitorStopsTheScan) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("a", "1"), SHOJI_OK);
  ASSERT_EQ(store.Save("b", "2"), SHOJI_OK);
  int visits = 0;
  const auto stop = [](void* ctx, shoji_str) {
    ++*static_cast<int*>(ctx);
    return std::int32_t{SHOJI_ABORTED};
  };
  EXPECT_EQ(store.Scan("", stop, &visits), SHOJI_ABORTED);
  EXPECT_EQ(visits, 1);
  EXPECT_FALSE(store.error.message.empty());
}

TEST_F(CStore, ASinkThatRefusesGivesItsCode) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("k", "v"), SHOJI_OK);
  const shoji_sink full{sizeof(full), 0, nullptr, [](void*, const void*, std::uint64_t) {
                          return std::int32_t{SHOJI_RESOURCE_EXHAUSTED};
                        }};
  EXPECT_EQ(store.LoadInto("k", full), SHOJI_RESOURCE_EXHAUSTED);
  EXPECT_FALSE(store.error.message.empty());
}

TEST_F(CStore, RefusesWhatIsNotAKey) {
  Store store(plugin_, path_);
  const std::vector<std::string> bad = {"",
                                        "/",
                                        "/a",
                                        "a/",
                                        "a//b",
                                        ".",
                                        "..",
                                        "a/.",
                                        "a/../b",
                                        "\x80",
                                        "\xc0\xaf",
                                        "\xe0\x80\xaf",
                                        "\xc3",
                                        "\xed\xa0\x80",
                                        "\xff",
                                        "\xf4\x90\x80\x80",
                                        std::string("a\0b", 3),
                                        std::string(513, 'k')};
  for (const std::string& key : bad) {
    std::string value;
    store.error = {};
    EXPECT_EQ(store.Save(key, "v"), SHOJI_INVALID_ARGUMENT) << testing::PrintToString(key);
    EXPECT_FALSE(store.error.message.empty()) << testing::PrintToString(key);
    EXPECT_EQ(store.Load(key, &value), SHOJI_INVALID_ARGUMENT) << testing::PrintToString(key);
    EXPECT_EQ(store.Remove(key), SHOJI_INVALID_ARGUMENT) << testing::PrintToString(key);
  }
  EXPECT_THAT(store.Keys(""), IsEmpty());
}

TEST_F(CStore, AcceptsTheLimits) {
  Store store(plugin_, path_);
  const std::vector<std::string> good = {std::string(512, 'k'), "...",          "a.b/..c",
                                         "\xf4\x8f\xbf\xbf",    "\xed\x9f\xbf", "a b\tc"};
  for (const std::string& key : good) {
    EXPECT_EQ(store.Save(key, key), SHOJI_OK) << store.error.message;
    EXPECT_EQ(store.Value(key), key);
  }
  const std::string big(SHOJI_STORE_VALUE_MAX, 'v');
  EXPECT_EQ(store.Save("big", big), SHOJI_OK) << store.error.message;
  EXPECT_EQ(store.Value("big"), big);
  EXPECT_EQ(store.Save("bigger", big + "v"), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(store.error.message, HasSubstr("16777217"));
}

TEST_F(CStore, ErrorsMayBeNull) {
  shoji_store* handle = nullptr;
  EXPECT_NE(plugin_.table->open(plugin_.self(), nullptr, &handle, nullptr), SHOJI_OK);
  EXPECT_EQ(handle, nullptr);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(CStore, RefusesBadPaths) {
  for (const char* path : {"", "relative", "/tmp/", "/"}) {
    Store store(plugin_, path);
    EXPECT_EQ(store.code, SHOJI_INVALID_ARGUMENT) << path;
    EXPECT_THAT(store.error.message, HasSubstr("'path'")) << path;
    EXPECT_FALSE(store.is_open());
  }
  Store nowhere(plugin_, dir_ + "/missing/records");
  EXPECT_EQ(nowhere.code, SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(nowhere.error.message, HasSubstr("/missing/records"));
}

TEST_F(CStore, DoesNotTouchWhatIsNotItsOwn) {
  std::ofstream(path_) << "somebody's diary";
  Store text(plugin_, path_);
  EXPECT_EQ(text.code, SHOJI_DATA_LOSS);
  EXPECT_EQ(Bytes(), "somebody's diary");
  Store directory(plugin_, dir_);
  EXPECT_EQ(directory.code, SHOJI_DATA_LOSS);
  const std::string fifo = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Store pipe(plugin_, fifo);
  EXPECT_EQ(pipe.code, SHOJI_DATA_LOSS);
  for (const std::string& path : {path_, dir_, fifo}) {
    EXPECT_FALSE(std::filesystem::exists(path + ".lock")) << path;
  }
}

TEST_F(CStore, ADamagedValueIsDataLossAndIsNotPassedOn) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("a", "good"), SHOJI_OK);
  ASSERT_EQ(store.Save("b", "torn"), SHOJI_OK);
  Overwrite(Bytes().size() - 1, "!");
  std::string value;
  EXPECT_EQ(store.Load("b", &value), SHOJI_DATA_LOSS);
  EXPECT_EQ(value, "");
  EXPECT_EQ(store.Value("a"), "good");
  EXPECT_EQ(store.Save("a", "new"), SHOJI_DATA_LOSS);
  EXPECT_EQ(store.Remove("b"), SHOJI_OK) << store.error.message;
  EXPECT_EQ(store.Save("a", "new"), SHOJI_OK) << store.error.message;
}

TEST_F(CStore, EveryTruncationAndEveryFlippedByteIsNoticed) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("key", "value"), SHOJI_OK);
  const std::string whole = Bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string value;
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    std::ofstream(path_, std::ios::binary) << flipped;
    EXPECT_EQ(store.Load("key", &value), SHOJI_DATA_LOSS) << "flipped " << i;
    std::ofstream(path_, std::ios::binary) << whole.substr(0, i);
    const bool empty_store = i == 8;  // the magic alone
    EXPECT_EQ(store.Load("key", &value), empty_store ? SHOJI_NOT_FOUND : SHOJI_DATA_LOSS) << i;
    EXPECT_EQ(value, "");
  }
}

TEST_F(CStore, LeavesNothingBesideTheFileAndItsLock) {
  {
    Store store(plugin_, path_);
    ASSERT_EQ(store.Save("a", "1"), SHOJI_OK);
  }
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("records", "records.lock"));
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

std::int64_t NowPlus(std::int64_t ns) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec + ns;
}

TEST_F(CStore, ADeadlineEndsTheWaitForAnotherWriter) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("a", "1"), SHOJI_OK);
  const int lock = open((path_ + ".lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  const shoji_call call{sizeof(call), -1, NowPlus(30'000'000), {nullptr, 0}};
  EXPECT_EQ(store.Save("a", "2", &call), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(store.Value("a"), "1");  // readers do not wait
  close(lock);
  EXPECT_EQ(store.Save("a", "2"), SHOJI_OK) << store.error.message;
}

TEST_F(CStore, CancellingEndsTheWaitForAnotherWriter) {
  Store store(plugin_, path_);
  const int lock = open((path_ + ".lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const shoji_call call{sizeof(call), pipe_fds[0], 0, {nullptr, 0}};
  std::thread writer([&] { EXPECT_EQ(store.Save("a", "2", &call), SHOJI_CANCELLED); });
  close(pipe_fds[1]);
  writer.join();
  close(pipe_fds[0]);
  close(lock);
}

TEST_F(CStore, ACallThatIsOverDoesNothing) {
  Store store(plugin_, path_);
  ASSERT_EQ(store.Save("a", "1"), SHOJI_OK);
  const shoji_call late{sizeof(late), -1, 1, {nullptr, 0}};
  std::string value;
  EXPECT_EQ(store.Save("a", "2", &late), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(store.Remove("a", &late), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(store.Load("a", &value, &late), SHOJI_DEADLINE_EXCEEDED);
  const auto never = [](void*, shoji_str) { return std::int32_t{SHOJI_OK}; };
  EXPECT_EQ(store.Scan("", never, nullptr, &late), SHOJI_DEADLINE_EXCEEDED);
  EXPECT_EQ(store.Value("a"), "1");
}

TEST_F(CStore, ThreadsAndProcessesLoseNoRecord) {
  Store store(plugin_, path_);
  constexpr int kEach = 20;
  const auto write = [&](const std::string& name) {
    bool good = true;
    for (int i = 0; i < kEach; ++i) {
      const std::string key = name + "/" + std::to_string(i);
      Store own(plugin_, path_);
      good = good && own.Save(key, key) == SHOJI_OK;
    }
    return good;
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(write("process") ? 0 : 1);
  host_.has_log = false;  // its list of lines is not for many threads
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] { EXPECT_TRUE(write("thread" + std::to_string(t))); });
  }
  for (std::thread& thread : threads) thread.join();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(store.Keys("").size(), 4u * kEach);
}

// Saves values of one letter each for ever and reports each letter it saved.
[[noreturn]] void SaveForEver(Store& store, std::size_t size, int report) {
  for (char letter = 'a';; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
    if (store.Save("k", std::string(size, letter)) != SHOJI_OK) _exit(1);
    if (write(report, &letter, 1) != 1) _exit(2);
  }
}

// Starts SaveForEver() in a process, kills it after `saves` of them; the last letter reported.
char KillAfter(Store& store, std::size_t size, int saves) {
  int report[2];
  EXPECT_EQ(pipe2(report, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) SaveForEver(store, size, report[1]);
  close(report[1]);
  char letter = 0;
  for (int i = 0; i < saves; ++i) EXPECT_EQ(read(report[0], &letter, 1), 1);
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  while (read(report[0], &letter, 1) == 1) continue;
  close(report[0]);
  return letter;
}

// After a kill at any moment a key holds the old value or the new one, whole, and what
// save() reported as done is done.
TEST_F(CStore, SurvivesBeingKilled) {
  constexpr std::size_t kSize = 20000;
  Store store(plugin_, path_);
  for (int round = 1; round <= 10; ++round) {
    const char last = KillAfter(store, kSize, round);
    const char next = last == 'z' ? 'a' : static_cast<char>(last + 1);
    const std::string value = store.Value("k");
    EXPECT_TRUE(value == std::string(kSize, last) || value == std::string(kSize, next))
        << "reported '" << last << "', found " << value.substr(0, 80);
    EXPECT_EQ(store.Save("other", "x"), SHOJI_OK) << store.error.message;
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc != 2) {
    fprintf(stderr, "usage: %s PLUGIN.so\n", argv[0]);
    return 2;
  }
  plugin_path = argv[1];
  return RUN_ALL_TESTS();
}
