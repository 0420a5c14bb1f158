// What both stores are tested for besides the suite of all stores: options, and other processes
// at the engine itself.
//
// Example
//     struct LevelDb { using Store = LevelDbStore; static constexpr char kName[] = "leveldb"; ...
//     INSTANTIATE_TYPED_TEST_SUITE_P(LevelDb, EngineStoreTest, LevelDb);
#ifndef SHOJI_ONEPROCESS_TESTING_STORE_TEST_H_
#define SHOJI_ONEPROCESS_TESTING_STORE_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "oneprocess/engine.h"
#include "oneprocess/test_dir.h"
#include "shoji/base/deadline.h"
#include "shoji/sdk/store.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::oneprocess::testing {

using ::testing::HasSubstr;

// `Kind` has: Store, kName, kTable (how files of tables end), OpenEngine(db).
template <typename Kind>
class EngineStoreTest : public DirTest {
 protected:
  using StoreClass = typename Kind::Store;
  using Texts = std::map<std::string, std::string>;

  std::string path() const { return dir_ + "/store"; }
  Result<std::unique_ptr<StoreClass>> OpenWith(const Texts& texts) {
    std::vector<shoji_option> items;
    for (const auto& [name, value] : texts) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
    const shoji_options options = {sizeof(shoji_options), static_cast<std::uint32_t>(items.size()),
                                   items.data()};
    return StoreClass::Open(host_, sdk::OptionMap(&options));
  }
  std::unique_ptr<StoreClass> Open(const Texts& more = {}) {
    Texts texts = more;
    texts["path"] = path();
    auto store = OpenWith(texts);
    EXPECT_TRUE(store.ok()) << store.status().message();
    return store.ok() ? std::move(store).value() : nullptr;
  }
  static shoji_call CallFor(std::chrono::milliseconds span) {
    return {sizeof(shoji_call), -1, Deadline::After(span).nanos(), {nullptr, 0}};
  }

  sdk::testing::FakeHost fake_;
  const sdk::Host host_{fake_.raw()};
};

TYPED_TEST_SUITE_P(EngineStoreTest);

// The first one: a child of fork() has none of the threads that an engine has started here.
TYPED_TEST_P(EngineStoreTest, AnotherProgramAtTheDatabaseIsNamed) {
  auto store = this->Open({{"lock_timeout", "30000000"}});
  Child other([&](const auto& ready) {
    const auto engine = TypeParam::OpenEngine(this->path() + "/db");
    if (engine.ok()) ready();
    return engine.ok();
  });
  ASSERT_TRUE(other.WaitReady());
  const Status vain = store->Load(nullptr, "k").status();
  EXPECT_EQ(vain.code(), StatusCode::kUnavailable);
  EXPECT_THAT(vain.message(), HasSubstr("held by pid " + std::to_string(other.pid())));
  const shoji_call call = this->CallFor(std::chrono::milliseconds(30));
  const Status late = store->Save(&call, "k", "w");
  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(late.message(), HasSubstr("held by pid " + std::to_string(other.pid())));
  EXPECT_EQ(other.Finish(), 0);
  EXPECT_EQ(store->Load(nullptr, "k").status().code(), StatusCode::kNotFound);
}

inline std::int32_t TellState(const shoji_host* host, std::int32_t which, const shoji_sink* sink,
                              shoji_error* /*error*/) {
  if (which != SHOJI_DIR_STATE) return SHOJI_INVALID_ARGUMENT;
  const auto* dir =
      static_cast<const std::string*>(host->get_service(host, "test.state-directory"));
  return sink->write(sink->ctx, dir->data(), dir->size());
}

TYPED_TEST_P(EngineStoreTest, LiesInTheStateDirectoryUnlessToldOtherwise) {
  this->fake_.RemoveService(SHOJI_DIRS_V1);
  const Result<std::unique_ptr<typename TypeParam::Store>> none = this->OpenWith({});
  EXPECT_EQ(none.status().code(), StatusCode::kFailedPrecondition);
  const shoji_dirs_v1 dirs = {sizeof(shoji_dirs_v1), 0, TellState};
  this->fake_.AddService(SHOJI_DIRS_V1, &dirs);
  this->fake_.AddService("test.state-directory", &this->dir_);
  auto store = this->OpenWith({{"path", ""}});
  ASSERT_TRUE(store.ok()) << store.status().message();
  ASSERT_TRUE((*store)->Save(nullptr, "k", "v").ok());
  EXPECT_TRUE(PathExists(this->dir_ + "/" + TypeParam::kName + "/db/CURRENT"));
}

TYPED_TEST_P(EngineStoreTest, ABufferOutOfRangeIsRefused) {
  for (const char* size : {"1", "65535", "1073741825"}) {
    const auto store = this->OpenWith({{"path", this->path()}, {"write_buffer", size}});
    EXPECT_EQ(store.status().code(), StatusCode::kInvalidArgument) << size;
    EXPECT_THAT(store.status().message(), HasSubstr("write_buffer"));
  }
  EXPECT_NE(this->Open({{"write_buffer", "65536"}}), nullptr);
}

TYPED_TEST_P(EngineStoreTest, WithAndWithoutCompressionTheSameIsRead) {
  const std::string value(100'000, 'v');
  for (const char* compression : {"true", "false", "true"}) {
    auto store = this->Open({{"compression", compression}, {"write_buffer", "65536"}});
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(store->Save(nullptr, compression + std::to_string(i), value).ok());
    }
    EXPECT_EQ(store->Load(nullptr, "true0").value(), value);
  }
  EXPECT_EQ(this->Open()->Scan(nullptr, "").value().size(), 10U);
}

// LevelDB has one code for a record and for a file that is not there.
TYPED_TEST_P(EngineStoreTest, AFileThatIsGoneIsNotAMissingRecord) {
  const std::string value(10'000, 'v');
  ASSERT_TRUE(this->Open()->Save(nullptr, "k", value).ok());
  ASSERT_TRUE(this->Open()->Load(nullptr, "k").ok());  // moves the log to a table
  auto store = this->Open();
  ASSERT_EQ(store->Load(nullptr, "other").status().code(), StatusCode::kNotFound);
  const std::string db = this->path() + "/db";
  const std::vector<std::string> names = ListDir(db).value();
  for (const std::string& name : names) {
    if (!name.ends_with(TypeParam::kTable)) continue;
    EXPECT_TRUE(RemoveFile(db + "/" + name).ok());
  }
  const auto found = store->Load(nullptr, "k");  // the engine may have the file open
  const auto code = found.ok() ? StatusCode::kDataLoss : found.status().code();
  EXPECT_EQ(code, StatusCode::kDataLoss) << found.status().message();
  store.reset();
  const Status status = this->Open()->Load(nullptr, "k").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(db));
  EXPECT_THAT(status.message(), HasSubstr("repair"));
}

TYPED_TEST_P(EngineStoreTest, ALongScanEndsAtTheDeadline) {
  auto store = this->Open();
  std::vector<std::string> keys;
  for (int i = 0; i < 3000; ++i) keys.push_back("k/" + std::to_string(i));
  std::vector<sdk::StoreOp> ops;
  for (const std::string& key : keys) ops.push_back({false, key, "v"});
  ASSERT_TRUE(store->Apply(nullptr, ops).ok());
  shoji_call call = this->CallFor(std::chrono::milliseconds(0));
  EXPECT_EQ(store->Scan(&call, "").status().code(), StatusCode::kDeadlineExceeded);
  call = this->CallFor(std::chrono::milliseconds(60000));
  EXPECT_EQ(store->Scan(&call, "k/").value().size(), 3000U);
}

TYPED_TEST_P(EngineStoreTest, NeedsFewThreadsAndNoLogOfItsOwn) {
  auto store = this->Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store->Save(nullptr, "k" + std::to_string(i), "v").ok());
    store.reset();
    store = this->Open();
  }
  EXPECT_LE(ListDir("/proc/self/task").value().size(), 6U);
  EXPECT_FALSE(PathExists(this->path() + "/db/LOG"));
}

REGISTER_TYPED_TEST_SUITE_P(EngineStoreTest, AnotherProgramAtTheDatabaseIsNamed,
                            LiesInTheStateDirectoryUnlessToldOtherwise, ABufferOutOfRangeIsRefused,
                            WithAndWithoutCompressionTheSameIsRead,
                            AFileThatIsGoneIsNotAMissingRecord, ALongScanEndsAtTheDeadline,
                            NeedsFewThreadsAndNoLogOfItsOwn);

}  // namespace shoji::oneprocess::testing

#endif  // SHOJI_ONEPROCESS_TESTING_STORE_TEST_H_
