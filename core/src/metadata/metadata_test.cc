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

TEST_P(MetadataTest, NewerRecordsAreNeitherReplacedNorRemoved) {
  ASSERT_TRUE(metadata_.Save(Record("pod", {"a"})).ok());
  const std::string newer = R"({"schema":99,"later":true})";
  ASSERT_TRUE(WriteFile(Key("sandboxes%pod"), newer).ok());
  for (const Status& refused : {metadata_.Save(Record("pod", {"a", "b"})), metadata_.Remove("pod"),
                                metadata_.SandboxOf("a").status()}) {
    EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
    for (const char* text :
         {"\"sandboxes/pod\" of store", "schema 99", "up to 2", "newer version"}) {
      EXPECT_NE(refused.message().find(text), std::string::npos) << refused.message();
    }
  }
  EXPECT_EQ(metadata_.CheckFree("a", "other").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(Key("sandboxes%pod")), newer);
  EXPECT_TRUE(metadata_.StaleIndex()->empty());
}

TEST_P(MetadataTest, DamagedRecordsAreNamedReplacedAndRemoved) {
  ASSERT_TRUE(metadata_.Save(Record("pod", {"a", "b"})).ok());
  ASSERT_TRUE(WriteFile(Key("sandboxes%pod"), "{").ok());
  const Status damaged = metadata_.Load("pod").status();
  EXPECT_EQ(damaged.code(), StatusCode::kDataLoss);
  EXPECT_NE(damaged.message().find("\"sandboxes/pod\" of store"), std::string::npos);
  ASSERT_TRUE(metadata_.Save(Record("pod", {"b", "c"})).ok());
  EXPECT_EQ(metadata_.SandboxOf("a").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*metadata_.SandboxOf("c"), "pod");
  ASSERT_TRUE(WriteFile(Key("sandboxes%pod"), "{").ok());
  ASSERT_TRUE(metadata_.Remove("pod").ok());
  EXPECT_TRUE(ListDir(dir_.path() + "/store")->empty());
}

TEST_P(MetadataTest, ARecordUnderAnotherNameIsDamaged) {
  ASSERT_TRUE(metadata_.Save(Record("pod", {"a"})).ok());
  ASSERT_TRUE(WriteFile(Key("sandboxes%web"), *ReadFile(Key("sandboxes%pod"))).ok());
  EXPECT_EQ(metadata_.Load("web").status().code(), StatusCode::kDataLoss);
}

// Or else making a thousand sandboxes would look at a million entries.
TEST_P(MetadataTest, SavingDoesNotLookAtOtherSandboxes) {
  for (int i = 0; i < 3; ++i) {
    const std::string id = "pod" + std::to_string(i);
    ASSERT_TRUE(metadata_.Save(Record(id, {id})).ok());
    ASSERT_TRUE(metadata_.Save(Record(id, {id, id + "-b"})).ok());
  }
  ASSERT_TRUE(metadata_.Remove("pod1").ok());
  EXPECT_EQ(world_.Count("store.scan"), 0);
}

INSTANTIATE_TEST_SUITE_P(Stores, MetadataTest, ::testing::Values(true, false));

}  // namespace
}  // namespace shoji
