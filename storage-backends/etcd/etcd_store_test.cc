#include "etcd_store.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <string_view>
#include <thread>

#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "testing/fixture.h"

namespace shoji::etcd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
constexpr std::size_t kMiB = 1U << 20U;

constexpr char kUploadRole[] = "--upload";
constexpr char kThreadsRole[] = "--threads";

class EtcdStoreTest : public ServerTest {};

TEST_F(EtcdStoreTest, SavesLoadsAndRemoves) {
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "a/b", "one").ok());
  EXPECT_EQ(store->Load(nullptr, "a/b").value(), "one");
  ASSERT_TRUE(store->Save(nullptr, "a/b", std::string("t\0o", 3)).ok());
  EXPECT_EQ(Open()->Load(nullptr, "a/b").value(), std::string("t\0o", 3));
  ASSERT_TRUE(store->Remove(nullptr, "a/b").ok());
  EXPECT_TRUE(store->Remove(nullptr, "a/b").ok());
  EXPECT_EQ(store->Load(nullptr, "a/b").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(store->Save(nullptr, "empty", "").ok());
  EXPECT_EQ(store->Load(nullptr, "empty").value(), "");
}

TEST_F(EtcdStoreTest, LargeValuesComeBackAndLeaveNothingBehind) {
  auto store = Open();
  for (const std::size_t size : {2 * kMiB, 16 * kMiB, kMiB}) {
    const std::string value = Filled(size, static_cast<unsigned>(size));
    const Status saved = store->Save(nullptr, "big", value);
    ASSERT_TRUE(saved.ok()) << saved.message();
    EXPECT_TRUE(store->Load(nullptr, "big").value() == value);
  }
  EXPECT_EQ(KeysOf("c/"), "") << "the pieces of values that were replaced";
  EXPECT_EQ(KeysOf("b/"), "");
  EXPECT_EQ(Ctl({"lease", "list"}), "found 0 leases");
}

TEST_F(EtcdStoreTest, ValuesAroundTheLimit) {
  auto store = Open();
  const std::size_t limit = store == nullptr ? 0 : Settings().max_request_bytes;
  for (const std::size_t size : {limit - 3000, limit - 2048, limit - 100, limit, limit + 1}) {
    const std::string value = Filled(size, 3);
    const Status saved = store->Save(nullptr, std::string(512, 'k'), value);
    ASSERT_TRUE(saved.ok()) << size << ": " << saved.message();
    EXPECT_TRUE(store->Load(nullptr, std::string(512, 'k')).value() == value);
  }
}

TEST_F(EtcdStoreTest, RemoveTakesThePiecesAlong) {
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "big", Filled(3 * kMiB, 1)).ok());
  EXPECT_THAT(KeysOf("c/"), HasSubstr("000002"));
  EXPECT_THAT(store->Scan(nullptr, "").value(), ElementsAre("big"));
  ASSERT_TRUE(store->Remove(nullptr, "big").ok());
  EXPECT_EQ(KeysOf(""), Prefix() + "format");
}

TEST_F(EtcdStoreTest, PiecesOfAKilledWriterAreRemovedByTheirLease) {
  auto store = Open();
  const Result<std::string> killed =
      RunProgram({"/proc/self/exe", kUploadRole, Server().Endpoint(), Prefix()});
  EXPECT_THAT(killed.status().message(), HasSubstr("uploaded"));
  EXPECT_NE(KeysOf("c/"), "");
  EXPECT_TRUE(store->Scan(nullptr, "").value().empty());
  // The watch tells when they are gone.
  const Result<std::string> events =
      RunProgram({"sh", "-c",
                  "mkfifo w; timeout 60 etcdctl --endpoints=unix://c:1 watch --prefix " + Prefix() +
                      "c/ --rev=1 >w & p=$!; grep -m1 DELETE <w; r=$?; kill $p; exit $r"},
                 Server().dir());
  EXPECT_TRUE(events.ok()) << events.status().message();
  EXPECT_EQ(KeysOf("c/"), "");
}

TEST_F(EtcdStoreTest, AWriterSlowerThanItsLeaseChangesNothing) {
  Settings settings = Chosen();
  const Layout layout(settings.prefix);
  auto store = OpenWith(settings);
  ASSERT_TRUE(store->Save(nullptr, "k", "old").ok());
  Rpc rpc(settings, Password(""));
  const std::string value = Filled(2 * kMiB, 1);
  Changes changes({{false, "k", value}, {false, "other", "x"}}, &layout, &settings);
  std::string generation;
  {
    Staging staging(&rpc, &layout, nullptr);
    for (Change* change : changes.TooLarge()) {
      change->pieces = staging.Upload(change->value).value();
    }
  }  // gives the lease back, and with it go the pieces
  etcdserverpb::TxnResponse reply;
  const Status status = rpc.Call(kTxn, nullptr, changes.Build({}).value(), &reply);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(store->Load(nullptr, "k").value(), "old");
  EXPECT_THAT(store->Scan(nullptr, "").value(), ElementsAre("k"));
}

TEST_F(EtcdStoreTest, ReadersSeeALargeValueWholeWhileItIsReplaced) {
  Settings settings = Chosen();
  settings.max_request_bytes = 64U << 10U;  // many pieces
  auto store = OpenWith(settings);
  const auto value = [](unsigned i) { return Filled(200000 + i * 100, i); };
  ASSERT_TRUE(store->Save(nullptr, "k", value(0)).ok());
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    auto other = OpenWith(settings);
    while (!done || reads == 0) {
      const auto seen = other->Load(nullptr, "k");
      if (!seen.ok() || seen->size() < 200000) {
        ADD_FAILURE() << seen.status().message();
        break;
      }
      EXPECT_TRUE(*seen == value(static_cast<unsigned>(seen->size() - 200000) / 100));
      ++reads;
    }
  });
  for (unsigned i = 1; i < 30; ++i) EXPECT_TRUE(store->Save(nullptr, "k", value(i)).ok());
  done = true;
  reader.join();
  EXPECT_GT(reads, 0);
}

TEST_F(EtcdStoreTest, WritersOfTheSameLargeValueDoNotDisturbEachOther) {
  Settings settings = Chosen();
  settings.max_request_bytes = 64U << 10U;
  std::vector<std::thread> writers;
  for (unsigned w = 0; w < 4; ++w) {
    writers.emplace_back([&settings, w] {
      auto store = OpenWith(settings);
      for (unsigned i = 0; i < 8; ++i) {
        const Status status = i % 4 == 3 ? store->Remove(nullptr, "k")
                                         : store->Save(nullptr, "k", Filled(150000, w * 100 + i));
        EXPECT_TRUE(status.ok()) << status.message();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "k", "small").ok());
  EXPECT_EQ(KeysOf("c/"), "");
  EXPECT_EQ(KeysOf("b/"), "");
}

TEST_F(EtcdStoreTest, AMissingPieceIsDataLoss) {
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "big", Filled(3 * kMiB, 1)).ok());
  const std::string first = KeysOf("c/").substr(0, KeysOf("c/").find('\n'));
  Ctl({"del", first});
  const Status status = store->Load(nullptr, "big").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(Prefix() + "k/big"));
}

TEST_F(EtcdStoreTest, ForeignAndDamagedRecordsAreDataLoss) {
  auto store = Open();
  Ctl({"put", Prefix() + "k/foreign", "hello"});
  EXPECT_EQ(store->Load(nullptr, "foreign").status().code(), StatusCode::kDataLoss);
  ASSERT_TRUE(store->Save(nullptr, "a", "value").ok());
  Ctl({"put", Prefix() + "k/b", Ctl({"get", "--print-value-only", Prefix() + "k/a"})});
  const Status moved = store->Load(nullptr, "b").status();
  EXPECT_EQ(moved.code(), StatusCode::kDataLoss) << moved.message();
  EXPECT_THAT(moved.message(), HasSubstr("checksum"));
}

TEST_F(EtcdStoreTest, AForeignOrNewerPlaceIsRefused) {
  Ctl({"put", Prefix() + "format", "mine"});
  Status status = EtcdStore::OpenWith(Chosen(), Password("")).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("prefix"));
  Ctl({"put", Prefix() + "format", "shoji-store 2"});
  status = EtcdStore::OpenWith(Chosen(), Password("")).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
}

TEST_F(EtcdStoreTest, TransactionsTakeTheLastChangeOfEachKey) {
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "gone", "x").ok());
  const Status status = store->Apply(nullptr, {{false, "a", "1"},
                                               {true, "a", {}},
                                               {false, "a", "2"},
                                               {false, "b", "3"},
                                               {true, "b", {}},
                                               {true, "gone", {}}});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(store->Scan(nullptr, "").value(), ElementsAre("a"));
  EXPECT_EQ(store->Load(nullptr, "a").value(), "2");
  EXPECT_TRUE(store->Apply(nullptr, {}).ok());
}

TEST_F(EtcdStoreTest, TransactionsLargerThanEtcdsLists) {
  auto store = Open();
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back("k/" + std::to_string(100000 + i));
  std::vector<sdk::StoreOp> ops;
  for (const std::string& key : keys) ops.push_back({false, key, key});
  for (const std::size_t count : {64U, 65U, 128U, 129U, 2500U}) {
    const Status status =
        store->Apply(nullptr, {ops.begin(), ops.begin() + static_cast<std::ptrdiff_t>(count)});
    ASSERT_TRUE(status.ok()) << count << ": " << status.message();
    EXPECT_EQ(store->Scan(nullptr, "").value().size(), count);
  }
  EXPECT_EQ(store->Scan(nullptr, "").value(), keys) << "several pages, in byte order";
  EXPECT_EQ(store->Load(nullptr, keys.back()).value(), keys.back());
}

TEST_F(EtcdStoreTest, ATransactionThatCannotBeOneIsRefusedWhole) {
  Settings settings = Chosen();
  settings.max_txn_ops = 16;
  auto store = OpenWith(settings);
  std::vector<std::string> keys;
  for (int i = 0; i < 65; ++i) keys.push_back(std::to_string(i));
  std::vector<sdk::StoreOp> ops;
  for (const std::string& key : keys) ops.push_back({false, key, key});
  const Status status = store->Apply(nullptr, ops);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("max_txn_ops"));
  EXPECT_TRUE(store->Scan(nullptr, "").value().empty());
  ops.pop_back();
  EXPECT_TRUE(store->Apply(nullptr, ops).ok());
}

TEST_F(EtcdStoreTest, TransactionsWithLargeValuesAreOne) {
  auto store = Open();
  const std::string a = Filled(16 * kMiB, 1);
  const std::string b = Filled(kMiB, 2);
  const std::string c = Filled(kMiB, 3);
  Status status = store->Apply(
      nullptr, {{false, "a", a}, {false, "b", b}, {false, "c", c}, {false, "d", "small"}});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(store->Load(nullptr, "a").value() == a && store->Load(nullptr, "b").value() == b &&
              store->Load(nullptr, "c").value() == c);
  status = store->Apply(nullptr, {{true, "a", {}}, {false, "b", "small"}, {true, "c", {}}});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(store->Scan(nullptr, "").value(), ElementsAre("b", "d"));
  EXPECT_EQ(KeysOf("c/"), "");
  EXPECT_EQ(Ctl({"lease", "list"}), "found 0 leases");
}

TEST_F(EtcdStoreTest, AServerWithSmallerLimitsSaysWhichOption) {
  Settings settings = Chosen();
  settings.max_request_bytes = 3 * kMiB;
  auto store = OpenWith(settings);
  Status status = store->Save(nullptr, "k", Filled(2 * kMiB, 1));
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("max_request_bytes"));
  settings = Chosen();
  settings.max_txn_ops = 1000;
  store = OpenWith(settings);
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.push_back(std::to_string(i));
  std::vector<sdk::StoreOp> ops;
  for (const std::string& key : keys) ops.push_back({false, key, key});
  status = store->Apply(nullptr, ops);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("max_txn_ops"));
}

TEST_F(EtcdStoreTest, ScanByPrefix) {
  auto store = Open();
  for (const char* key : {"a", "a/b", "a0", "ab/c", "b", "\xc3\xa4/x"}) {
    ASSERT_TRUE(store->Save(nullptr, key, "").ok());
  }
  EXPECT_THAT(store->Scan(nullptr, "a").value(), ElementsAre("a", "a/b", "a0", "ab/c"));
  EXPECT_THAT(store->Scan(nullptr, "a/").value(), ElementsAre("a/b"));
  EXPECT_THAT(store->Scan(nullptr, "\xc3").value(), ElementsAre("\xc3\xa4/x"));
  EXPECT_EQ(store->Scan(nullptr, "").value().size(), 6U);
  EXPECT_TRUE(store->Scan(nullptr, "zzz").value().empty());
}

TEST_F(EtcdStoreTest, TheNextEndpointIsTakenWhenOneIsDown) {
  Settings settings = Chosen();
  settings.endpoints.insert(settings.endpoints.begin(),
                            ParseEndpoint("unix:///nowhere/e.sock", false).value());
  auto store = OpenWith(settings);
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->Save(nullptr, "k", "v").ok());
}

TEST_F(EtcdStoreTest, NoServerIsUnavailableAndNamed) {
  Settings settings = Chosen();
  settings.endpoints = {ParseEndpoint("unix:///nowhere/a.sock", false).value(),
                        ParseEndpoint("http://127.0.0.1:1", false).value()};
  const Status status = EtcdStore::OpenWith(settings, Password("")).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("unix:///nowhere/a.sock"));
  EXPECT_THAT(status.message(), HasSubstr("http://127.0.0.1:1"));
  EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
}

// A server that stands still as long as this lives.
class Stopped {
 public:
  // Returns when the last thread of the server stands still, which is after kill() has returned.
  explicit Stopped(const EtcdServer& server) : server_(server) {
    server_.Signal(SIGSTOP);
    siginfo_t info{};
    (void)waitid(P_PID, static_cast<id_t>(server_.pid()), &info, WSTOPPED);
  }
  ~Stopped() { server_.Signal(SIGCONT); }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  const EtcdServer& server_;
};

TEST_F(EtcdStoreTest, DeadlineHoldsWhileTheServerStandsStill) {
  auto store = Open();
  ASSERT_TRUE(store->Save(nullptr, "k", "v").ok());
  const std::string big = Filled(16 * kMiB, 1);
  {
    const Stopped stopped(Server());
    const TimedCall first(std::chrono::milliseconds(300));
    EXPECT_EQ(store->Load(&first.call, "k").status().code(), StatusCode::kDeadlineExceeded);
    const TimedCall second(std::chrono::milliseconds(300));
    EXPECT_EQ(store->Save(&second.call, "k", "w").code(), StatusCode::kDeadlineExceeded);
    const TimedCall third(std::chrono::milliseconds(300));
    EXPECT_EQ(store->Save(&third.call, "k", big).code(), StatusCode::kDeadlineExceeded);
    EXPECT_LT(Deadline::NowNanos() - third.call.deadline_ns, 1'000'000'000);
  }
  EXPECT_TRUE(store->Load(nullptr, "k").ok());
}

TEST_F(EtcdStoreTest, TheOptionTimeoutHoldsWithoutADeadline) {
  Settings settings = Chosen();
  settings.timeout = std::chrono::milliseconds(500);
  auto store = OpenWith(settings);
  const Stopped stopped(Server());
  const Status status = store->Load(nullptr, "k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("timeout"));
}

TEST_F(EtcdStoreTest, CancelHoldsWhileTheServerStandsStill) {
  auto store = Open();
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  const TimedCall timed(std::chrono::seconds(60), cancel.get());
  std::int64_t begin = 0;
  Status status;
  {
    const Stopped stopped(Server());
    std::thread caller([&] { status = store->Save(&timed.call, "k", Filled(8 * kMiB, 1)); });
    begin = Deadline::NowNanos();
    eventfd_write(cancel.get(), 1);
    caller.join();
  }
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.message();
  EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000);
  EXPECT_EQ(store->Load(&timed.call, "k").status().code(), StatusCode::kCancelled);
}

// In a process of its own: what the tests before this one made of gRPC is not its subject.
TEST_F(EtcdStoreTest, NoThreadIsLeftAfterClose) {
  const Result<std::string> out =
      RunProgram({"/proc/self/exe", kThreadsRole, Server().Endpoint(), Prefix()});
  EXPECT_TRUE(out.ok()) << out.status().message();
}

TEST_F(EtcdStoreTest, CloseDoesNotHangAfterLargeValues) {
  for (int i = 0; i < 5; ++i) {
    auto store = Open();
    ASSERT_TRUE(store->Save(nullptr, "k", Filled(8 * kMiB, 1)).ok());
    const std::int64_t begin = Deadline::NowNanos();
    store.reset();
    EXPECT_LT(Deadline::NowNanos() - begin, 3'000'000'000);
  }
}

TEST_F(EtcdStoreTest, CloseDoesNotHangAfterAWriteThatBlocked) {
  auto store = Open();
  const Stopped stopped(Server());
  const TimedCall timed(std::chrono::milliseconds(200));
  EXPECT_FALSE(store->Save(&timed.call, "k", Filled(16 * kMiB, 1)).ok());
  const std::int64_t begin = Deadline::NowNanos();
  store.reset();
  EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000);
}

TEST_F(EtcdStoreTest, AFullDatabaseIsToldWithAdvice) {
  EtcdServer small;
  ASSERT_TRUE(small.Start({false, false, {"--quota-backend-bytes=4000000"}}).ok());
  auto store = OpenWith(SettingsFor(small));
  ASSERT_TRUE(store->Save(nullptr, "kept", "v").ok());
  Status status;
  for (int i = 0; i < 20 && status.ok(); ++i) {
    status = store->Save(nullptr, "k", Filled(kMiB, static_cast<unsigned>(i)));
  }
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("--quota-backend-bytes"));
  EXPECT_NE(status.detail("database_bytes"), "");
  EXPECT_EQ(store->Load(nullptr, "kept").value(), "v");
  EXPECT_EQ(OpenWith(SettingsFor(small))->Load(nullptr, "kept").value(), "v");
}

// The names of all threads.
std::vector<std::string> Threads() {
  std::vector<std::string> out;
  const std::vector<std::string> ids = ListDir("/proc/self/task").value();
  for (const std::string& id : ids) {
    const Result<std::string> name = ReadFile("/proc/self/task/" + id + "/comm");
    if (name.ok()) out.push_back(*name);
  }
  return out;
}

// Saves small and large, with and without a cancel_fd; 0 when only this thread is left each time.
int CountThreads(const std::string& endpoint, const std::string& prefix) {
  Settings settings;
  settings.endpoints = {ParseEndpoint(endpoint, false).value()};
  settings.prefix = prefix;
  const UniqueFd never(eventfd(0, EFD_CLOEXEC));
  const TimedCall timed(std::chrono::seconds(60), never.get());
  for (int i = 0; i < 5; ++i) {
    auto store = EtcdStore::OpenWith(settings, Password(""));
    if (!store.ok() || !(*store)->Save(nullptr, "k", Filled(2 * kMiB, 1)).ok() ||
        !(*store)->Save(&timed.call, "k", Filled(2 * kMiB, 1)).ok() || Threads().size() < 2) {
      std::puts("the store does not work");
      return 1;
    }
    store->reset();
    // The thread that ended gRPC may still be on its last steps.
    const Deadline limit = Deadline::After(std::chrono::milliseconds(500));
    std::vector<std::string> left = Threads();
    for (; left.size() > 1 && !limit.passed(); left = Threads()) std::this_thread::yield();
    if (left.size() == 1) continue;
    for (const std::string& name : left) std::printf("round %d: thread %s", i, name.c_str());
    return 1;
  }
  return 0;
}

// A writer that is killed between its pieces and its transaction.
void UploadAndDie(const std::string& endpoint, const std::string& prefix) {
  Settings settings;
  settings.endpoints = {ParseEndpoint(endpoint, false).value()};
  settings.prefix = prefix;
  settings.staging_time = std::chrono::seconds(1);
  const Layout layout(prefix);
  Rpc rpc(settings, Password(""));
  Staging staging(&rpc, &layout, nullptr);
  const Result<Pieces> pieces = staging.Upload(Filled(2 * kMiB, 1));
  std::puts(pieces.ok() ? "uploaded" : pieces.status().message().c_str());
  std::fflush(stdout);
  raise(SIGKILL);
}

}  // namespace

int Main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == kUploadRole) UploadAndDie(argv[2], argv[3]);
  if (argc == 4 && std::string_view(argv[1]) == kThreadsRole) return CountThreads(argv[2], argv[3]);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace shoji::etcd

int main(int argc, char** argv) { return shoji::etcd::Main(argc, argv); }
