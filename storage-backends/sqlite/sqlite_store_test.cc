#include "sqlite_store.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "shoji/base/file.h"
#include "store_suite.h"

namespace shoji::sqlite {
namespace {

using store_testing::Damage;
using store_testing::Options;
using store_testing::Subject;
using store_testing::TempDir;
using testing::HasSubstr;

// A program that is not ours, at the same file.
class Stranger {
 public:
  explicit Stranger(const std::string& path) { sqlite3_open(path.c_str(), &db_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() { sqlite3_close(db_); }
  void Do(const char* sql) {
    EXPECT_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST(SqliteStore, ALockedDatabaseEndsWithTheDeadlineOrTheCancelFd) {
  const TempDir dir;
  const std::string path = dir.path() + "/x.db";
  auto store = SqliteStore::OpenAt(path).value();
  ASSERT_TRUE(store->Save(nullptr, "a", "old").ok());
  Stranger stranger(path);
  stranger.Do("BEGIN IMMEDIATE");
  const std::int64_t soon = Deadline::After(std::chrono::milliseconds(30)).nanos();
  const shoji_call late = {sizeof(shoji_call), -1, soon, {}};
  const Status status = store->Save(&late, "a", "new");
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("locked"));
  EXPECT_THAT(status.message(), HasSubstr(path));
  const UniqueFd event(eventfd(1, EFD_CLOEXEC));
  const shoji_call cancelled = {sizeof(shoji_call), event.get(), 0, {}};
  EXPECT_EQ(store->Remove(&cancelled, "a").code(), StatusCode::kCancelled);
  EXPECT_EQ(store->Apply(&cancelled, {{true, "a", {}}}).code(), StatusCode::kCancelled);
  EXPECT_EQ(store->Load(&cancelled, "a").value(), "old") << "readers do not wait";
  stranger.Do("ROLLBACK");
  EXPECT_TRUE(store->Save(nullptr, "a", "new").ok());
}

TEST(SqliteStore, ASaveIsDurableAndTheFileIsPrivate) {
  const TempDir dir;
  const std::string path = dir.path() + "/deep/down/x.db";
  auto store = SqliteStore::OpenAt(path).value();
  ASSERT_TRUE(store->Save(nullptr, "a", "1").ok());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat st {};
    ASSERT_EQ(stat((path + suffix).c_str(), &st), 0) << suffix;
    EXPECT_EQ(st.st_mode & 0777U, 0600U) << suffix;
  }
  store.reset();
  EXPECT_FALSE(PathExists(path + "-wal")) << "the last to leave writes the log back";
}

TEST(SqliteStore, ADatabaseThatIsGoneIsNeitherWrittenNorTakenForAnEmptyOne) {
  const TempDir dir;
  const std::string path = dir.path() + "/x.db";
  auto store = SqliteStore::OpenAt(path).value();
  ASSERT_TRUE(store->Save(nullptr, "a", "1").ok());
  ASSERT_EQ(rename(path.c_str(), (path + ".old").c_str()), 0);
  for (const Status& status : {store->Save(nullptr, "a", "2"), store->Load(nullptr, "a").status(),
                               store->Remove(nullptr, "a")}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr(path));
  }
}

TEST(SqliteStore, APathMustBeAbsolute) {
  for (const char* path : {"x.db", ":memory:", "file:x.db", "./x", "/tmp/"}) {
    const auto store = SqliteStore::OpenAt(path);
    ASSERT_FALSE(store.ok()) << path;
    EXPECT_EQ(store.status().code(), StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(store.status().message(), HasSubstr(path));
  }
}

std::string state_dir;  // of the host in the next test

TEST(SqliteStore, ByDefaultItLiesInTheStateDirectory) {
  const TempDir dir;
  state_dir = dir.path() + "/state";
  sdk::testing::FakeHost host;
  host.RemoveService(SHOJI_DIRS_V1);
  const auto none = SqliteStore::Open(sdk::Host(host.raw()), sdk::OptionMap(nullptr));
  EXPECT_EQ(none.status().code(), StatusCode::kFailedPrecondition);
  const shoji_dirs_v1 dirs = {sizeof(shoji_dirs_v1), 0,
                              [](const shoji_host*, std::int32_t which, const shoji_sink* sink,
                                 shoji_error*) -> std::int32_t {
                                EXPECT_EQ(which, SHOJI_DIR_STATE);
                                return sink->write(sink->ctx, state_dir.data(), state_dir.size());
                              }};
  host.AddService(SHOJI_DIRS_V1, &dirs);
  const auto store = SqliteStore::Open(sdk::Host(host.raw()), sdk::OptionMap(nullptr));
  ASSERT_TRUE(store.ok()) << store.status().message();
  EXPECT_TRUE(PathExists(state_dir + "/shoji.db"));
}

TEST(SqliteStore, AForeignDatabaseIsLeftAsItWas) {
  const TempDir dir;
  const std::string path = dir.path() + "/x.db";
  Stranger(path).Do("CREATE TABLE precious(x); INSERT INTO precious VALUES(1)");
  const std::string before = ReadFile(path).value();
  EXPECT_FALSE(SqliteStore::OpenAt(path).ok());
  EXPECT_EQ(ReadFile(path).value(), before);
  EXPECT_FALSE(PathExists(path + "-wal"));
}

void Overwrite(const std::string& path, std::size_t at, const std::string& bytes) {
  std::string all = ReadFile(path).value();
  all.replace(at, bytes.size(), bytes);
  EXPECT_TRUE(WriteFile(path, all).ok());
}

// Every page but the first becomes noise.
void Scribble(const std::string& path) {
  const std::size_t size = ReadFile(path).value().size();
  Overwrite(path, 4096, std::string(size - 4096, '\xa5'));
}

std::vector<Damage> Damages() {
  std::vector<Damage> damages;
  const auto add = [&](const char* name, std::function<void(const std::string&)> inflict,
                       bool foreign = false, std::int32_t code = SHOJI_DATA_LOSS) {
    damages.push_back({name,
                       [inflict](const std::string& dir) { inflict(dir + "/x.db"); },
                       {code},
                       "/x.db",
                       foreign});
  };
  add("TheHeaderIsForeign", [](const std::string& p) { Overwrite(p, 0, "#!/bin/sh\nexit 1\n"); });
  add("TheHeaderIsZero", [](const std::string& p) { Overwrite(p, 0, std::string(100, '\0')); });
  add("ThePagesAreNoise", Scribble);
  add("TheFileIsCutOff", [](const std::string& p) { EXPECT_EQ(truncate(p.c_str(), 8192), 0); });
  add("TheRootPageIsZero", [](const std::string& p) { Overwrite(p, 4096, std::string(4096, 0)); });
  add("AnotherProgramsId", [](const std::string& p) { Stranger(p).Do("PRAGMA application_id=7"); });
  add("TheTableIsGone", [](const std::string& p) { Stranger(p).Do("DROP TABLE record"); });
  add("AnotherTableInItsPlace", [](const std::string& p) {
    Stranger(p).Do("DROP TABLE record; CREATE TABLE record(something)");
  });
  add("AValueIsNoBlob", [](const std::string& p) { Stranger(p).Do("UPDATE record SET value=5"); });
  const auto newer = [](const std::string& p) { Stranger(p).Do("PRAGMA user_version=2"); };
  add("ANewerSchema", newer, false, SHOJI_FAILED_PRECONDITION);
  add(
      "AForeignDatabase", [](const std::string& p) { Stranger(p).Do("CREATE TABLE t(x)"); }, true);
  add(
      "AForeignFile",
      [](const std::string& p) { EXPECT_TRUE(WriteFile(p, std::string(5000, 'x')).ok()); }, true);
  add(
      "ADirectoryInItsPlace", [](const std::string& p) { EXPECT_TRUE(MakeDirs(p).ok()); }, true);
  return damages;
}

Subject SqliteSubject() {
  Subject subject;
  subject.id = "sqlite";
  subject.table = sdk::StoreTable<SqliteStore>();
  subject.options = [](const std::string& dir) { return Options{{"path", dir + "/x.db"}}; };
  subject.kills_beside_others = 50;
  subject.damages = Damages();
  return subject;
}

}  // namespace
}  // namespace shoji::sqlite

int main(int argc, char** argv) {
  return shoji::store_testing::RunStoreTests(argc, argv, shoji::sqlite::SqliteSubject());
}
