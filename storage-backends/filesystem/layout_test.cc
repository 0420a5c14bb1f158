#include "layout.h"

#include <gtest/gtest.h>

#include <vector>

#include "journal.h"
#include "record.h"
#include "shoji/base/strings.h"

namespace shoji::filesystem {
namespace {

// What a scan makes of a path.
std::string KeyOfPath(const std::string& path) {
  std::string key;
  for (const std::string& name : Split(path, '/')) {
    const auto part = ParseName(name);
    if (!part) return "(no name of ours: " + name + ")";
    key += part->text;
  }
  return key;
}

TEST(Layout, EveryByteComesBackAndNoNameBeginsWithADot) {
  std::vector<std::string> keys = {"a", "a/b", ".hidden/.x", "..a", "a=", "a+", "%41", "ü/日本"};
  for (int c = 1; c < 128; ++c) keys.push_back("k" + std::string(1, static_cast<char>(c)) + "k");
  for (const std::string& key : keys) {
    if (key == "k/k") continue;
    const std::string path = PathOfKey(key);
    EXPECT_EQ(KeyOfPath(path), key) << path;
    for (const std::string& name : Split(path, '/')) EXPECT_NE(name[0], '.') << path;
  }
}

TEST(Layout, LongComponentsAreCutIntoNamesTheFileSystemTakes) {
  for (const char c : {'x', ' ', '.'}) {
    const std::string key = "p/" + std::string(510, c);
    const std::string path = PathOfKey(key);
    EXPECT_EQ(KeyOfPath(path), key);
    for (const std::string& name : Split(path, '/')) {
      EXPECT_LE(name.size(), 255U);
      EXPECT_NE(name[0], '.');
    }
  }
}

TEST(Layout, AKeyAndTheKeysBelowItDoNotCollide) {
  EXPECT_EQ(PathOfKey("a"), "a=");
  EXPECT_EQ(PathOfKey("a/b"), "a/b=");
}

TEST(Layout, ForeignNamesAreNoKeys) {
  for (const char* name : {"", ".lock", ".t0", "a b", "%4", "%zz=", "%", "="}) {
    EXPECT_FALSE(ParseName(name).has_value()) << name;
  }
}

TEST(Record, EveryCutAndEveryChangedByteIsFound) {
  const std::string whole = RecordHeader("k", "value") + "value";
  ASSERT_EQ(UnpackRecord("k", whole).value(), "value");
  EXPECT_EQ(UnpackRecord("other", whole).status().code(), StatusCode::kDataLoss);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(UnpackRecord("k", whole.substr(0, i)).ok()) << i;
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(UnpackRecord("k", changed).ok()) << i;
  }
  EXPECT_FALSE(UnpackRecord("k", whole + "x").ok());
}

TEST(Journal, EveryCutAndEveryChangedByteIsFound) {
  const std::string whole = PackJournal({{false, 3, "a/b"}, {true, 0, "c"}});
  const auto steps = UnpackJournal(whole);
  ASSERT_TRUE(steps.ok());
  ASSERT_EQ(steps->size(), 2U);
  EXPECT_EQ((*steps)[0].key, "a/b");
  EXPECT_EQ((*steps)[0].file, 3U);
  EXPECT_TRUE((*steps)[1].remove);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(UnpackJournal(whole.substr(0, i)).ok()) << i;
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(UnpackJournal(changed).ok()) << i;
  }
}

}  // namespace
}  // namespace shoji::filesystem
