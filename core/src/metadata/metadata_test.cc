#include "metadata/metadata.h"

#include <gtest/gtest.h>

#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

SandboxRecord Record(const std::string& id, const std::vector<std::string>& containers) {
  SandboxRecord record;
  record.id = id;
  record.state = State::kPaused;
  record.released = true;
  record.boot = 3;
  record.vm_state = std::string("\0\xff blob", 7);
  record.proxy_state = "p";
  record.vm_processes = {{12, 345}};
  record.config.id = id;
  record.config.dns = {"nameserver 1.1.1.1"};
  for (const std::string& name : containers) {
    ContainerRecord container;
    container.config.id = name;
    container.config.cmd.args = {"sh"};
    container.config.cmd.capabilities = Capabilities{{"CAP_KILL"}, {}, {}, {}, {}};
    container.config.mounts = {{"/a", "/b", "bind", {"ro"}}};
    container.share_entries = {name, name + "-0-a"};
    record.containers.push_back(container);
  }
  return record;
}

class MetadataTest : public ::testing::TestWithParam<bool> {
 protected:
  MetadataTest() { world_.use_transactions(GetParam()); }
  std::string Key(const std::string& key) const { return dir_.path() + "/store/" + key; }
  testing::TempDir dir_;
  testing::FakeWorld world_{dir_.path()};
  Metadata metadata_{testing::MakeFakeStore(world_), dir_.path() + "/index.lock"};
};

TEST_P(MetadataTest, RecordComesBack) {
  const SandboxRecord record = Record("pod", {"a", "b"});
  ASSERT_TRUE(metadata_.Save(record).ok());
  const auto loaded = metadata_.Load("pod");
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(FormatRecord(*loaded), FormatRecord(record));
  EXPECT_EQ(loaded->vm_state, record.vm_state);
  EXPECT_EQ(loaded->containers[0].config.cmd.capabilities->bounding.at(0), "CAP_KILL");
  EXPECT_FALSE(loaded->containers[0].config.cmd.args.empty());
  EXPECT_EQ(*metadata_.List(), std::vector<std::string>{"pod"});
}

TEST_P(MetadataTest, ContainerIdsBelongToOneSandbox) {
  ASSERT_TRUE(metadata_.Save(Record("pod", {"a", "b"})).ok());
  const Status clash = metadata_.Save(Record("other", {"c", "b"}));
  EXPECT_EQ(clash.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(metadata_.Load("other").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(metadata_.SandboxOf("c").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(metadata_.Save(Record("pod", {"a"})).ok());
  EXPECT_TRUE(metadata_.Save(Record("other", {"b"})).ok());
  EXPECT_EQ(*metadata_.SandboxOf("b"), "other");
  ASSERT_TRUE(metadata_.Remove("pod").ok());
  ASSERT_TRUE(metadata_.Remove("other").ok());
  EXPECT_TRUE(ListDir(dir_.path() + "/store")->empty());
}

TEST_P(MetadataTest, TornAndNewerRecordsAreRefused) {
  for (const char* torn : {"", "{", "{}", "[]", R"({"schema":1,"id":"pod"})",
                           R"({"schema":1,"id":"pod","state":"odd","config":{},"containers":[]})",
                           R"({"schema":"x"})"}) {
    ASSERT_TRUE(WriteFile(Key("sandboxes%pod"), torn).ok());
    EXPECT_EQ(metadata_.Load("pod").status().code(), StatusCode::kDataLoss) << torn;
  }
  ASSERT_TRUE(WriteFile(Key("sandboxes%pod"), R"({"schema":99,"later":true})").ok());
  const Status newer = metadata_.Load("pod").status();
  EXPECT_EQ(newer.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(newer.message().find("schema 99"), std::string::npos);
}

TEST_P(MetadataTest, StaleIndexIsSeenThroughAndRemoved) {
  ASSERT_TRUE(WriteFile(Key("containers%a"), "gone").ok());
  EXPECT_EQ(metadata_.SandboxOf("a").status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(metadata_.CheckFree("a", "pod").ok());
  ASSERT_EQ(metadata_.StaleIndex()->size(), 1U);
  ASSERT_TRUE(metadata_.RemoveStale("a").ok());
  EXPECT_TRUE(metadata_.StaleIndex()->empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, MetadataTest, ::testing::Values(true, false));

}  // namespace
}  // namespace shoji
