// What the two engines have in common under the suite of all stores.
//
// Example
//     int main(int argc, char** argv) {
//       auto subject = oneprocess::testing::SubjectOf<LevelDbStore>("leveldb");
//       ...
//       return store_testing::RunStoreTests(argc, argv, subject);
#ifndef SHOJI_ONEPROCESS_TESTING_SUITE_H_
#define SHOJI_ONEPROCESS_TESTING_SUITE_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/sdk/store.h"
#include "shoji/sdk/testing/fake_host.h"
#include "store_suite.h"

namespace shoji::oneprocess::testing {

inline void Put(const std::string& path, const std::string& bytes) {
  const Status status = WriteFile(path, bytes);
  EXPECT_TRUE(status.ok()) << status.message();
}

// The file of the database below `dir` whose name holds `part`, the largest one.
inline std::string FileWith(const std::string& dir, const std::string& part) {
  const std::string db = dir + "/store/db";
  std::string found;
  std::size_t size = 0;
  const std::vector<std::string> names = ListDir(db).value();
  for (const std::string& name : names) {
    if (name.find(part) == std::string::npos) continue;
    const std::size_t bytes = ReadFile(db + "/" + name).value().size();
    if (found.empty() || bytes > size) found = db + "/" + name;
    size = std::max(size, bytes);
  }
  EXPECT_NE(found, "") << "no file with " << part << " in " << db;
  return found;
}

// Turns around one bit in the middle.
inline void Flip(const std::string& path) {
  std::string bytes = ReadFile(path).value();
  ASSERT_FALSE(bytes.empty());
  bytes[bytes.size() / 2] ^= 1;
  Put(path, bytes);
}

inline void Remove(const std::string& path) { EXPECT_TRUE(RemoveTree(path).ok()); }

// Not compressed: what fills a disk shall fill it.
inline store_testing::Options OptionsIn(const std::string& dir) {
  return {{"path", dir + "/store"}, {"compression", "false"}};
}

// Opens and closes it once more: what was in the log goes to a table.
template <typename StoreClass>
void Reopen(const std::string& dir) {
  const sdk::testing::FakeHost fake;
  const sdk::Host host(fake.raw());
  const std::string path = dir + "/store";
  const shoji_option option = {sdk::ToStr("path"), sdk::ToStr(path)};
  const shoji_options options = {sizeof(shoji_options), 1, &option};
  auto store = StoreClass::Open(host, sdk::OptionMap(&options));
  ASSERT_TRUE(store.ok()) << store.status().message();
  EXPECT_TRUE((*store)->Load(nullptr, "old").ok());
}

template <typename StoreClass>
std::vector<store_testing::Damage> DamagesOf(const std::string& table) {
  std::vector<store_testing::Damage> damages;
  const auto add = [&](const char* name, auto inflict, const std::string& named = "/store",
                       bool foreign = false) {
    damages.push_back({name, inflict, {SHOJI_DATA_LOSS}, named, foreign});
  };
  add(
      "ABitOfTheLogIsWrong", [](const std::string& d) { Flip(FileWith(d, ".log")); }, ".log");
  add("CurrentIsGone", [](const std::string& d) { Remove(d + "/store/db/CURRENT"); });
  add("CurrentIsForeign",
      [](const std::string& d) { Put(d + "/store/db/CURRENT", "#!/bin/sh\n"); });
  add("TheManifestIsGone", [](const std::string& d) { Remove(FileWith(d, "MANIFEST")); });
  add("ABitOfTheManifestIsWrong", [](const std::string& d) { Flip(FileWith(d, "MANIFEST")); });
  add("TheDatabaseIsGone", [](const std::string& d) { Remove(d + "/store/db"); });
  add(
      "ABitOfATableIsWrong",
      [table](const std::string& d) {
        Reopen<StoreClass>(d);
        Flip(FileWith(d, table));
      },
      table);
  add(
      "ATableIsGone",
      [table](const std::string& d) {
        Reopen<StoreClass>(d);
        Remove(FileWith(d, table));
      },
      "/store/db/0000");
  add("TheMarkerIsForeign", [](const std::string& d) { Put(d + "/store/.store", "someone's"); });
  const auto put_directory = [](const std::string& d) {
    EXPECT_TRUE(MakeDirs(d + "/store").ok());
    Put(d + "/store/precious", "data");
  };
  add("AForeignDirectory", put_directory, "/store", true);
  add(
      "AForeignFile", [](const std::string& d) { Put(d + "/store", "data"); }, "/store", true);
  return damages;
}

// `table`: how the files are called that hold the bulk.
template <typename StoreClass>
store_testing::Subject SubjectOf(const std::string& id, const std::string& table) {
  store_testing::Subject subject;
  subject.id = id;
  subject.table = sdk::StoreTable<StoreClass>();
  subject.options = OptionsIn;
  subject.kills_beside_others = 30;
  subject.damages = DamagesOf<StoreClass>(table);
  return subject;
}

}  // namespace shoji::oneprocess::testing

#endif  // SHOJI_ONEPROCESS_TESTING_SUITE_H_
