// For tests: the QEMU plugin as a host sees it, with real guests.
//
// Threads  One, but for what the calls themselves allow.
// Life     TearDown() destroys every VM and checks that nothing is left.
// Example  class MyTest : public Bed {};  TEST_F(MyTest, X) { Box* box = Boot("a", {}); ... }
#ifndef SHOJI_TESTS_QEMU_BED_H_
#define SHOJI_TESTS_QEMU_BED_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::qemu::testing {

constexpr std::chrono::seconds kPatience{120};  // for a machine under heavy load

// A VM and the directory it runs in.
struct Box {
  std::string name;
  std::string run_dir;
  std::string share;  // of the host, tag "kataShared"; empty: none
  std::string memory_path;
  std::string image;
  std::string params;
  std::uint32_t vcpus = 1;
  shoji_vm* vm = nullptr;
};

class Bed : public ::testing::Test {
 protected:
  using Options = std::vector<std::pair<std::string, std::string>>;

  void SetUp() override;
  void TearDown() override;

  // Opens the plugin with these options on top of accel=tcg; the code of open().
  std::int32_t Open(Options options);
  Box& NewBox(const std::string& name);
  // A root file system for AgentLine::Run() in `dir`.
  static void FillShare(const std::string& dir);

  std::int32_t Create(Box& box);
  std::int32_t Start(Box& box);
  std::int32_t Restore(Box& box, const std::string& dir, bool shared = true);
  std::int32_t Destroy(Box& box);
  std::int32_t Attach(const std::string& state, shoji_vm** vm);

  template <typename Table>
  const Table* Get(Box& box, const char* id) {
    return static_cast<const Table*>(table_->get_extension(box.vm, id));
  }
  std::int32_t Pause(Box& box);
  std::int32_t Resume(Box& box);
  std::int32_t Save(Box& box, const std::string& dir, bool shared = true);
  std::string ShareMount(Box& box, const std::string& tag);
  template <typename Slot>
  std::string TextOf(Box& box, Slot slot) {
    sdk::testing::FakeSink sink;
    EXPECT_EQ(slot(box.vm, sink.raw(), error_.raw()), SHOJI_OK) << error_.message;
    return sink.text();
  }
  std::vector<pid_t> Pids(Box& box);
  bool WaitForEnd(Box& box);

  static shoji_call Call() {
    return {sizeof(shoji_call), -1, Deadline::After(kPatience).nanos(), {}};
  }

  sdk::testing::FakeHost host_;
  sdk::testing::FakeError error_;
  std::string dir_;
  void* library_ = nullptr;
  shoji_plugin plugin_{sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  const shoji_hypervisor_v1* table_ = nullptr;
  shoji_hypervisor* hypervisor_ = nullptr;
  // Restoring needs the table, which a VM gives.
  const shoji_hypervisor_snapshot_v1* snapshot_ = nullptr;
  std::vector<std::unique_ptr<Box>> boxes_;
  std::size_t fds_before_ = 0;

 private:
  template <typename Do>
  std::int32_t WithConfig(const Box& box, Do action);
};

}  // namespace shoji::qemu::testing

#endif  // SHOJI_TESTS_QEMU_BED_H_
