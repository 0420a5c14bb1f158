// The filesystem store under the suite of all stores.
#include "store_suite.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "filesystem_store.h"
#include "shoji/base/file.h"

namespace {

using shoji::store_testing::Damage;

void Write(const std::string& path, const std::string& bytes) {
  const shoji::Status status = shoji::WriteFile(path, bytes);
  EXPECT_TRUE(status.ok()) << status.message();
}

void Cut(const std::string& path, off_t size) { EXPECT_EQ(truncate(path.c_str(), size), 0); }

// Turns around one bit in the middle.
void Flip(const std::string& path) {
  std::string bytes = shoji::ReadFile(path).value();
  bytes[bytes.size() / 2] ^= 1;
  Write(path, bytes);
}

std::vector<Damage> Damages() {
  std::vector<Damage> damages;
  const auto add = [&](const char* name, auto inflict, bool foreign = false) {
    damages.push_back({name, inflict, {SHOJI_DATA_LOSS}, "/store", foreign});
  };
  add("ARecordIsCutOff", [](const std::string& d) { Cut(d + "/store/old=", 25); });
  add("ARecordIsEmpty", [](const std::string& d) { Cut(d + "/store/old=", 0); });
  add("ABitOfARecordIsWrong", [](const std::string& d) { Flip(d + "/store/k/7="); });
  add("ARecordIsForeign", [](const std::string& d) { Write(d + "/store/old=", "#!/bin/sh\n"); });
  add("TheJournalIsTorn", [](const std::string& d) { Write(d + "/store/.journal", "ShojiTxn!"); });
  add("TheMarkerIsForeign", [](const std::string& d) { Write(d + "/store/.lock", "someone's"); });
  const auto put_directory = [](const std::string& d) {
    EXPECT_TRUE(shoji::MakeDirs(d + "/store").ok());
    Write(d + "/store/precious", "data");
  };
  add("AForeignDirectory", put_directory, true);
  add(
      "AForeignFile", [](const std::string& d) { Write(d + "/store", "data"); }, true);
  return damages;
}

}  // namespace

int main(int argc, char** argv) {
  shoji::store_testing::Subject subject;
  subject.id = "filesystem";
  subject.table = shoji::sdk::StoreTable<shoji::filesystem::FilesystemStore>();
  subject.options = [](const std::string& dir) {
    return shoji::store_testing::Options{{"path", dir + "/store"}};
  };
  subject.kills_beside_others = 50;
  subject.damages = Damages();
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}
