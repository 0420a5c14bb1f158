// Fixtures over Bed: one with nothing yet, one with a pod that runs for a whole test program.
//
// Threads  One.
// Example  TEST_F(PodTest, Works) { Exec(pod(), "idle", "true"); }
#ifndef SHOJI_TESTS_API_FIXTURE_H_
#define SHOJI_TESTS_API_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "bed.h"

namespace shoji::api_test {

// A state directory of its own. `runtime_` works, `other_` sees what was recorded.
class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(runtime_, nullptr);
    ASSERT_NE(other_, nullptr);
  }

  // The state in the record, as another process sees it.
  State Recorded(const std::string& sandbox) {
    const auto status = other_->StatusSandbox(sandbox);
    EXPECT_TRUE(Ok(status));
    return status.ok() ? status->state : State::kStopped;
  }
  State RecordedContainer(const std::string& sandbox, const std::string& container) {
    const auto status = other_->StatusSandbox(sandbox);
    EXPECT_TRUE(Ok(status));
    for (const auto& item : status.ok() ? status->containers : std::vector<ContainerStatus>()) {
      if (item.id == container) return item.state;
    }
    ADD_FAILURE() << "container " << container << " is not recorded";
    return State::kStopped;
  }

  Bed bed_;
  std::unique_ptr<Runtime> runtime_ = bed_.NewRuntime();
  std::unique_ptr<Runtime> other_ = bed_.NewRuntime();
};

// A running pod with a running container "idle", made once: a guest takes seconds to boot.
// A test removes what it adds.
class PodTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World;
    SandboxConfig config = Bed::Pod("pod", {Bed::Container("idle", kIdle)});
    config.hostname = "podhost";
    auto pod = world_->runtime->RunSandbox(config);
    ASSERT_TRUE(Ok(pod));
    world_->pod = *pod;
  }
  static void TearDownTestSuite() {
    if (world_->pod != nullptr) {
      EXPECT_TRUE(Ok(world_->pod->Delete()));
    }
    delete world_;
    world_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(world_->pod, nullptr); }

  static Sandbox& pod() { return *world_->pod; }
  static Runtime& runtime() { return *world_->runtime; }
  static Runtime& other() { return *world_->other; }
  static Bed& bed() { return world_->bed; }

  static State Recorded(const std::string& container) {
    const auto status = world_->other->StatusSandbox("pod");
    EXPECT_TRUE(Ok(status));
    for (const auto& item : status.ok() ? status->containers : std::vector<ContainerStatus>()) {
      if (item.id == container) return item.state;
    }
    ADD_FAILURE() << "container " << container << " is not recorded";
    return State::kStopped;
  }
  // A container that runs `script`, until the returned object goes.
  class Scoped {
   public:
    Scoped(const std::string& id, const std::string& script, bool start = true) : id_(id) {
      Make(Bed::Container(id, script), start);
    }
    Scoped(const ContainerConfig& config, bool start) : id_(config.id) { Make(config, start); }
    ~Scoped() {
      EXPECT_TRUE(Ok(pod().StopContainer(id_, true)));
      EXPECT_TRUE(Ok(pod().DeleteContainer(id_)));
    }
    Scoped(const Scoped&) = delete;
    Scoped& operator=(const Scoped&) = delete;

   private:
    void Make(const ContainerConfig& config, bool start) {
      EXPECT_TRUE(Ok(pod().CreateContainer(config)));
      if (start) {
        EXPECT_TRUE(Ok(pod().StartContainer(id_)));
      }
    }
    std::string id_;
  };

 private:
  struct World {
    Bed bed;
    std::unique_ptr<Runtime> runtime = bed.NewRuntime();
    std::unique_ptr<Runtime> other = bed.NewRuntime();
    std::shared_ptr<Sandbox> pod;
  };
  static inline World* world_ = nullptr;
};

}  // namespace shoji::api_test

#endif  // SHOJI_TESTS_API_FIXTURE_H_
