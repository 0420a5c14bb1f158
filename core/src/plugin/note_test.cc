#include "plugin/note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoji/plugin/note.h"

namespace shoji {
namespace {

using testing::HasSubstr;

const std::string kPlugin = "plugin\tstore\tcom.example.kv\t1.2\tExample\tMIT\t0.1.0\n";
const std::string kAbi = "abi\t1\t2\n";

TEST(Note, WholeNote) {
  const auto note =
      ParseNote(kPlugin + kAbi + "interface\tshoji.store/1\t0\nlater\tx\n" +
                "option\tpath\tpath\t/var/lib/kv\t\tDirectory\textra\n" +
                "option\tkey\tstring\t\tsecret,required,later\tKey\n" + std::string(3, '\0'));
  ASSERT_TRUE(note.ok()) << note.status().message();
  EXPECT_EQ(note->id, "com.example.kv");
  EXPECT_EQ(note->licence, "MIT");
  EXPECT_EQ(note->abi_max, 2U);
  ASSERT_EQ(note->interfaces.size(), 1U);
  EXPECT_EQ(note->interfaces[0].id, "shoji.store/1");
  EXPECT_EQ(note->interfaces[0].minor, 0U);
  ASSERT_EQ(note->options.size(), 2U);
  EXPECT_EQ(note->options[0].default_value, "/var/lib/kv");
  EXPECT_EQ(note->options[0].help, "Directory");
  EXPECT_TRUE(note->options[1].secret);
  EXPECT_TRUE(note->options[1].required);
  EXPECT_TRUE(CheckNote(*note).ok());
}

TEST(Note, BadRecordsAreNamed) {
  const auto error = [](const std::string& text) {
    const auto note = ParseNote(text);
    return note.ok() ? std::string("no error") : note.status().message();
  };
  EXPECT_EQ(error(""), "its note has no record \"plugin\"");
  EXPECT_EQ(error(kPlugin), "its note has no record \"abi\"");
  EXPECT_THAT(error("plugin\tsto re\tx\n" + kAbi), HasSubstr("\"sto re\""));
  EXPECT_THAT(error("plugin\tstore\t../x\n" + kAbi), HasSubstr("\"../x\""));
  EXPECT_THAT(error("plugin\tstore\t\x1b[2J\n" + kAbi), HasSubstr("\"?[2J\""));
  EXPECT_THAT(error(kPlugin + "abi\t2\t1\n"), HasSubstr("\"2\" to \"1\""));
  EXPECT_THAT(error(kPlugin + "abi\n"), HasSubstr("ABI range"));
  EXPECT_THAT(error(kPlugin + kAbi + "option\ta\tcolour\t\t\t\n"), HasSubstr("\"colour\""));
  EXPECT_THAT(error(kPlugin + kAbi + "option\t\tint\t1\t\t\n"), HasSubstr("option \"\""));
  EXPECT_THAT(error(kPlugin + kAbi + "option\ta\tint\tx\t\t\n"), HasSubstr("its option a"));
  EXPECT_THAT(error(kPlugin + kAbi + "option\ta\tint\t1\noption\ta\tint\t1\n"),
              HasSubstr("\"a\" twice"));
  EXPECT_THAT(error(kPlugin + kAbi + "interface\tshoji.store/1\tx\n"), HasSubstr("minor \"x\""));
  EXPECT_THAT(error(kPlugin + kAbi + "interface\t\t1\n"), HasSubstr("interface \"\""));
}

TEST(Note, InterfacesHaveMinors) {
  const auto note = ParseNote(kPlugin + kAbi + "interface\tshoji.store/1\t3\ninterface\tx/1\n");
  ASSERT_TRUE(note.ok()) << note.status().message();
  EXPECT_EQ(note->interfaces[0].minor, 3U);
  EXPECT_EQ(note->interfaces[1].minor, 0U);
  EXPECT_TRUE(Announces(*note, "x/1"));
  EXPECT_FALSE(Announces(*note, "x/2"));
}

TEST(Note, EveryKindHasItsRequiredInterface) {
  for (const std::string kind :
       {"hypervisor", "store", "factory", "shim", "proxy", "agent", "network"}) {
    const std::string head = "plugin\t" + kind + "\tx\t1\tv\tMIT\t0\n" + kAbi;
    EXPECT_TRUE(CheckNote(*ParseNote(head + "interface\tshoji." + kind + "/1\t0\n")).ok());
    EXPECT_THAT(CheckNote(*ParseNote(head)).message(), HasSubstr("shoji." + kind + "/1"));
  }
  EXPECT_FALSE(IsKnownKind("teapot"));
}

TEST(Note, DraftsLoadIntoTheirOwnVersionOnly) {
  const std::string head = kPlugin + kAbi + "interface\tshoji.store/1\t0\n";
  const auto own = ParseNote(head + SHOJI_NOTE_DRAFT("shoji.store.thing/1"));
  ASSERT_TRUE(own.ok());
  EXPECT_TRUE(CheckNote(*own).ok()) << CheckNote(*own).message();
  for (const std::string version : {"0.0.9", "0.1.0-rc1", ""}) {
    const auto note = ParseNote(head + "draft\tshoji.store.thing/1\t" + version + "\n");
    const Status status = CheckNote(*note);
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr("shoji.store.thing/1 of version " + version));
  }
}

TEST(Note, TheAbiRangeMustIncludeOurs) {
  PluginNote note = {"store", "x", "1", "v", "MIT", "0", 2, 3, {{"shoji.store/1", 0}}, {}, {}};
  EXPECT_THAT(CheckNote(note).message(), HasSubstr("needs plugin ABI 2 to 3, this host serves 1"));
  note.abi_min = 1;
  EXPECT_TRUE(CheckNote(note).ok());
}

}  // namespace
}  // namespace shoji
