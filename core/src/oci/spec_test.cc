#include "oci/spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoji {
namespace {

using nlohmann::json;

ContainerConfig Config() {
  ContainerConfig config;
  config.id = "web";
  config.rootfs.source = "/srv";
  config.cmd.args = {"sh", "-c", "true"};
  config.cmd.envs = {"A=b"};
  return config;
}

json Mount(const json& spec, const std::string& destination) {
  for (const json& mount : spec.at("mounts")) {
    if (mount.at("destination") == destination) return mount;
  }
  return {};
}

json Edited(const std::string& spec, std::map<std::size_t, std::string> binds = {}) {
  const auto text = EditForGuest(spec, {"web", "/guest/web/rootfs", std::move(binds), {}, {}});
  EXPECT_TRUE(text.ok()) << text.status().message();
  return text.ok() ? json::parse(*text) : json();
}

TEST(DefaultSpec, LooksLikeAnEngines) {
  const json spec = json::parse(DefaultSpec(Config(), User(), "pod"));
  EXPECT_EQ(spec["process"]["args"], (json{"sh", "-c", "true"}));
  EXPECT_EQ(spec["process"]["env"],
            (json{"A=b", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                  "HOSTNAME=pod", "HOME=/"}));
  EXPECT_EQ(spec["process"]["capabilities"]["effective"].size(), 11U);
  EXPECT_EQ(spec["process"]["rlimits"][0]["type"], "RLIMIT_NOFILE");
  EXPECT_EQ(Mount(spec, "/proc")["type"], "proc");
  EXPECT_EQ(Mount(spec, "/sys")["options"], (json{"nosuid", "noexec", "nodev", "ro"}));
  EXPECT_TRUE(spec["linux"]["maskedPaths"].is_array());
}

TEST(DefaultSpec, TerminalUserAndMounts) {
  ContainerConfig config = Config();
  config.cmd.terminal = true;
  config.cmd.rows = 24;
  config.cmd.columns = 80;
  config.mounts = {{"/host", "/proc", "bind", {}}, {"", "/tmp", "tmpfs", {}}};
  User user;
  user.uid = 33;
  user.groups = {4};
  const json spec = json::parse(DefaultSpec(config, user, "pod"));
  EXPECT_EQ(spec["process"]["consoleSize"]["height"], 24);
  EXPECT_EQ(spec["process"]["env"][2], "TERM=xterm");
  EXPECT_TRUE(spec["process"]["capabilities"]["effective"].empty());
  EXPECT_EQ(spec["process"]["capabilities"]["bounding"].size(), 11U);
  EXPECT_EQ(spec["process"]["user"]["additionalGids"], (json::array({4})));
  EXPECT_EQ(Mount(spec, "/proc")["source"], "/host");
  EXPECT_EQ(Mount(spec, "/tmp")["type"], "tmpfs");
}

TEST(Inspect, FindsWhatTheHostMustShare) {
  ContainerConfig config = Config();
  config.mounts = {{"/data", "/d", "bind", {"ro"}},
                   {"/proc/sys", "/p", "bind", {}},
                   {"/x/shm", "/dev/shm", "bind", {}}};
  const auto summary = Inspect(DefaultSpec(config, User(), "pod"));
  ASSERT_TRUE(summary.ok());
  ASSERT_EQ(summary->binds.size(), 1U);
  EXPECT_EQ(summary->binds[0].source, "/data");
  EXPECT_TRUE(summary->binds[0].read_only);
  EXPECT_FALSE(summary->has_hooks);
}

TEST(Inspect, RefusesWhatIsNoSpecification) {
  for (const char* bad : {"", "[]", "{", "{}", R"({"root":{"path":"r"}})",
                          R"({"root":{"path":"r"},"process":{"args":"sh"}})",
                          R"({"root":{"path":"r"},"process":{"args":["sh"]},"mounts":[{}]})"}) {
    EXPECT_EQ(Inspect(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Edit, LeavesOnlyWhatConcernsTheGuest) {
  const json spec = Edited(R"({
    "root": {"path": "r", "readonly": true},
    "process": {"args": ["sh"], "selinuxLabel": "x", "apparmorProfile": "y"},
    "hooks": {"prestart": [{"path": "/bin/true"}], "createContainer": [{"path": "/bin/host"}],
              "startContainer": [{"path": "/bin/inside"}], "poststop": [{"path": "/bin/true"}]},
    "mounts": [{"destination": "/d", "source": "/data", "options": ["rbind", "ro"]},
               {"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
               {"destination": "/t", "type": "tmpfs"}],
    "linux": {
      "cgroupsPath": "system.slice:podman:abc", "mountLabel": "z",
      "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
      "devices": [{"path": "/dev/vfio/1", "type": "c", "major": 239, "minor": 1},
                  {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
      "namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"},
                     {"type": "ipc", "path": "/i"}, {"type": "mount"}],
      "resources": {"devices": [{"allow": false}], "memory": {"limit": 1},
                    "cpu": {"shares": 2, "cpus": "0-1", "mems": "0"},
                    "pids": {"limit": 3}, "blockIO": {"weight": 40}}}})",
                           {{0, "/guest/web-0-data"}});
  EXPECT_EQ(spec["root"], (json{{"path", "/guest/web/rootfs"}, {"readonly", true}}));
  EXPECT_EQ(spec["hooks"], (json{{"startContainer", json::array({{{"path", "/bin/inside"}}})}}));
  EXPECT_FALSE(spec["process"].contains("selinuxLabel"));
  EXPECT_FALSE(spec["process"].contains("apparmorProfile"));
  EXPECT_EQ(Mount(spec, "/d")["source"], "/guest/web-0-data");
  EXPECT_EQ(Mount(spec, "/d")["type"], "bind");
  EXPECT_EQ(Mount(spec, "/dev/shm")["source"], "/run/kata-containers/sandbox/shm");
  EXPECT_EQ(Mount(spec, "/dev/shm")["options"], (json::array({"rbind"})));
  EXPECT_EQ(Mount(spec, "/t")["type"], "tmpfs");
  const json linux_part = spec["linux"];
  EXPECT_EQ(linux_part["namespaces"], (json::array({{{"type", "ipc"}}, {{"type", "mount"}}})));
  EXPECT_EQ(linux_part["resources"], (json{{"memory", {{"limit", 1}}},
                                           {"cpu", {{"shares", 2}}},
                                           {"pids", {{"limit", 3}}},
                                           {"blockIO", {{"weight", 40}}},
                                           {"devices", json::array({{{"allow", false}}})}}));
  EXPECT_EQ(linux_part["devices"].size(), 1U);
  EXPECT_EQ(linux_part["cgroupsPath"], "/web");
  EXPECT_EQ(linux_part["seccomp"], (json{{"defaultAction", "SCMP_ACT_ERRNO"}}));
  EXPECT_FALSE(linux_part.contains("mountLabel"));
}

TEST(Edit, LeavesNoHooksWhenAllAreTheHosts) {
  const char* const text = R"({"root": {"path": "r"}, "process": {"args": ["sh"]},
                               "hooks": {"prestart": [{"path": "/x"}], "startContainer": []}})";
  EXPECT_FALSE(Edited(text).contains("hooks"));
  EXPECT_TRUE(Inspect(text)->has_hooks);
}

TEST(Inspect, HooksOfTheContainerAreNotTheHosts) {
  EXPECT_FALSE(Inspect(R"({"root": {"path": "r"}, "process": {"args": ["sh"]},
                           "hooks": {"startContainer": [{"path": "/x"}]}})")
                   ->has_hooks);
}

TEST(Edit, TakesSpecificationsThatLackThings) {
  const json spec = Edited(R"({"root": {"path": "r"}, "process": {"args": ["sh"]},
                               "mounts": null, "linux": null})");
  EXPECT_TRUE(spec["mounts"].empty());
  EXPECT_TRUE(spec["linux"]["namespaces"].empty());
  EXPECT_EQ(Edited(R"({"root":{"path":"r"},"linux":{"resources":null}})")["root"]["readonly"],
            false);
}

TEST(Exec, HasMoreCapabilities) {
  Cmd cmd;
  cmd.args = {"id"};
  cmd.more_capabilities = {"CAP_KILL", "CAP_SYS_TIME"};
  ContainerConfig bundle = Config();
  bundle.oci_spec = R"({"process": {"capabilities": {"bounding": ["CAP_KILL"]}}})";
  json capabilities = json::parse(*ExecProcess(cmd, User(), bundle, "pod"))["capabilities"];
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"}) {
    EXPECT_EQ(capabilities[set], (json{"CAP_KILL", "CAP_SYS_TIME"})) << set;
  }
  bundle.oci_spec = R"({"process": {}})";
  capabilities = json::parse(*ExecProcess(cmd, User(), bundle, "pod"))["capabilities"];
  EXPECT_EQ(capabilities["permitted"], (json{"CAP_KILL", "CAP_SYS_TIME"}));
  bundle.oci_spec = R"({"process": {"capabilities": {"permitted": 7}}})";
  EXPECT_FALSE(ExecProcess(cmd, User(), bundle, "pod").ok());
}

TEST(Exec, JoinsTheContainer) {
  Cmd cmd;
  cmd.args = {"id"};
  cmd.envs = {"A=over", "B=c"};
  json process = json::parse(*ExecProcess(cmd, User(), Config(), "pod"));
  EXPECT_EQ(process["env"][0], "A=over");
  EXPECT_EQ(process["env"].back(), "B=c");
  ContainerConfig bundle = Config();
  bundle.oci_spec = R"({"process": {"env": ["X=y"], "capabilities": {"bounding": ["CAP_KILL"]}}})";
  process = json::parse(*ExecProcess(cmd, User(), bundle, "pod"));
  EXPECT_EQ(process["env"], (json{"X=y", "A=over", "B=c"}));
  EXPECT_EQ(process["capabilities"]["bounding"], (json::array({"CAP_KILL"})));
}

json SpecWith(const json& mounts, const json& linux_part = json::object()) {
  return {{"process", {{"args", {"true"}}}},
          {"root", {{"path", "/srv"}}},
          {"hostname", "sliding"},
          {"mounts", mounts},
          {"linux", linux_part}};
}

TEST(Inspect, TellsWhatConcernsTheMachine) {
  const json disk = {{"path", "/dev/a"}, {"type", "b"}, {"major", 7}, {"minor", 0}};
  const json fuse = {{"path", "/dev/fuse"}, {"type", "c"}, {"major", 10}, {"minor", 229}};
  const json shm = {{"destination", "/dev/shm"},
                    {"type", "tmpfs"},
                    {"source", "shm"},
                    {"options", {"nosuid", "size=10240k"}}};
  const json pid = {{"type", "pid"}, {"path", "/proc/7/ns/pid"}};
  const auto summary = Inspect(SpecWith(json::array({shm}), {{"devices", json::array({disk, fuse})},
                                                             {"namespaces", json::array({pid})}})
                                   .dump());
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(summary->hostname, "sliding");
  EXPECT_EQ(summary->shm_size, 10U << 20U);
  EXPECT_TRUE(summary->joins_pids);
  EXPECT_EQ(summary->block_nodes, std::set<std::string>{"/dev/a"});
}

TEST(Inspect, AnOwnPidNamespaceJoinsNobody) {
  const auto summary = Inspect(
      SpecWith(json::array(), {{"namespaces", json::array({json{{"type", "pid"}}})}}).dump());
  ASSERT_TRUE(summary.ok());
  EXPECT_FALSE(summary->joins_pids);
  EXPECT_EQ(summary->shm_size, 0U);
}

json Bind(const char* source, const char* destination, const json& options) {
  return {{"destination", destination}, {"type", "bind"}, {"source", source}, {"options", options}};
}

TEST(EditForGuest, ThePodsSharedMemoryIsTheGuests) {
  const json spec = SpecWith(json::array({Bind(
      "/engine/userdata/shm", "/dev/shm", {"bind", "rprivate", "nosuid", "noexec", "nodev"})}));
  EXPECT_TRUE(Inspect(spec.dump())->binds.empty());
  const json mount = Mount(Edited(spec.dump()), "/dev/shm");
  EXPECT_EQ(mount["source"], "/run/kata-containers/sandbox/shm");
  EXPECT_EQ(mount["options"], (json{"rbind", "nosuid", "noexec", "nodev"}));
}

TEST(EditForGuest, AVolumeOnSharedMemoryStaysAVolume) {
  const json spec = SpecWith(json::array({Bind("/srv/data", "/dev/shm", {"rbind"})}));
  ASSERT_EQ(Inspect(spec.dump())->binds.size(), 1U);
  EXPECT_EQ(Mount(Edited(spec.dump(), {{0, "/guest/volume"}}), "/dev/shm")["source"],
            "/guest/volume");
}

TEST(EditForGuest, HierarchiesOfCgroupV1AreNotBound) {
  const json spec =
      SpecWith(json::array({Bind("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd", {"bind"}),
                            Bind("/srv/data", "/data", {"rbind"})}));
  const json mounts = Edited(spec.dump(), {{1, "/guest/volume"}})["mounts"];
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0]["source"], "/guest/volume");
}

// podman's --volume …:O and --mount type=image: the host makes it, the guest binds it.
TEST(EditForGuest, OverlaysOfTheHostAreBound) {
  json overlay = Bind("/c/merge", "/v", {"lowerdir=/l:/m", "upperdir=/u", "workdir=/w", "private"});
  overlay["type"] = "overlay";
  const json spec = SpecWith(json::array({overlay}));
  const auto summary = Inspect(spec.dump());
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ASSERT_EQ(summary->binds.size(), 1U);
  EXPECT_EQ(summary->binds[0].overlay, "lowerdir=/l:/m,upperdir=/u,workdir=/w");
  EXPECT_EQ(summary->binds[0].source, "/c/merge");
  const json mount = Edited(spec.dump(), {{0, "/guest/volume"}})["mounts"][0];
  EXPECT_EQ(mount["type"], "bind");
  EXPECT_EQ(mount["source"], "/guest/volume");
  EXPECT_EQ(mount["options"], (json{"private", "rbind"}));
}

}  // namespace
}  // namespace shoji
