// Every step of a change may be the last one: what does the next process find?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <tuple>

#include "metadata/metadata.h"
#include "metadata/store_check.h"
#include "testing/fake_plugins.h"
#include "testing/memory_store.h"

namespace shoji {
namespace {

using ::testing::Contains;

SandboxRecord Record(const std::string& id, const std::vector<std::string>& containers) {
  SandboxRecord record;
  record.id = id;
  for (const std::string& name : containers) record.containers.emplace_back().config.id = name;
  return record;
}

// Can it scan, has it transactions, is the change made whose answer is lost.
class CrashTest : public ::testing::TestWithParam<std::tuple<bool, bool, bool>> {
 protected:
  using Work = std::function<Status(Metadata&)>;

  CrashTest() {
    disk_.can_scan = std::get<0>(GetParam());
    disk_.has_transactions = std::get<1>(GetParam());
  }
  Metadata Open() { return Metadata(disk_.Open(), dir_.path() + "/index.lock"); }

  // Runs `work` after `before`, with a crash at its n-th change for every n; then, in a
  // "new process", checks what is there and lets `work` try again.
  void CrashEverywhere(const Work& before, const Work& work) {
    const auto reference = Outcome(before, work);
    int n = 1;
    for (bool crashed = true; crashed; ++n) {
      SCOPED_TRACE("crash at change " + std::to_string(n));
      disk_.keys.clear();
      disk_.Restart();
      ASSERT_TRUE(Run(before).ok());
      disk_.CrashAt(n, std::get<2>(GetParam()));
      crashed = !Run(work).ok();
      disk_.Restart();
      CheckSound();
      CheckRetry(work, reference);
    }
    // A transaction is one change, or the store was not asked for one.
    EXPECT_EQ(n > 3, !disk_.has_transactions) << n;
  }

  Status Run(const Work& work) {
    Metadata metadata = Open();
    return work(metadata);
  }

  std::map<std::string, std::string> Outcome(const Work& before, const Work& work) {
    disk_.keys.clear();
    EXPECT_TRUE(Run(before).ok());
    EXPECT_TRUE(Run(work).ok());
    Collect();
    return disk_.keys;
  }

  void Collect() {
    Metadata metadata = Open();
    const auto stale = metadata.StaleIndex();
    ASSERT_TRUE(stale.ok());
    for (const auto& [container, sandbox] : *stale) {
      EXPECT_TRUE(metadata.RemoveStale(container).ok());
    }
  }

  // What is in a record is found; what is in none is free for anyone.
  void CheckSound() {
    Metadata metadata = Open();
    std::map<std::string, std::string> homes;
    for (const char* id : {"pod", "other"}) {
      const auto record = metadata.Load(id);
      if (!record.ok()) {
        EXPECT_EQ(record.status().code(), StatusCode::kNotFound) << record.status().message();
        continue;
      }
      EXPECT_THAT(*metadata.List(), Contains(id));
      for (const auto& container : record->containers) {
        EXPECT_TRUE(homes.emplace(container.config.id, id).second) << "two sandboxes have it";
      }
    }
    for (const char* container : {"a", "b", "c"}) {
      const auto home = metadata.SandboxOf(container);
      if (homes.count(container) > 0) {
        ASSERT_TRUE(home.ok()) << container << ": " << home.status().message();
        EXPECT_EQ(*home, homes[container]);
        EXPECT_EQ(metadata.CheckFree(container, "third").code(), StatusCode::kAlreadyExists);
      } else {
        EXPECT_EQ(home.status().code(), StatusCode::kNotFound) << container;
        EXPECT_TRUE(metadata.CheckFree(container, "third").ok()) << container;
      }
    }
  }

  // After a second try and a collection nothing of the crash is left.
  void CheckRetry(const Work& work, const std::map<std::string, std::string>& reference) {
    ASSERT_TRUE(Run(work).ok());
    Collect();
    CheckSound();
    if (disk_.can_scan) {
      EXPECT_EQ(disk_.keys, reference);
    }
    const auto store = disk_.Open();
    EXPECT_TRUE(StoreChecker(*store, true).Run().ok());
    const auto report = StoreChecker(*store, false).Run();
    ASSERT_TRUE(report.ok());
    for (const auto& finding : report->findings) ADD_FAILURE() << finding.text;
  }

  testing::TempDir dir_;
  testing::MemoryStore disk_;
};

Status Nothing(Metadata&) { return OkStatus(); }
Status SavePod(Metadata& metadata) { return metadata.Save(Record("pod", {"a", "b"})); }

TEST_P(CrashTest, SavingANewSandbox) { CrashEverywhere(Nothing, SavePod); }

TEST_P(CrashTest, SavingOtherContainers) {
  CrashEverywhere(SavePod, [](Metadata& m) { return m.Save(Record("pod", {"a", "c"})); });
}

TEST_P(CrashTest, Removing) {
  CrashEverywhere(SavePod, [](Metadata& m) { return m.Remove("pod"); });
}

TEST_P(CrashTest, ClaimingWhatACrashLeft) {
  CrashEverywhere(
      [&](Metadata& m) {
        SHOJI_RETURN_IF_ERROR(SavePod(m));
        // As a removal leaves it that was cut short after its first step.
        disk_.keys.erase("sandboxes/pod");
        return OkStatus();
      },
      [](Metadata& m) {
        return m.Save(Record("other", {"b", "c"}));
      });
}

INSTANTIATE_TEST_SUITE_P(Stores, CrashTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool(),
                                            ::testing::Bool()));

}  // namespace
}  // namespace shoji
