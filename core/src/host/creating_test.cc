#include "host/creating.h"

#include <gtest/gtest.h>

#include <optional>

#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

ContainerStatus Web() {
  ContainerStatus out;
  out.id = "web";
  out.sandbox_id = "pod";
  out.created_unix_ns = 5;
  out.shim_pid = 42;
  out.bundle = "/b";
  out.args = {"httpd", "-f"};
  out.annotations = {{"a", "b"}};
  return out;
}

class Creating : public ::testing::Test {
 protected:
  Creating() : paths_(dir_.path(), "pod") { (void)MakeDirs(paths_.dir); }
  std::vector<ContainerStatus> Made() const { return ContainersBeingMade(dir_.path()); }

  testing::TempDir dir_;
  SandboxPaths paths_;
};

TEST_F(Creating, IsToldAsLongAsItLasts) {
  EXPECT_TRUE(ContainersBeingMade(dir_.path() + "/nowhere").empty());
  EXPECT_TRUE(Made().empty());
  {
    auto mark = CreatingMark::Make(paths_, Web());
    ASSERT_TRUE(mark.ok()) << mark.status().message();
    const CreatingMark moved = std::move(*mark);
    ASSERT_EQ(Made().size(), 1U);
    EXPECT_EQ(Made()[0].id, "web");
    EXPECT_EQ(Made()[0].sandbox_id, "pod");
    EXPECT_EQ(Made()[0].shim_pid, 42);
    EXPECT_EQ(Made()[0].args, Web().args);
    EXPECT_EQ(Made()[0].annotations, Web().annotations);
  }
  EXPECT_FALSE(PathExists(paths_.creating));
  EXPECT_TRUE(Made().empty());
}

TEST_F(Creating, WhatWasLeftOverMeansNothing) {
  std::string text;
  {
    const auto mark = CreatingMark::Make(paths_, Web());
    ASSERT_TRUE(mark.ok());
    text = *ReadFile(paths_.creating);
  }
  ASSERT_TRUE(WriteFile(paths_.creating, text + text + text, 0600).ok());
  EXPECT_TRUE(Made().empty()) << "nobody has locked it";
  const auto mark = CreatingMark::Make(paths_, Web());
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(*ReadFile(paths_.creating), text);
  for (const char* bad : {"", "{", "[]", "{\"id\": 7}", "{\"id\": \"web\"}"}) {
    ASSERT_TRUE(WriteFile(paths_.creating, bad, 0600).ok());
    EXPECT_TRUE(Made().empty()) << bad;
  }
}

TEST_F(Creating, NamesWhatCannotBeMade) {
  const SandboxPaths nowhere(dir_.path() + "/nowhere", "pod");
  const auto mark = CreatingMark::Make(nowhere, Web());
  EXPECT_NE(mark.status().message().find("/nowhere/sandboxes/pod/creating"), std::string::npos);
}

}  // namespace
}  // namespace shoji
