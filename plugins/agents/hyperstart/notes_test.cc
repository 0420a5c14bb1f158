#include "notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::agent_hyperstart {
namespace {

class NotesTest : public ::testing::Test {
 protected:
  NotesTest() {
    char name[] = "/tmp/hyperstart.XXXXXX";
    dir_ = mkdtemp(name);
    Listen();
  }
  ~NotesTest() override { std::filesystem::remove_all(dir_); }

  // A proxy, and another one when there was one.
  void Listen() {
    listener_ = std::move(*ListenUnix(dir_ + "/proxy.sock"));
    fd_ = std::move(*ConnectUnix(dir_ + "/proxy.sock"));
  }
  static Notes Some() {
    return {"pod", {{"c", {"t1", R"({"id":"c"})", true}}, {"d", {"t2", "", false}}}};
  }
  std::string file() const { return dir_ + "/hyperstart.json"; }

  std::string dir_;
  UniqueFd listener_;
  UniqueFd fd_;
};

TEST_F(NotesTest, AnotherProcessReadsThem) {
  EXPECT_TRUE(NoteBook().Read(fd_.get())->sandbox_id.empty());
  NoteBook writer;
  ASSERT_TRUE(writer.Write(fd_.get(), Some()).ok());
  const auto notes = NoteBook().Read(fd_.get());
  ASSERT_TRUE(notes.ok()) << notes.status().message();
  EXPECT_EQ(notes->sandbox_id, "pod");
  ASSERT_EQ(notes->containers.size(), 2U);
  EXPECT_EQ(notes->containers.at("c").token, "t1");
  EXPECT_EQ(notes->containers.at("c").request, R"({"id":"c"})");
  EXPECT_TRUE(notes->containers.at("c").started);
  EXPECT_FALSE(notes->containers.at("d").started);
  EXPECT_EQ(std::filesystem::status(file()).permissions(), std::filesystem::perms(0600));
  ASSERT_TRUE(writer.Write(fd_.get(), Notes()).ok());
  EXPECT_FALSE(PathExists(file()));
}

TEST_F(NotesTest, ThoseOfAnEarlierGuestCountAsNone) {
  NoteBook book;
  ASSERT_TRUE(book.Write(fd_.get(), Some()).ok());
  const UniqueFd earlier = std::move(listener_);  // keeps its inode from being used again
  Listen();
  EXPECT_TRUE(book.Read(fd_.get())->sandbox_id.empty());
}

TEST_F(NotesTest, TornIsDataLoss) {
  ASSERT_TRUE(NoteBook().Write(fd_.get(), Some()).ok());
  const std::string whole = *ReadFile(file());
  for (const std::string& torn :
       {std::string(), whole.substr(0, whole.size() / 2), std::string("[]"), std::string("{}")}) {
    ASSERT_TRUE(WriteFile(file(), torn).ok());
    EXPECT_EQ(NoteBook().Read(fd_.get()).status().code(), StatusCode::kDataLoss) << torn;
  }
}

TEST_F(NotesTest, WithoutAPlaceTheyAreInMemory) {
  const auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  NoteBook book;
  ASSERT_TRUE(book.Write(pair->first.get(), Some()).ok());
  EXPECT_EQ(book.Read(pair->first.get())->containers.size(), 2U);
  EXPECT_TRUE(NoteBook().Read(pair->first.get())->sandbox_id.empty());
}

}  // namespace
}  // namespace shoji::agent_hyperstart
