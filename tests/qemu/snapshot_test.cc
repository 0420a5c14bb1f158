// Pause, snapshots and clones of real guests.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <filesystem>
#include <iostream>
#include <map>

#include "agent_line.h"
#include "bed.h"
#include "shoji/base/file.h"

namespace shoji::qemu::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SnapshotTest : public Bed {
 protected:
  std::string MakeDir(const std::string& name) {
    EXPECT_TRUE(MakeDirs(dir_ + "/" + name).ok());
    return dir_ + "/" + name;
  }
  std::string MakeShare(const std::string& name) {
    const std::string dir = MakeDir(name);
    FillShare(dir);
    EXPECT_TRUE(WriteFile(dir + "/rootfs/whose", name).ok());
    return dir;
  }
  static std::string Socket(const Box& box) { return box.run_dir + "/kata.sock"; }

  // Returns when the agent has opened its port. Nobody has talked to it then: what a guest has
  // to say to a host that left would be in the snapshot, and be said to the hosts of all clones.
  void WaitForAgent(Box& box) {
    const shoji_call call = Call();
    const auto* table = Get<shoji_hypervisor_snapshot_v1>(box, SHOJI_HYPERVISOR_SNAPSHOT_V1);
    ASSERT_TRUE(SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, table, await_agent_port));
    ASSERT_EQ(table->await_agent_port(box.vm, &call, error_.raw()), SHOJI_OK) << error_.message;
    EXPECT_EQ(table->await_agent_port(box.vm, &call, error_.raw()), SHOJI_OK) << "and it stays";
  }
  // A guest whose agent waits for a host, with its memory in a file.
  Box& Template() {
    Box& box = NewBox("template");
    box.share = MakeDir("nothing");
    box.memory_path = dir_ + "/memory";
    EXPECT_EQ(Start(box), SHOJI_OK) << error_.message;
    WaitForAgent(box);
    return box;
  }
  Box& CloneOf(const Box& original, const std::string& name) {
    Box& box = NewBox(name);
    box.share = MakeShare(name + "-share");
    box.memory_path = original.memory_path;
    return box;
  }
  // Restores, resumes and asks the guest; how long until its first answer.
  std::chrono::milliseconds Wake(Box& box, const std::string& state);
  void ExpectOwnLife(Box& box, std::string* random);
  void RefusesBadInput(const std::string& state, const Box& original);
  void Refused(Box& box, const std::string& dir, std::int32_t code, const std::string& text) {
    EXPECT_EQ(Restore(box, dir), code) << error_.message;
    EXPECT_THAT(error_.message, HasSubstr(text));
    EXPECT_EQ(box.vm, nullptr);
    EXPECT_THAT(ListDir(box.run_dir).value(), IsEmpty());
  }
  void Clones(const Options& options);
  void SaveAClone(Box& clone, const std::string& state);
  void TearDown() override {
    lines_.clear();
    Bed::TearDown();
  }

  std::map<std::string, std::unique_ptr<AgentLine>> lines_;  // to the clones
};

std::chrono::milliseconds SnapshotTest::Wake(Box& box, const std::string& state) {
  const auto begin = Deadline::Clock::now();
  EXPECT_EQ(Restore(box, state), SHOJI_OK) << error_.message;
  if (box.vm == nullptr) return {};
  EXPECT_EQ(Resume(box), SHOJI_OK) << error_.message;
  lines_[box.name] = AgentLine::Talk(Socket(box));
  return std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin);
}

void SnapshotTest::ExpectOwnLife(Box& box, std::string* random) {
  if (box.vm == nullptr) return;
  if (lines_[box.name] == nullptr) lines_[box.name] = AgentLine::Talk(Socket(box));
  AgentLine& line = *lines_[box.name];
  ASSERT_EQ(line.MountShare(ShareMount(box, "kataShared")), "");
  std::string whose;
  EXPECT_EQ(line.Run({"cat", "/whose"}, &whose), "");
  EXPECT_EQ(whose, box.name + "-share");
  EXPECT_EQ(line.Run({"cat", "/proc/sys/kernel/random/uuid"}, random), "");
}

void SnapshotTest::RefusesBadInput(const std::string& state, const Box& original) {
  Box& box = CloneOf(original, "refused");
  box.vcpus = 2;
  Refused(box, state, SHOJI_INVALID_ARGUMENT, "vcpus is 2, but 1");
  box.vcpus = 1;
  box.params = "other";
  Refused(box, state, SHOJI_INVALID_ARGUMENT, "kernel_params");
  box.params = "";
  box.memory_path = dir_ + "/no-memory";
  Refused(box, state, SHOJI_NOT_FOUND, "no-memory");
  ASSERT_TRUE(WriteFile(box.memory_path, "short").ok());
  Refused(box, state, SHOJI_DATA_LOSS, "5 of");
  box.memory_path = original.memory_path;
  Refused(box, dir_ + "/no-such", SHOJI_NOT_FOUND, "no-such");
  const std::string copy = dir_ + "/copy";
  std::filesystem::copy(state, copy);
  std::filesystem::resize_file(copy + "/state", std::filesystem::file_size(copy + "/state") - 1);
  Refused(box, copy, SHOJI_DATA_LOSS, "incomplete");
  std::filesystem::remove(copy + "/state");
  Refused(box, copy, SHOJI_DATA_LOSS, "no file state");
  ASSERT_TRUE(WriteFile(copy + "/manifest.json", "{\"version\":1,").ok());
  Refused(box, copy, SHOJI_DATA_LOSS, "manifest.json cannot be read");
  std::filesystem::remove(copy + "/manifest.json");
  Refused(box, copy, SHOJI_DATA_LOSS, "no manifest.json");
}

void SnapshotTest::Clones(const Options& options) {
  ASSERT_EQ(Open(options), SHOJI_OK) << error_.message;
  Box& original = Template();
  const std::string state = MakeDir("state");
  EXPECT_EQ(Save(original, state), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("pause it before"));
  EXPECT_EQ(Pause(original), SHOJI_OK) << error_.message;
  EXPECT_EQ(Pause(original), SHOJI_OK) << error_.message;
  EXPECT_EQ(Save(original, dir_), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("is not empty"));
  ASSERT_EQ(Save(original, state), SHOJI_OK) << error_.message;
  EXPECT_LT(std::filesystem::file_size(state + "/state"), 4U << 20U) << "memory is in it";
  EXPECT_EQ(Resume(original), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("clone"));
  EXPECT_EQ(Destroy(original), SHOJI_OK) << error_.message;

  RefusesBadInput(state, original);
  Box& one = CloneOf(original, "one");
  Box& two = CloneOf(original, "two");
  const auto alone = Wake(one, state);
  const auto second = Wake(two, state);
  std::cout << "from restore() to the agent's first answer: " << alone.count() << " ms, "
            << second.count() << " ms\n";
  std::string random[2];
  ExpectOwnLife(one, &random[0]);
  ExpectOwnLife(two, &random[1]);
  EXPECT_FALSE(random[0].empty());
  EXPECT_NE(random[0], random[1]);
  SaveAClone(CloneOf(original, "three"), state);
}

// A clone can be saved like any other VM: with all of its memory, and without the template.
void SnapshotTest::SaveAClone(Box& clone, const std::string& state) {
  Wake(clone, state);
  lines_.erase(clone.name);
  ASSERT_EQ(Pause(clone), SHOJI_OK) << error_.message;
  const std::string whole = MakeDir("whole");
  ASSERT_EQ(Save(clone, whole, false), SHOJI_OK) << error_.message;
  Box& again = NewBox("again");
  again.share = MakeShare("again-share");
  ASSERT_EQ(Restore(again, whole, false), SHOJI_OK) << error_.message;
  ASSERT_EQ(Resume(again), SHOJI_OK) << error_.message;
  std::string random;
  ExpectOwnLife(again, &random);
  EXPECT_FALSE(random.empty());
}

TEST_F(SnapshotTest, ClonesOfAPc) { Clones({}); }

TEST_F(SnapshotTest, ClonesOfAMicrovm) { Clones({{"machine", "microvm,acpi=on,pcie=on,pic=off"}}); }

// The whole memory in the state, a mounted share, a full disk, another process's handle.
TEST_F(SnapshotTest, SavesWithMemoryOrSaysWhyNot) {
  Box& box = NewBox("whole");
  box.share = MakeShare("whole-share");
  ASSERT_EQ(Start(box), SHOJI_OK) << error_.message;
  WaitForAgent(box);
  ASSERT_EQ(Pause(box), SHOJI_OK);
  const std::string state = MakeDir("state");
  EXPECT_EQ(Save(box, state), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("without a memory file"));

  const std::string small = MakeDir("small");
  ASSERT_EQ(mount("tmpfs", small.c_str(), "tmpfs", 0, "size=2M"), 0);
  EXPECT_EQ(Save(box, small, false), SHOJI_RESOURCE_EXHAUSTED) << error_.message;
  EXPECT_THAT(ListDir(small).value(), IsEmpty());
  ASSERT_EQ(umount2(small.c_str(), MNT_DETACH), 0);

  // After a failure QEMU wants to have run once; from a handle as another process has it.
  const std::string saved = TextOf(box, table_->save_state);
  shoji_vm* other = nullptr;
  ASSERT_EQ(Attach(saved, &other), SHOJI_OK) << error_.message;
  table_->close_vm(std::exchange(box.vm, other));
  ASSERT_EQ(Resume(box), SHOJI_OK) << error_.message;
  ASSERT_EQ(Pause(box), SHOJI_OK) << error_.message;
  ASSERT_EQ(Save(box, state, false), SHOJI_OK) << error_.message;
  EXPECT_GT(std::filesystem::file_size(state + "/state"), 8U << 20U);
  EXPECT_EQ(Save(box, MakeDir("again"), false), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("resume and pause"));

  Box& clone = NewBox("clone");
  clone.share = MakeShare("clone-share");
  EXPECT_EQ(Restore(clone, state), SHOJI_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("with its memory"));
  ASSERT_EQ(Restore(clone, state, false), SHOJI_OK) << error_.message;
  ASSERT_EQ(Resume(clone), SHOJI_OK) << error_.message;
  std::string random;
  ExpectOwnLife(clone, &random);

  // Its share is mounted now.
  ASSERT_EQ(Pause(clone), SHOJI_OK);
  const std::string more = MakeDir("more");
  EXPECT_EQ(Save(clone, more, false), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(error_.message, HasSubstr("kataShared"));
  EXPECT_THAT(ListDir(more).value(), IsEmpty());
  ASSERT_EQ(Resume(clone), SHOJI_OK);
  std::string output;
  EXPECT_EQ(lines_[clone.name]->Run({"echo", "still here"}, &output), "");
  EXPECT_EQ(output, "still here\n");
}

}  // namespace
}  // namespace shoji::qemu::testing
