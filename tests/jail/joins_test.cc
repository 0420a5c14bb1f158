// Namespaces of another container, joined by path.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "jail/test_bed.h"

namespace shoji::jail {
namespace {

class JoinsTest : public Bed {
 protected:
  // A container that waits, with these namespaces of its own besides the usual.
  Container::Made Waiting(grpc::Spec spec) {
    auto made = Create(spec);
    EXPECT_TRUE(made.ok()) << made.status().message();
    if (!made.ok()) return {};
    EXPECT_TRUE(made->container->Start().ok());
    return std::move(*made);
  }
  static void MapUsers(grpc::Spec* spec) {
    spec->mutable_linux()->add_namespaces()->set_type("user");
    for (auto* map :
         {spec->mutable_linux()->add_uidmappings(), spec->mutable_linux()->add_gidmappings()}) {
      map->set_hostid(100000);
      map->set_size(65536);
    }
  }
  static void Join(grpc::Spec* spec, const std::string& type, pid_t pid, const char* file) {
    grpc::LinuxNamespace* const ns = spec->mutable_linux()->add_namespaces();
    ns->set_type(type);
    ns->set_path("/proc/" + std::to_string(pid) + "/ns/" + file);
  }
  static std::string NamespaceOf(pid_t pid, const std::string& file) {
    char text[64] = {};
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + file;
    EXPECT_GT(readlink(path.c_str(), text, sizeof text - 1), 0) << path;
    return std::string(text) + "\n";
  }
};

TEST_F(JoinsTest, AUserNamespace) {
  grpc::Spec first = Spec({"sleep", "1000"});
  MapUsers(&first);
  auto made = Waiting(first);
  grpc::Spec second = Spec({"sh", "-c",
                            "readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map; echo $$; "
                            "mkdir /tmp/made 2> /dev/null; hostname"});
  Join(&second, "user", made.init.pid, "user");
  const Outcome outcome = Run(second);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out,
            NamespaceOf(made.init.pid, "user") + "0\n         0     100000      65536\n1\nbox\n")
      << outcome.err;
  End(made);
}

TEST_F(JoinsTest, UsersAndProcessesOfTheSameContainer) {
  grpc::Spec first = Spec({"sleep", "1000"});
  MapUsers(&first);
  auto made = Waiting(first);
  grpc::Spec second = Spec({"sh", "-c", "readlink /proc/self/ns/pid; cat /proc/1/cmdline"});
  Join(&second, "user", made.init.pid, "user");
  Join(&second, "pid", made.init.pid, "pid");
  auto other = Create(second);
  ASSERT_TRUE(other.ok()) << other.status().message();
  ASSERT_TRUE(other->container->Start().ok());
  const Outcome outcome = Finish(std::move(other->init));
  EXPECT_EQ(outcome.out, NamespaceOf(made.init.pid, "pid") + std::string("sleep\0001000\0", 11))
      << outcome.err;
  EXPECT_TRUE(other->container->Destroy().ok());
  End(made);
}

// As in the agent, where every container shares the sandbox's.
TEST_F(JoinsTest, OwnUsersInTheSandboxsNamespaces) {
  environment_.uts_ns = "/proc/self/ns/uts";
  environment_.ipc_ns = "/proc/self/ns/ipc";
  grpc::Spec spec = Spec({"sh", "-c", "readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc"});
  MapUsers(&spec);
  // Its message queues belong to the sandbox, which the mapped root is not.
  spec.mutable_mounts()->erase(
      std::remove_if(spec.mutable_mounts()->begin(), spec.mutable_mounts()->end(),
                     [](const grpc::Mount& m) { return m.type() == "mqueue"; }),
      spec.mutable_mounts()->end());
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  EXPECT_EQ(Finish(std::move(made->init)).out,
            NamespaceOf(getpid(), "uts") + NamespaceOf(getpid(), "ipc"));
  End(*made);
}

TEST_F(JoinsTest, ExecIntoJoinedUsers) {
  grpc::Spec first = Spec({"sleep", "1000"});
  MapUsers(&first);
  auto made = Waiting(first);
  grpc::Spec second = Spec({"sleep", "1000"});
  Join(&second, "user", made.init.pid, "user");
  auto other = Waiting(second);
  auto executed =
      other.container->Exec(Spec({"sh", "-c", "readlink /proc/self/ns/user; id -u"}).process());
  ASSERT_TRUE(executed.ok()) << executed.status().message();
  EXPECT_EQ(Finish(std::move(*executed)).out, NamespaceOf(made.init.pid, "user") + "0\n");
  End(other);
  End(made);
}

TEST_F(JoinsTest, TheMountsOfAnotherContainer) {
  grpc::Spec first = Spec({"sleep", "1000"});
  AddMount(&first, "/only-there", "tmpfs", "tmpfs", {});
  auto made = Waiting(first);
  const std::string before = ReadText("/proc/" + std::to_string(made.init.pid) + "/mountinfo");
  grpc::Spec second = Spec({"sh", "-c", "readlink /proc/self/ns/mnt; ls -d /only-there; pwd"});
  second.mutable_process()->set_cwd("/only-there");
  Join(&second, "mount", made.init.pid, "mnt");
  const Outcome outcome = Run(second);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  // Its /proc is of the other's processes, where this one has no number: asked from outside.
  EXPECT_NE(outcome.out.find("/only-there\n/only-there\n"), std::string::npos)
      << outcome.out << outcome.err;
  EXPECT_EQ(ReadText("/proc/" + std::to_string(made.init.pid) + "/mountinfo"), before);
  End(made);
}

TEST_F(JoinsTest, MountsWithoutCgroupsAreRefused) {
  environment_.cgroup_root.clear();
  grpc::Spec spec = Spec({"true"});
  Join(&spec, "mount", getpid(), "mnt");
  EXPECT_EQ(Run(spec).status.code(), StatusCode::kFailedPrecondition);
}

TEST_F(JoinsTest, WhatIsNotANamespaceOfTheKindIsNamed) {
  for (const char* type : {"user", "mount", "pid", "ipc"}) {
    grpc::Spec spec = Spec({"true"});
    Join(&spec, type, getpid(), "net");
    const Outcome outcome = Run(spec);
    EXPECT_FALSE(outcome.status.ok()) << type;
    if (std::string(type) == "pid") continue;
    EXPECT_NE(outcome.status.message().find("linux.namespaces"), std::string::npos)
        << outcome.status.message();
  }
}

TEST_F(JoinsTest, ItsOwnUsersAreNothingToJoin) {
  grpc::Spec spec = Spec({"readlink", "/proc/self/ns/user"});
  Join(&spec, "user", getpid(), "user");
  EXPECT_EQ(Run(spec).out, NamespaceOf(getpid(), "user"));
}

}  // namespace
}  // namespace shoji::jail
