#include "oci_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace shoji::agent_kata {
namespace {

using nlohmann::json;

json Small() {
  return {{"ociVersion", "1.0.2"},
          {"process", {{"args", {"sh"}}, {"cwd", "/"}}},
          {"root", {{"path", "rootfs"}}}};
}

// Every field the wire format knows, each with a value of its own.
json Full() {
  return json::parse(R"({
  "ociVersion": "1.0.2-dev", "hostname": "house", "domainname": "ignored",
  "process": {
    "terminal": true, "consoleSize": {"height": 25, "width": 80},
    "user": {"uid": 1, "gid": 2, "additionalGids": [3, 4], "username": "u", "umask": 18},
    "args": ["sh", "-c", "true"], "env": ["A=b", "C="], "cwd": "/w",
    "capabilities": {"bounding": ["CAP_A"], "effective": ["CAP_B"], "inheritable": ["CAP_C"],
                     "permitted": ["CAP_D"], "ambient": ["CAP_PERFMON"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}],
    "noNewPrivileges": true, "apparmorProfile": "aa", "oomScoreAdj": -999, "selinuxLabel": "se"},
  "root": {"path": "/r", "readonly": true},
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["ro", "nodev"]},
             {"destination": "/x"}],
  "hooks": {"prestart": [{"path": "/h1", "args": ["h1"], "env": ["E=1"], "timeout": 5}],
            "poststart": [{"path": "/h2"}], "poststop": [{"path": "/h3"}],
            "createRuntime": [{"path": "/ignored"}]},
  "annotations": {"k": "v"},
  "linux": {
    "uidMappings": [{"hostID": 1000, "containerID": 1, "size": 2}],
    "gidMappings": [{"hostID": 2000, "containerID": 3, "size": 4}],
    "sysctl": {"net.core.somaxconn": "256"},
    "resources": {
      "devices": [{"allow": false, "access": "rwm"},
                  {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "r"}],
      "memory": {"limit": 1, "reservation": 2, "swap": -1, "kernel": 3, "kernelTCP": 4,
                 "swappiness": 5, "disableOOMKiller": true},
      "cpu": {"shares": 1, "quota": -1, "period": 2, "realtimeRuntime": 3, "realtimePeriod": 4,
              "cpus": "0-1", "mems": "0"},
      "pids": {"limit": 32},
      "blockIO": {"weight": 10, "leafWeight": 11,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 12, "leafWeight": 13}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 1, "rate": 14}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 2, "rate": 15}],
        "throttleReadIOPSDevice": [{"major": 8, "minor": 3, "rate": 16}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 4, "rate": 17}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 18}],
      "network": {"classID": 19, "priorities": [{"name": "eth0", "priority": 20}]},
      "rdma": {"ignored": {}}},
    "cgroupsPath": "/c", "namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"}],
    "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 229, "fileMode": 438,
                 "uid": 5, "gid": 6}],
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
                "architectures": ["SCMP_ARCH_X86_64"],
                "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1,
                  "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_EQ"}]}]},
    "rootfsPropagation": "private", "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
    "mountLabel": "ml", "intelRdt": {"l3CacheSchema": "L3:0=f"}}})");
}

grpc::Spec Good(const json& spec) {
  grpc::Spec out;
  const Status status = SpecFromJson(spec.dump(), &out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

void ExpectError(const json& spec, const std::string& message) {
  grpc::Spec out;
  const Status status = SpecFromJson(spec.dump(), &out);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "OCI specification: " + message);
}

template <typename Repeated>
std::vector<std::string> List(const Repeated& items) {
  return {items.begin(), items.end()};
}
using Words = std::vector<std::string>;

TEST(OciSpec, Process) {
  const grpc::Spec spec = Good(Full());
  EXPECT_EQ(spec.version(), "1.0.2-dev");
  EXPECT_EQ(spec.hostname(), "house");
  EXPECT_EQ(spec.root().path(), "/r");
  EXPECT_TRUE(spec.root().readonly());
  EXPECT_EQ(spec.annotations().at("k"), "v");
  const grpc::Process& p = spec.process();
  EXPECT_TRUE(p.terminal());
  EXPECT_EQ(p.consolesize().height(), 25U);
  EXPECT_EQ(p.consolesize().width(), 80U);
  EXPECT_EQ(p.user().uid(), 1U);
  EXPECT_EQ(p.user().gid(), 2U);
  ASSERT_EQ(p.user().additionalgids_size(), 2);
  EXPECT_EQ(p.user().additionalgids(1), 4U);
  EXPECT_EQ(p.user().username(), "u");
  EXPECT_EQ(List(p.args()), (Words{"sh", "-c", "true"}));
  EXPECT_EQ(List(p.env()), (Words{"A=b", "C="}));
  EXPECT_EQ(p.cwd(), "/w");
  EXPECT_EQ(List(p.capabilities().bounding()), Words{"CAP_A"});
  EXPECT_EQ(List(p.capabilities().effective()), Words{"CAP_B"});
  EXPECT_EQ(List(p.capabilities().inheritable()), Words{"CAP_C"});
  EXPECT_EQ(List(p.capabilities().permitted()), Words{"CAP_D"});
  EXPECT_EQ(List(p.capabilities().ambient()), Words{"CAP_PERFMON"});
  EXPECT_EQ(p.rlimits(0).type(), "RLIMIT_NOFILE");
  EXPECT_EQ(p.rlimits(0).hard(), 18446744073709551615U);
  EXPECT_EQ(p.rlimits(0).soft(), 1024U);
  EXPECT_TRUE(p.nonewprivileges());
  EXPECT_EQ(p.apparmorprofile(), "aa");
  EXPECT_EQ(p.oomscoreadj(), -999);
  EXPECT_EQ(p.selinuxlabel(), "se");
}

TEST(OciSpec, MountsAndHooks) {
  const grpc::Spec spec = Good(Full());
  ASSERT_EQ(spec.mounts_size(), 2);
  EXPECT_EQ(spec.mounts(0).destination(), "/proc");
  EXPECT_EQ(spec.mounts(0).source(), "proc");
  EXPECT_EQ(spec.mounts(0).type(), "proc");
  EXPECT_EQ(List(spec.mounts(0).options()), (Words{"ro", "nodev"}));
  EXPECT_EQ(spec.mounts(1).source(), "") << "a mount without source is fine";
  EXPECT_EQ(spec.hooks().prestart(0).path(), "/h1");
  EXPECT_EQ(List(spec.hooks().prestart(0).args()), Words{"h1"});
  EXPECT_EQ(List(spec.hooks().prestart(0).env()), Words{"E=1"});
  EXPECT_EQ(spec.hooks().prestart(0).timeout(), 5);
  EXPECT_EQ(spec.hooks().poststart(0).path(), "/h2");
  EXPECT_EQ(spec.hooks().poststop(0).path(), "/h3");
}

TEST(OciSpec, Linux) {
  const grpc::Spec spec = Good(Full());
  const grpc::Linux& os = spec.linux();
  EXPECT_EQ(os.uidmappings(0).hostid(), 1000U);
  EXPECT_EQ(os.uidmappings(0).containerid(), 1U);
  EXPECT_EQ(os.uidmappings(0).size(), 2U);
  EXPECT_EQ(os.gidmappings(0).hostid(), 2000U);
  EXPECT_EQ(os.sysctl().at("net.core.somaxconn"), "256");
  EXPECT_EQ(os.cgroupspath(), "/c");
  EXPECT_EQ(os.namespaces(0).type(), "pid");
  EXPECT_EQ(os.namespaces(1).path(), "/n");
  EXPECT_EQ(os.devices(0).path(), "/dev/x");
  EXPECT_EQ(os.devices(0).type(), "c");
  EXPECT_EQ(os.devices(0).major(), 10);
  EXPECT_EQ(os.devices(0).minor(), 229);
  EXPECT_EQ(os.devices(0).filemode(), 438U);
  EXPECT_EQ(os.devices(0).uid(), 5U);
  EXPECT_EQ(os.devices(0).gid(), 6U);
  EXPECT_EQ(os.seccomp().defaultaction(), "SCMP_ACT_ERRNO");
  EXPECT_EQ(List(os.seccomp().architectures()), Words{"SCMP_ARCH_X86_64"});
  EXPECT_EQ(List(os.seccomp().syscalls(0).names()), (Words{"read", "write"}));
  EXPECT_EQ(os.seccomp().syscalls(0).action(), "SCMP_ACT_ALLOW");
  EXPECT_EQ(os.seccomp().syscalls(0).args(0).index(), 1U);
  EXPECT_EQ(os.seccomp().syscalls(0).args(0).value(), 2U);
  EXPECT_EQ(os.seccomp().syscalls(0).args(0).valuetwo(), 3U);
  EXPECT_EQ(os.seccomp().syscalls(0).args(0).op(), "SCMP_CMP_EQ");
  EXPECT_EQ(os.rootfspropagation(), "private");
  EXPECT_EQ(List(os.maskedpaths()), Words{"/proc/kcore"});
  EXPECT_EQ(List(os.readonlypaths()), Words{"/proc/sys"});
  EXPECT_EQ(os.mountlabel(), "ml");
  EXPECT_EQ(os.intelrdt().l3cacheschema(), "L3:0=f");
}

TEST(OciSpec, Resources) {
  const grpc::Spec spec = Good(Full());
  const grpc::LinuxResources& r = spec.linux().resources();
  ASSERT_EQ(r.devices_size(), 2);
  EXPECT_FALSE(r.devices(0).allow());
  EXPECT_EQ(r.devices(0).major(), -1) << "absent means all";
  EXPECT_EQ(r.devices(0).access(), "rwm");
  EXPECT_TRUE(r.devices(1).allow());
  EXPECT_EQ(r.devices(1).type(), "c");
  EXPECT_EQ(r.devices(1).minor(), 3);
  EXPECT_EQ(r.memory().limit(), 1);
  EXPECT_EQ(r.memory().reservation(), 2);
  EXPECT_EQ(r.memory().swap(), -1);
  EXPECT_EQ(r.memory().kernel(), 3);
  EXPECT_EQ(r.memory().kerneltcp(), 4);
  EXPECT_EQ(r.memory().swappiness(), 5U);
  EXPECT_TRUE(r.memory().disableoomkiller());
  EXPECT_EQ(r.cpu().shares(), 1U);
  EXPECT_EQ(r.cpu().quota(), -1);
  EXPECT_EQ(r.cpu().period(), 2U);
  EXPECT_EQ(r.cpu().realtimeruntime(), 3);
  EXPECT_EQ(r.cpu().realtimeperiod(), 4U);
  EXPECT_EQ(r.cpu().cpus(), "0-1");
  EXPECT_EQ(r.cpu().mems(), "0");
  EXPECT_EQ(r.pids().limit(), 32);
  EXPECT_EQ(r.blockio().weight(), 10U);
  EXPECT_EQ(r.blockio().leafweight(), 11U);
  EXPECT_EQ(r.blockio().weightdevice(0).weight(), 12U);
  EXPECT_EQ(r.blockio().weightdevice(0).leafweight(), 13U);
  EXPECT_EQ(r.blockio().throttlereadbpsdevice(0).rate(), 14U);
  EXPECT_EQ(r.blockio().throttlewritebpsdevice(0).rate(), 15U);
  EXPECT_EQ(r.blockio().throttlereadiopsdevice(0).rate(), 16U);
  EXPECT_EQ(r.blockio().throttlewriteiopsdevice(0).rate(), 17U);
  EXPECT_EQ(r.hugepagelimits(0).pagesize(), "2MB");
  EXPECT_EQ(r.hugepagelimits(0).limit(), 18U);
  EXPECT_EQ(r.network().classid(), 19U);
  EXPECT_EQ(r.network().priorities(0).name(), "eth0");
  EXPECT_EQ(r.network().priorities(0).priority(), 20U);
}

TEST(OciSpec, SmallestOneAndNulls) {
  EXPECT_FALSE(Good(Small()).has_linux());
  json spec = Small();
  spec["linux"] = nullptr;
  spec["mounts"] = nullptr;
  spec["process"]["env"] = nullptr;
  EXPECT_EQ(Good(spec).process().args(0), "sh");
}

TEST(OciSpec, WrongTypesNameThePath) {
  const std::vector<std::tuple<std::string, json, std::string>> cases = {
      {"/process/args/1", 5, "process.args[1] is a number, expected a string"},
      {"/process/args", "sh", "process.args is a string, expected an array"},
      {"/process/user/uid", -1, "process.user.uid is -1, expected an unsigned 32-bit integer"},
      {"/process/user/uid", 4294967296,
       "process.user.uid is 4294967296, expected an unsigned "
       "32-bit integer"},
      {"/process/user/additionalGids/0", "x",
       "process.user.additionalGids[0] is a string, expected an unsigned 32-bit integer"},
      {"/process/terminal", 1, "process.terminal is a number, expected a boolean"},
      {"/process/oomScoreAdj", 1.5, "process.oomScoreAdj is 1.5, expected a 64-bit integer"},
      {"/process", json::array(), "process is an array, expected an object"},
      {"/mounts/1", "x", "mounts[1] is a string, expected an object"},
      {"/mounts/0/options/1", true, "mounts[0].options[1] is a boolean, expected a string"},
      {"/annotations/k", 1, "annotations.k is a number, expected a string"},
      {"/linux/resources/memory/limit", "1G",
       "linux.resources.memory.limit is a string, expected a 64-bit integer"},
      {"/linux/resources/memory/limit", 18446744073709551615U,
       "linux.resources.memory.limit is 18446744073709551615, expected a 64-bit integer"},
      {"/linux/seccomp/syscalls/0/args/0/op", 3,
       "linux.seccomp.syscalls[0].args[0].op is a number, expected a string"},
      {"/hooks/prestart/0", nullptr, "hooks.prestart[0] is null, expected an object"},
  };
  for (const auto& [pointer, value, message] : cases) {
    json spec = Full();
    spec[json::json_pointer(pointer)] = value;
    ExpectError(spec, message);
  }
}

TEST(OciSpec, MissingFieldsNameThePath) {
  for (const auto& [parent, key, message] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"", "ociVersion", "ociVersion is missing"},
           {"", "process", "process is missing"},
           {"", "root", "root is missing"},
           {"/root", "path", "root.path is missing"},
           {"/process", "cwd", "process.cwd is missing"},
           {"/process", "args", "process.args[0] is missing"},
           {"/mounts/1", "destination", "mounts[1].destination is missing"},
           {"/linux/namespaces/0", "type", "linux.namespaces[0].type is missing"},
           {"/linux/devices/0", "path", "linux.devices[0].path is missing"},
           {"/hooks/poststop/0", "path", "hooks.poststop[0].path is missing"}}) {
    json spec = Full();
    spec[json::json_pointer(parent)].erase(key);
    ExpectError(spec, message);
  }
  json spec = Small();
  spec["process"]["args"] = json::array();
  ExpectError(spec, "process.args[0] is missing");
}

TEST(OciSpec, NotJson) {
  grpc::Spec spec;
  EXPECT_EQ(SpecFromJson("{", &spec).message(), "OCI specification is not JSON");
  EXPECT_EQ(SpecFromJson("", &spec).message(), "OCI specification is not JSON");
  EXPECT_EQ(SpecFromJson("[]", &spec).message(), "OCI specification is not a JSON object");
}

TEST(OciProcess, PathsBeginWithProcess) {
  grpc::Process process;
  EXPECT_TRUE(ProcessFromJson(R"({"args":["a"],"cwd":"/"})", &process).ok());
  EXPECT_EQ(process.args(0), "a");
  EXPECT_EQ(ProcessFromJson(R"({"args":["a",1],"cwd":"/"})", &process).message(),
            "OCI process: process.args[1] is a number, expected a string");
}

}  // namespace
}  // namespace shoji::agent_kata
