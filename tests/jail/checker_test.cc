// The checker in jails: for the specification as engines write it, with each field changed on
// its own, with all at once; and that the checker says so when the specification lies.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fields.h"
#include "jail/test_bed.h"
#include "oci_spec.h"
#include "shoji/base/file.h"

namespace shoji::jail {
namespace {

namespace fs = std::filesystem;

class CheckerTest : public Bed {
 protected:
  void SetUp() override {
    Bed::SetUp();
    fs::create_directories(dir() + "/source/sub");
    fs::create_directories(dir() + "/check");
    fs::create_directories(rootfs() + "/etc/hidden");
    fs::create_directories(rootfs() + "/check");  // mapped root could not make it
    WriteText(dir() + "/single", "one\n");
    WriteText(rootfs() + "/etc/secret", "secret\n");
    WriteText(rootfs() + "/etc/hidden/file", "secret\n");
    fs::copy_file(JAIL_CHECKER, dir() + "/check/checker");
    ASSERT_EQ(mount("tmpfs", (dir() + "/source/sub").c_str(), "tmpfs", 0, ""), 0);
  }
  void TearDown() override {
    EXPECT_EQ(umount((dir() + "/source/sub").c_str()), 0);
    Bed::TearDown();
  }

  Json Base() const { return BaseSpec(rootfs(), dir()); }
  Json With(const Field& field) const {
    Json spec = Base();
    field.set(spec, dir());
    return spec;
  }
  // Without the kernel's controller the jail refuses the limit, as it should.
  bool CanTry(const Field& field) const {
    if (field.controller.empty()) return true;
    return ReadText(environment_.cgroup_root + "/cgroup.controllers").find(field.controller) !=
           std::string::npos;
  }

  // The jail is made of one specification, the checker told another (usually the same).
  Outcome Check(const Json& made_of, const Json& told) {
    WriteText(dir() + "/check/spec.json", told.dump());
    WriteText(dir() + "/check/outside.json", Outside(told).dump());
    grpc::Spec spec;
    const Status converted = agent_kata::SpecFromJson(made_of.dump(), &spec);
    EXPECT_TRUE(converted.ok()) << converted.message();
    return Run(spec);
  }

  void ExpectGood(const Json& spec) {
    const Outcome outcome = Check(spec, spec);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_EQ(outcome.code, 0) << outcome.signal << "\n" << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out.find("not ok"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("\nend"), std::string::npos) << outcome.out << outcome.err;
  }

 private:
  static std::uint64_t InodeOf(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
  }

  static Json Outside(const Json& spec) {
    Json outside = {
        {"ns", Json::object()}, {"joined", Json::object()}, {"sources", Json::object()}};
    for (const char* name : {"mnt", "pid", "ipc", "uts", "cgroup", "net", "user"})
      outside["ns"][name] = InodeOf(std::string("/proc/self/ns/") + name);
    for (const Json& ns : spec["linux"]["namespaces"]) {
      const std::string path = ns.value("path", "");
      if (!path.empty()) outside["joined"][path] = InodeOf(path);
    }
    for (const Json& mount : spec["mounts"]) {
      struct stat st {};
      if (mount.at("type") != "bind" ||
          stat(mount.at("source").get<std::string>().c_str(), &st) < 0)
        continue;
      outside["sources"][mount.at("destination").get<std::string>()] =
          std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
    }
    return outside;
  }
};

TEST_F(CheckerTest, TheSpecificationAsEnginesWriteIt) { ExpectGood(Base()); }

TEST_F(CheckerTest, EverythingAtOnce) {
  Json spec = Base();
  int switched_on = 0;
  for (const Field& field : Fields()) {
    if (field.alone || !CanTry(field)) continue;
    field.set(spec, dir());
    ++switched_on;
  }
  EXPECT_GT(switched_on, 60);
  ExpectGood(spec);
}

TEST_F(CheckerTest, ACheckerThatCannotReadItsInputDoesNotPass) {
  WriteText(dir() + "/check/spec.json", "{");
  grpc::Spec spec;
  ASSERT_TRUE(agent_kata::SpecFromJson(Base().dump(), &spec).ok());
  EXPECT_EQ(Run(spec).code, 2);
}

class OneField : public CheckerTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  const Field& field() const { return Fields()[GetParam()]; }
};

TEST_P(OneField, IsAsTheSpecificationSays) {
  if (!CanTry(field()))
    GTEST_SKIP() << "no cgroup controller \"" << field().controller << "\" here";
  ExpectGood(With(field()));
}

// The jail is made without the field, the checker told of it.
TEST_P(OneField, IsMissedWhenItIsNotThere) {
  if (!CanTry(field()))
    GTEST_SKIP() << "no cgroup controller \"" << field().controller << "\" here";
  if (field().point.empty()) GTEST_SKIP() << "the same as the default, seen from inside";
  const Outcome outcome = Check(Base(), With(field()));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.code, 1) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("not ok " + field().point), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(All, OneField, ::testing::Range<std::size_t>(0, Fields().size()),
                         [](const auto& param) { return Fields()[param.param].name; });

}  // namespace
}  // namespace shoji::jail
