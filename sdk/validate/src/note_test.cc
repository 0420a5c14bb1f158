#include "note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::validate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPlugin = "plugin\tstore\tcom.example.kv\t1.2.0\tExample\tMIT\t0.1.0\n";
const std::string kAbi = "abi\t1\t1\n";
const std::string kInterface = "interface\tshoji.store/1\t0\n";
const std::string kOption = "option\tsize\tsize\t1K\t\tA size\n";

TEST(Note, AGoodOneHasNoProblem) {
  const std::string text = kPlugin + kAbi + kInterface + kOption + std::string(3, '\0');
  EXPECT_THAT(NoteFormProblems(text), IsEmpty());
  const Note note = ParseNote(text);
  EXPECT_THAT(NoteIdentityProblems(note), IsEmpty());
  EXPECT_THAT(NoteAbiProblems(note), IsEmpty());
  EXPECT_THAT(NoteInterfaceProblems(note), IsEmpty());
  EXPECT_THAT(NoteOptionProblems(note), IsEmpty());
  EXPECT_TRUE(note.Announces("shoji.store/1"));
  EXPECT_FALSE(note.Announces("shoji.store/2"));
}

TEST(Note, FormIsStrict) {
  const std::string good = kPlugin + kAbi + kInterface;
  EXPECT_THAT(NoteFormProblems(good + "later\tx\n"), ElementsAre(HasSubstr("\"later\"")));
  EXPECT_THAT(NoteFormProblems(good + "option\ta\tint\n"), ElementsAre(HasSubstr("has 3 fields")));
  EXPECT_THAT(NoteFormProblems(good + kPlugin), ElementsAre(HasSubstr("2 records \"plugin\"")));
  EXPECT_THAT(NoteFormProblems(kPlugin + kInterface), ElementsAre(HasSubstr("0 records \"abi\"")));
  EXPECT_THAT(NoteFormProblems(good.substr(0, good.size() - 1)),
              ElementsAre(HasSubstr("no line end")));
  EXPECT_THAT(NoteFormProblems(good + std::string("\0x\n", 3)),
              ElementsAre(HasSubstr("behind the first NUL")));
  EXPECT_THAT(NoteFormProblems(good + "interface\tx\x1b[2J\t0\n"),
              ElementsAre(HasSubstr("control characters")));
  EXPECT_THAT(NoteFormProblems(good + "interface\t\xff\t0\n"), ElementsAre(HasSubstr("UTF-8")));
  EXPECT_FALSE(NoteFormProblems("").empty());
}

TEST(Note, IdsAreReverseDnsButOurs) {
  Note note = ParseNote(kPlugin);
  for (const char* const id :
       {"kv", "Com.example.kv", "com.example..kv", ".kv", "com.example.", ""}) {
    note.id = id;
    EXPECT_FALSE(NoteIdentityProblems(note).empty()) << id;
  }
  note.id = "qemu";
  note.vendor = "Shoji";
  EXPECT_THAT(NoteIdentityProblems(note), IsEmpty());
}

TEST(Note, VersionsAreOrdered) {
  Note note = ParseNote(kPlugin);
  for (const char* const version : {"1.0", "1.2.3", "0.1.0-rc1", "1.0.0+git"}) {
    note.version = version;
    EXPECT_THAT(NoteIdentityProblems(note), IsEmpty()) << version;
  }
  for (const char* const version : {"", "1", "v1.0", "1.02", "1.0.0.0", "1.0 beta"}) {
    note.version = version;
    EXPECT_FALSE(NoteIdentityProblems(note).empty()) << version;
  }
}

TEST(Note, OptionsAreChecked) {
  const auto problem = [](const std::string& record) {
    const auto all = NoteOptionProblems(ParseNote(record + "\n"));
    return all.empty() ? std::string() : all.front();
  };
  EXPECT_EQ(problem("option\tca.file\tpath\t/etc/ca\trequired"),
            "option \"ca.file\": is required "
            "and has a default value; one of both is meant");
  EXPECT_THAT(problem("option\tBig\tint\t1\t\th"), HasSubstr("does not match"));
  EXPECT_THAT(problem("option\ta\tcolour\t\t\th"), HasSubstr("\"colour\""));
  EXPECT_THAT(problem("option\ta\tint\t1x\t\th"), HasSubstr("1x"));
  EXPECT_THAT(problem("option\ta\tduration\t5\t\th"), HasSubstr("not a duration"));
  EXPECT_THAT(problem("option\ta\tpath\tx/y\t\th"), HasSubstr("relative"));
  EXPECT_THAT(problem("option\ta\tint\t1\thidden\th"), HasSubstr("\"hidden\""));
  EXPECT_THAT(problem("option\ta\tint\t1\t\t"), HasSubstr("help"));
  EXPECT_THAT(problem("option\ta\tint\t1\t\th\noption\ta\tint\t1\t\th"), HasSubstr("twice"));
}

TEST(Note, ValuesBecomeCanonical) {
  EXPECT_EQ(CanonicalValue("size", "2K").value(), "2048");
  EXPECT_EQ(CanonicalValue("duration", "1m30s").value(), "90000000000");
  EXPECT_EQ(CanonicalValue("bool", "on").value(), "true");
  EXPECT_EQ(CanonicalValue("list", "a, b,,c").value(), "a\nb\nc");
  EXPECT_FALSE(CanonicalValue("duration", "999999999999h").ok());
  EXPECT_FALSE(CanonicalValue("string", std::string_view("a\0b", 3)).ok());
}

}  // namespace
}  // namespace shoji::validate
