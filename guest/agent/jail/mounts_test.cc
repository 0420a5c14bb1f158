// The file system a container sees: mounts, devices, protection, and traps in the image.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "jail/mount_options.h"
#include "jail/resolve.h"
#include "jail/test_bed.h"

namespace shoji::jail {
namespace {

namespace fs = std::filesystem;

class MountsTest : public Bed {
 protected:
  void SetUp() override {
    Bed::SetUp();
    fs::create_directories(dir() + "/source/sub");
    WriteText(dir() + "/source/file", "content\n");
    WriteText(dir() + "/single", "one\n");
  }
  std::string Source(const std::string& name = "source") const { return dir() + "/" + name; }
  // The options /proc/self/mountinfo shows for a mount point inside.
  std::string OptionsOf(const grpc::Spec& spec, const std::string& path) {
    const Outcome outcome =
        Shell(spec, "grep ' " + path + " ' /proc/self/mountinfo | cut -d' ' -f6");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    return outcome.out;
  }
};

TEST_F(MountsTest, HasTheUsualMounts) {
  const Outcome outcome =
      Shell("cut -d' ' -f5 /proc/self/mountinfo; cat /proc/sys/kernel/ostype; ls -d /sys/kernel");
  EXPECT_EQ(outcome.out,
            "/\n/proc\n/dev\n/dev/pts\n/dev/shm\n/dev/mqueue\n/sys\nLinux\n/sys/kernel\n");
}

TEST_F(MountsTest, NothingOfTheGuestIsReachable) {
  EXPECT_EQ(Shell("ls /; test -e " + dir() + " && echo seen").out,
            "bin\ndev\netc\nproc\nroot\nsys\ntmp\n");
}

TEST_F(MountsTest, BindsADirectory) {
  grpc::Spec spec = Spec({"sh", "-c", "cat /new/place/file; echo more > /new/place/made"});
  AddMount(&spec, "/new/place", "bind", Source(), {"rbind", "rw"});
  EXPECT_EQ(Run(spec).out, "content\n");
  EXPECT_EQ(ReadText(Source() + "/made"), "more\n");
}

TEST_F(MountsTest, BindsAFile) {
  grpc::Spec spec = Spec({"cat", "/etc/a/b/hosts"});
  AddMount(&spec, "/etc/a/b/hosts", "bind", Source("single"), {"bind"});
  EXPECT_EQ(Run(spec).out, "one\n");
}

TEST_F(MountsTest, BindsReadOnlyKeepingTheSourcesFlags) {
  ASSERT_EQ(mount("tmpfs", Source().c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, ""), 0);
  WriteText(Source() + "/file", "x");
  grpc::Spec spec = Spec({});
  AddMount(&spec, "/m", "bind", Source(), {"rbind", "ro", "noexec"});
  const Outcome outcome = Shell(spec, "echo > /m/file");
  EXPECT_NE(outcome.err.find("Read-only file system"), std::string::npos) << outcome.err;
  EXPECT_EQ(OptionsOf(spec, "/m"), "ro,nosuid,nodev,noexec,noatime\n");
  WriteText(Source() + "/file", "the source stays writable");
  ASSERT_EQ(umount(Source().c_str()), 0);
}

TEST_F(MountsTest, BindsAFileReadOnly) {
  grpc::Spec spec = Spec({"sh", "-c", "cat /f; echo x > /f"});
  AddMount(&spec, "/f", "", Source("single"), {"bind", "ro"});
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "one\n");
  EXPECT_NE(outcome.err.find("Read-only file system"), std::string::npos);
  EXPECT_EQ(ReadText(Source("single")), "one\n");
}

TEST_F(MountsTest, ABindTakesSubmountsOnlyWithRbind) {
  ASSERT_EQ(mount("tmpfs", Source("source/sub").c_str(), "tmpfs", 0, ""), 0);
  WriteText(Source("source/sub/inner"), "x");
  grpc::Spec spec = Spec({"sh", "-c", "ls /r/sub; echo -; ls /b/sub"});
  AddMount(&spec, "/r", "bind", Source(), {"rbind"});
  AddMount(&spec, "/b", "bind", Source(), {"bind"});
  EXPECT_EQ(Run(spec).out, "inner\n-\n");
  ASSERT_EQ(umount(Source("source/sub").c_str()), 0);
}

TEST_F(MountsTest, TmpfsTakesItsOptions) {
  grpc::Spec spec = Spec({});
  AddMount(&spec, "/t", "tmpfs", "tmpfs", {"nosuid", "noexec", "size=64k", "mode=1770"});
  EXPECT_EQ(OptionsOf(spec, "/t"), "rw,nosuid,noexec,relatime\n");
  const Outcome outcome =
      Shell(spec, "stat -c %a /t; dd if=/dev/zero of=/t/f bs=1k count=100 2>&1 | head -n 1");
  EXPECT_EQ(outcome.out, "1770\ndd: error writing '/t/f': No space left on device\n");
}

TEST_F(MountsTest, TmpfsKeepsTheModeOfWhatItCovers) {
  grpc::Spec spec = Spec({"stat", "-c", "%a", "/tmp"});
  AddMount(&spec, "/tmp", "tmpfs", "tmpfs", {});
  EXPECT_EQ(Run(spec).out, "1777\n");
}

TEST_F(MountsTest, TmpfsCopiesUp) {
  fs::create_directories(rootfs() + "/data/in");
  WriteText(rootfs() + "/data/in/file", "text\n", 0640);
  ASSERT_EQ(chown((rootfs() + "/data/in/file").c_str(), 7, 8), 0);
  fs::create_symlink("in/file", rootfs() + "/data/link");
  grpc::Spec spec = Spec({"sh", "-c",
                          "cat /data/link; stat -c %a:%u:%g /data/in/file; "
                          "echo new > /data/in/file"});
  AddMount(&spec, "/data", "tmpfs", "tmpfs", {"tmpcopyup"});
  EXPECT_EQ(Run(spec).out, "text\n640:7:8\n");
  EXPECT_EQ(ReadText(rootfs() + "/data/in/file"), "text\n");
}

TEST_F(MountsTest, AReadOnlyTmpfsOnDevStillHasDevices) {
  grpc::Spec spec = Spec({"sh", "-c", "echo > /dev/null && touch /dev/x"});
  for (grpc::Mount& mount : *spec.mutable_mounts()) {
    if (mount.destination() == "/dev") mount.add_options("ro");
  }
  const Outcome outcome = Run(spec);
  EXPECT_NE(outcome.err.find("/dev/x: Read-only file system"), std::string::npos) << outcome.err;
}

TEST_F(MountsTest, MountsCgroup2AsSeenFromTheContainer) {
  grpc::Spec spec = Spec({"sh", "-c", "cat /sys/fs/cgroup/cgroup.procs; cat /proc/self/cgroup"});
  AddMount(&spec, "/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid"});
  const Outcome outcome = Run(spec);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out.substr(0, 2), "1\n") << outcome.err;
  EXPECT_NE(outcome.out.find("0::/\n"), std::string::npos);
}

TEST_F(MountsTest, RemountsWhatIsMounted) {
  grpc::Spec spec = Spec({});
  AddMount(&spec, "/t", "tmpfs", "tmpfs", {});
  AddMount(&spec, "/t", "tmpfs", "tmpfs", {"remount", "bind", "ro"});
  EXPECT_EQ(OptionsOf(spec, "/t").substr(0, 2), "ro");
}

TEST_F(MountsTest, SetsThePropagationOfAMount) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "grep -c ' /s .*shared:' /proc/self/mountinfo; "
                          "grep -c ' /p .*shared:' /proc/self/mountinfo"});
  AddMount(&spec, "/s", "bind", Source(), {"rbind", "rshared"});
  AddMount(&spec, "/p", "bind", Source(), {"rbind", "rprivate"});
  EXPECT_EQ(Run(spec).out, "1\n0\n");
}

TEST_F(MountsTest, ASlaveSeesLaterMountsOfTheGuest) {
  ASSERT_EQ(mount("tmpfs", Source().c_str(), "tmpfs", 0, ""), 0);
  ASSERT_EQ(mount(nullptr, Source().c_str(), nullptr, MS_SHARED, nullptr), 0);
  fs::create_directory(Source("source/later"));
  grpc::Spec spec = Spec({"sh", "-c",
                          "read x; cat /s/later/f; cat /p/later/f; mkdir /s/own; "
                          "mount -t tmpfs x /s/own; echo mounted"});
  spec.mutable_process()->mutable_capabilities()->add_bounding("CAP_SYS_ADMIN");
  spec.mutable_process()->mutable_capabilities()->add_permitted("CAP_SYS_ADMIN");
  AddMount(&spec, "/s", "bind", Source(), {"rbind", "rslave"});
  AddMount(&spec, "/p", "bind", Source(), {"rbind", "rprivate"});
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  ASSERT_EQ(mount("tmpfs", Source("source/later").c_str(), "tmpfs", 0, ""), 0);
  WriteText(Source("source/later/f"), "later\n");
  ASSERT_EQ(write(made->init.stdin_fd.get(), "\n", 1), 1);
  const Outcome outcome = Finish(std::move(made->init));
  EXPECT_EQ(outcome.out, "later\nmounted\n") << outcome.err;
  EXPECT_EQ(ReadText("/proc/self/mountinfo").find("/own "), std::string::npos);
  End(*made);
  ASSERT_EQ(umount(Source("source/later").c_str()), 0);
  ASSERT_EQ(umount(Source().c_str()), 0);
}

TEST_F(MountsTest, SetsThePropagationOfTheRoot) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "grep -c ' / / .*shared:' /proc/self/mountinfo; "
                          "grep -c ' / .*shared:' /proc/self/mountinfo"});
  spec.mutable_linux()->set_rootfspropagation("rshared");
  EXPECT_NE(Run(spec).out.find("\n0"), 0U);
  spec.mutable_linux()->set_rootfspropagation("private");
  EXPECT_EQ(Run(spec).out, "0\n0\n");
}

TEST_F(MountsTest, TheRootMayBeReadOnly) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "touch /x; touch /tmp/y; touch /dev/shm/z && echo shm; "
                          "pwd"});
  spec.mutable_root()->set_readonly(true);
  spec.mutable_process()->set_cwd("/not/there/yet");
  const Outcome outcome = Run(spec);
  EXPECT_NE(outcome.err.find("/x: Read-only file system"), std::string::npos);
  EXPECT_NE(outcome.err.find("/tmp/y: Read-only file system"), std::string::npos);
  EXPECT_EQ(outcome.out, "shm\n/not/there/yet\n");
}

TEST_F(MountsTest, MasksPaths) {
  fs::create_directories(rootfs() + "/secret");
  WriteText(rootfs() + "/secret/key", "k");
  WriteText(rootfs() + "/hidden", "h");
  grpc::Spec spec = Spec({"sh", "-c",
                          "cat /hidden; ls /secret; touch /secret/x; "
                          "cat /proc/kcore; stat -c %t:%T /hidden"});
  for (const char* path : {"/hidden", "/secret", "/proc/kcore", "/no/such/path"})
    spec.mutable_linux()->add_maskedpaths(path);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "1:3\n") << outcome.status.message();
  EXPECT_NE(outcome.err.find("/secret/x: Read-only file system"), std::string::npos);
}

TEST_F(MountsTest, MakesPathsReadOnly) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "echo 1 > /proc/sys/kernel/msgmax; touch /etc/x; "
                          "cat /proc/sys/kernel/ostype"});
  for (const char* path : {"/proc/sys", "/etc", "/no/such/path"})
    spec.mutable_linux()->add_readonlypaths(path);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "Linux\n") << outcome.status.message();
  EXPECT_NE(outcome.err.find("/etc/x: Read-only file system"), std::string::npos);
  EXPECT_NE(outcome.err.find("msgmax: Read-only file system"), std::string::npos);
}

// ---- devices ----

TEST_F(MountsTest, HasTheDevicesEveryContainerHas) {
  const Outcome outcome = Shell(
      "cd /dev; for d in null zero full random urandom tty; do stat -c '%n %F %a %t:%T' $d; done; "
      "for l in fd stdin stdout stderr core ptmx; do readlink $l; done; echo x > null; "
      "dd if=zero bs=4 count=1 2>/dev/null | wc -c");
  EXPECT_EQ(outcome.out,
            "null character special file 666 1:3\nzero character special file 666 1:5\n"
            "full character special file 666 1:7\nrandom character special file 666 1:8\n"
            "urandom character special file 666 1:9\ntty character special file 666 5:0\n"
            "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n/proc/kcore\n"
            "pts/ptmx\n4\n");
}

TEST_F(MountsTest, MakesTheDevicesOfTheSpecification) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "stat -c '%F %a %t:%T %u:%g' /dev/disk/a /dev/c /pipe "
                          "/dev/null"});
  const auto add = [&](const char* path, const char* type, int major, int minor, unsigned mode) {
    grpc::LinuxDevice* const device = spec.mutable_linux()->add_devices();
    device->set_path(path);
    device->set_type(type);
    device->set_major(major);
    device->set_minor(minor);
    device->set_filemode(mode);
    device->set_uid(3);
    device->set_gid(4);
  };
  add("/dev/disk/a", "b", 7, 300, 0640);
  add("/dev/c", "c", 10, 229, 0);
  add("/pipe", "p", 0, 0, 0622);
  add("/dev/null", "c", 1, 3, 0600);
  EXPECT_EQ(Run(spec).out,
            "block special file 640 7:12c 3:4\ncharacter special file 666 a:e5 3:4\n"
            "fifo 622 0:0 3:4\ncharacter special file 600 1:3 3:4\n");
}

TEST_F(MountsTest, DevicesOfTheImageStay) {
  fs::remove_all(rootfs() + "/dev");
  fs::create_directory(rootfs() + "/dev");
  ASSERT_EQ(mknod((rootfs() + "/dev/null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
  grpc::Spec spec = Spec({"stat", "-c", "%a", "/dev/null"});
  spec.clear_mounts();
  EXPECT_EQ(Run(spec).out, "600\n");
}

TEST_F(MountsTest, AFileInTheDevicesPlaceIsAnError) {
  WriteText(rootfs() + "/dev/null", "not a device");
  grpc::Spec spec = Spec({"true"});
  spec.clear_mounts();
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.message(), "linux.devices: cannot make \"/dev/null\": File exists");
}

// ---- traps in the image ----

TEST_F(MountsTest, AnAbsoluteLinkLeadsInsideTheRoot) {
  fs::create_directories(dir() + "/outside");
  fs::create_symlink(dir() + "/outside", rootfs() + "/trap");
  fs::create_symlink("../../../../../../../.." + dir() + "/outside", rootfs() + "/trap2");
  grpc::Spec spec = Spec({"sh", "-c", "cat /trap/file/file /trap2/single"});
  AddMount(&spec, "/trap/file", "bind", Source(), {"bind"});
  AddMount(&spec, "/trap2/single", "bind", Source("single"), {"bind"});
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "content\none\n") << outcome.status.message() << outcome.err;
  EXPECT_TRUE(fs::is_empty(dir() + "/outside"));
  EXPECT_TRUE(fs::exists(rootfs() + dir() + "/outside/file"));
}

TEST_F(MountsTest, ALinkToNothingIsFollowedWhenItsTargetIsMade) {
  fs::create_symlink("../run/resolve/resolv.conf", rootfs() + "/etc/resolv.conf");
  grpc::Spec spec = Spec({"sh", "-c", "cat /etc/resolv.conf /run/resolve/resolv.conf"});
  AddMount(&spec, "/etc/resolv.conf", "bind", Source("single"), {"bind"});
  EXPECT_EQ(Run(spec).out, "one\none\n");
}

TEST_F(MountsTest, ALoopOfLinksIsAnError) {
  fs::create_symlink("loop2", rootfs() + "/loop1");
  fs::create_symlink("loop1", rootfs() + "/loop2");
  grpc::Spec spec = Spec({"true"});
  AddMount(&spec, "/loop1/x", "bind", Source(), {"bind"});
  const Outcome outcome = Run(spec);
  EXPECT_NE(outcome.status.message().find("Too many levels of symbolic links"), std::string::npos)
      << outcome.status.message();
}

TEST_F(MountsTest, ProcMustNotBeALink) {
  fs::remove(rootfs() + "/proc");
  fs::create_symlink("/etc", rootfs() + "/proc");
  const Outcome outcome = Run({"true"});
  EXPECT_EQ(outcome.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(outcome.status.message().find("\"/proc\""), std::string::npos);
  EXPECT_NE(outcome.status.message().find("symbolic link in the image"), std::string::npos);
}

TEST_F(MountsTest, AMaskedLinkMasksItsTargetInside) {
  WriteText(dir() + "/single", "outside\n");
  fs::create_directories(rootfs() + dir());
  WriteText(rootfs() + dir() + "/single", "inside\n");
  fs::create_symlink(dir() + "/single", rootfs() + "/link");
  grpc::Spec spec = Spec({"cat", "/link"});
  spec.mutable_linux()->add_maskedpaths("/link");
  EXPECT_EQ(Run(spec).out, "");
  EXPECT_EQ(ReadText(dir() + "/single"), "outside\n");
}

TEST_F(MountsTest, TheWorkingDirectoryIsMadeInside) {
  fs::create_directories(dir() + "/outside");
  fs::create_symlink(dir() + "/outside", rootfs() + "/trap");
  grpc::Spec spec = Spec({"readlink", "/proc/self/cwd"});
  spec.mutable_process()->set_cwd("/trap/../../../../made");
  Run(spec);
  EXPECT_FALSE(fs::exists(dir() + "/made"));
  EXPECT_FALSE(fs::exists("/made"));
}

TEST_F(MountsTest, AnImageLinkForTheConsoleDoesNotEscape) {
  fs::create_symlink(dir() + "/single", rootfs() + "/dev/console");
  grpc::Spec spec = Spec({"true"});
  spec.mutable_process()->set_terminal(true);
  for (int i = 0; i < spec.mounts_size(); ++i) {
    if (spec.mounts(i).destination() == "/dev") spec.mutable_mounts()->DeleteSubrange(i--, 1);
  }
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(ReadText(dir() + "/single"), "one\n");
  EXPECT_TRUE(fs::exists(rootfs() + dir() + "/single"));
  End(*made);
}

// ---- options ----

TEST(MountOptionsTest, KnowsTheFlags) {
  const MountOptions o = ParseMountOptions(
      {"ro", "nosuid", "nodev", "noexec", "sync", "dirsync", "mand", "nodiratime", "strictatime"});
  EXPECT_EQ(o.set, static_cast<unsigned long>(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
                                              MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK |
                                              MS_NODIRATIME | MS_STRICTATIME));
  EXPECT_EQ(o.data, "");
}

TEST(MountOptionsTest, TheLaterOptionWins) {
  EXPECT_EQ(ParseMountOptions(
                {"ro", "nosuid", "nodev", "noexec", "sync", "rw", "suid", "dev", "exec", "async"})
                .set,
            0U);
  EXPECT_EQ(ParseMountOptions({"noatime", "relatime"}).set,
            static_cast<unsigned long>(MS_RELATIME));
}

TEST(MountOptionsTest, PassesTheRestToTheFileSystem) {
  const MountOptions o = ParseMountOptions({"size=1m", "ro", "", "mode=700", "defaults"});
  EXPECT_EQ(o.data, "size=1m,mode=700");
  EXPECT_EQ(o.set, static_cast<unsigned long>(MS_RDONLY));
}

TEST(MountOptionsTest, KnowsKindsAndPropagation) {
  const MountOptions o = ParseMountOptions({"rbind", "remount", "tmpcopyup", "rslave", "shared"});
  EXPECT_TRUE(o.bind && o.recursive && o.remount && o.copy_up);
  ASSERT_EQ(o.propagation.size(), 2U);
  EXPECT_EQ(o.propagation[0], static_cast<unsigned long>(MS_SLAVE | MS_REC));
  EXPECT_EQ(o.propagation[1], static_cast<unsigned long>(MS_SHARED));
}

TEST(MountOptionsTest, MergesAccessTimes) {
  EXPECT_EQ(MergeFlags(MS_RELATIME | MS_NOSUID, MS_NOATIME),
            static_cast<unsigned long>(MS_NOATIME | MS_NOSUID));
  EXPECT_EQ(MergeFlags(MS_NOATIME, MS_RDONLY), static_cast<unsigned long>(MS_NOATIME | MS_RDONLY));
}

// ---- what is wrong with a specification ----

struct Wrong {
  std::string name;
  void (*change)(grpc::Spec*);
  StatusCode code;
  std::string message;  // part of it
};

class WrongSpec : public Bed, public ::testing::WithParamInterface<Wrong> {};

// TearDown checks that nothing is left of it.
TEST_P(WrongSpec, IsRefusedAndLeavesNothing) {
  grpc::Spec spec = Spec({"true"});
  GetParam().change(&spec);
  const auto made = Create(spec);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), GetParam().code) << made.status().message();
  EXPECT_NE(made.status().message().find(GetParam().message), std::string::npos)
      << made.status().message();
  EXPECT_EQ(made.status().message().find('\n'), std::string::npos);
}

grpc::Mount* NewMount(grpc::Spec* spec, const char* type, const char* source) {
  grpc::Mount* const mount = spec->add_mounts();
  mount->set_destination("/m");
  mount->set_type(type);
  mount->set_source(source);
  return mount;
}

grpc::POSIXRlimit* NewLimit(grpc::Spec* spec, const char* type, std::uint64_t soft,
                            std::uint64_t hard) {
  grpc::POSIXRlimit* const limit = spec->mutable_process()->add_rlimits();
  limit->set_type(type);
  limit->set_soft(soft);
  limit->set_hard(hard);
  return limit;
}

using S = grpc::Spec*;
constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;

INSTANTIATE_TEST_SUITE_P(
    All, WrongSpec,
    ::testing::Values(
        Wrong{"type", [](S s) { NewMount(s, "nofs", "x"); }, kInvalid,
              "mount of \"x\" on \"/m\" (type \"nofs\"): the kernel of the guest has no file "
              "system \"nofs\""},
        Wrong{"no_type", [](S s) { NewMount(s, "", "x"); }, kInvalid, "no type"},
        Wrong{"source", [](S s) { NewMount(s, "bind", "/no/such"); }, StatusCode::kNotFound,
              "mount of \"/no/such\" on \"/m\" (type \"bind\"): cannot open the source: No such "
              "file or directory"},
        Wrong{"relative_source", [](S s) { NewMount(s, "bind", "here"); }, kInvalid,
              "must be absolute"},
        Wrong{"destination", [](S s) { NewMount(s, "tmpfs", "x")->clear_destination(); }, kInvalid,
              "no destination"},
        Wrong{"data", [](S s) { NewMount(s, "tmpfs", "x")->add_options("nosuch=1"); }, kInvalid,
              "options \"nosuch=1\""},
        Wrong{"remount", [](S s) { NewMount(s, "tmpfs", "x")->add_options("remount"); },
              StatusCode::kNotFound, "\"/m\""},
        Wrong{"over_a_file",
              [](S s) { NewMount(s, "tmpfs", "x")->set_destination("/etc/passwd"); },
              StatusCode::kFailedPrecondition, "Not a directory"},
        Wrong{"cwd", [](S s) { s->mutable_process()->set_cwd("relative"); }, kInvalid,
              "process.cwd \"relative\""},
        Wrong{"cwd_file", [](S s) { s->mutable_process()->set_cwd("/etc/passwd"); },
              StatusCode::kFailedPrecondition, "process.cwd"},
        Wrong{"args", [](S s) { s->mutable_process()->clear_args(); }, kInvalid, "process.args"},
        Wrong{"env", [](S s) { s->mutable_process()->add_env("NOVALUE"); }, kInvalid,
              "process.env: \"NOVALUE\""},
        Wrong{"capability",
              [](S s) { s->mutable_process()->mutable_capabilities()->add_bounding("CAP_FLY"); },
              kInvalid, "process.capabilities.bounding: \"CAP_FLY\""},
        Wrong{"rlimit", [](S s) { NewLimit(s, "RLIMIT_FUN", 1, 2); }, kInvalid, "RLIMIT_FUN"},
        Wrong{"rlimit_order", [](S s) { NewLimit(s, "RLIMIT_CORE", 3, 2); }, kInvalid,
              "soft limit 3 is above the hard limit 2"},
        Wrong{"rlimit_nofile", [](S s) { NewLimit(s, "RLIMIT_NOFILE", 1, 1ULL << 40U); },
              StatusCode::kPermissionDenied, "RLIMIT_NOFILE"},
        Wrong{"oom", [](S s) { s->mutable_process()->set_oomscoreadj(5000); }, kInvalid, "5000"},
        Wrong{"root", [](S s) { s->mutable_root()->set_path("/no/such/rootfs"); },
              StatusCode::kNotFound, "root.path: cannot bind \"/no/such/rootfs\""},
        Wrong{"root_relative", [](S s) { s->mutable_root()->set_path("rootfs"); }, kInvalid,
              "root.path \"rootfs\""},
        Wrong{"root_file", [](S s) { s->mutable_root()->set_path("/bin/busybox"); },
              StatusCode::kFailedPrecondition, "root.path"},
        Wrong{"namespace", [](S s) { s->mutable_linux()->add_namespaces()->set_type("soul"); },
              kInvalid, "\"soul\""},
        Wrong{"namespace_path",
              [](S s) {
                grpc::LinuxNamespace* const ns = s->mutable_linux()->add_namespaces();
                ns->set_type("network");
                ns->set_path("/no/such/ns");
              },
              StatusCode::kNotFound, "/no/such/ns"},
        Wrong{"namespace_wrong_kind",
              [](S s) {
                grpc::LinuxNamespace* const ns = s->mutable_linux()->add_namespaces();
                ns->set_type("network");
                ns->set_path("/proc/self/ns/uts");
              },
              kInvalid, "cannot join"},
        Wrong{"user_without_map",
              [](S s) { s->mutable_linux()->add_namespaces()->set_type("user"); }, kInvalid,
              "uidMappings"},
        Wrong{"propagation", [](S s) { s->mutable_linux()->set_rootfspropagation("far"); },
              kInvalid, "\"far\""},
        Wrong{"device",
              [](S s) {
                grpc::LinuxDevice* const device = s->mutable_linux()->add_devices();
                device->set_path("/dev/x");
                device->set_type("z");
              },
              kInvalid, "type \"z\""},
        Wrong{"sysctl_escape",
              [](S s) { (*s->mutable_linux()->mutable_sysctl())["net/../../x"] = "1"; }, kInvalid,
              "net/../../x"},
        Wrong{"sysctl_missing",
              [](S s) { (*s->mutable_linux()->mutable_sysctl())["net.nosuch"] = "1"; },
              StatusCode::kNotFound, "net/nosuch"},
        Wrong{"sysctl_of_the_guest",
              [](S s) { (*s->mutable_linux()->mutable_sysctl())["vm.swappiness"] = "1"; },
              kInvalid, "\"vm.swappiness\" is not of a namespace"},
        Wrong{"sysctl_hostname",
              [](S s) { (*s->mutable_linux()->mutable_sysctl())["kernel.hostname"] = "x"; },
              kInvalid, "hostname"},
        Wrong{"time_namespace",
              [](S s) { s->mutable_linux()->add_namespaces()->set_type("time"); }, kInvalid,
              "time namespaces are not supported"},
        Wrong{"time_offsets",
              [](S s) { (*s->mutable_linux()->mutable_timeoffsets())["boottime"].set_secs(1); },
              kInvalid, "linux.timeOffsets"},
        Wrong{"idmap", [](S s) { s->mutable_mounts(1)->add_options("idmap"); }, kInvalid,
              "mapped ids"},
        Wrong{"idmappings", [](S s) { s->mutable_mounts(1)->add_uidmappings(); }, kInvalid,
              "mapped ids"},
        Wrong{"umask", [](S s) { s->mutable_process()->mutable_user()->set_umask(01000); },
              kInvalid, "process.user.umask"},
        Wrong{"scheduler",
              [](S s) { s->mutable_process()->mutable_scheduler()->set_policy("SCHED_ISO"); },
              kInvalid, "process.scheduler.policy"},
        Wrong{"nice",
              [](S s) {
                s->mutable_process()->mutable_scheduler()->set_policy("SCHED_OTHER");
                s->mutable_process()->mutable_scheduler()->set_nice(20);
              },
              kInvalid, "process.scheduler.nice"},
        Wrong{"io_priority",
              [](S s) {
                s->mutable_process()->mutable_iopriority()->set_class_("IOPRIO_CLASS_BE");
                s->mutable_process()->mutable_iopriority()->set_priority(8);
              },
              kInvalid, "process.ioPriority.priority"},
        Wrong{"personality",
              [](S s) { s->mutable_linux()->mutable_personality()->set_domain("BSD"); }, kInvalid,
              "linux.personality.domain"},
        Wrong{"unified",
              [](S s) {
                (*s->mutable_linux()->mutable_resources()->mutable_unified())["cgroup.procs"] = "1";
              },
              kInvalid, "linux.resources.unified"},
        Wrong{"unified_path",
              [](S s) {
                (*s->mutable_linux()->mutable_resources()->mutable_unified())["../a.b"] = "1";
              },
              kInvalid, "linux.resources.unified"},
        Wrong{"seccomp_notify",
              [](S s) { s->mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_NOTIFY"); },
              kInvalid, "needs a listener"},
        Wrong{"seccomp_listener",
              [](S s) {
                s->mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_ALLOW");
                s->mutable_linux()->mutable_seccomp()->set_listenerpath("/x");
              },
              kInvalid, "linux.seccomp.listenerPath"},
        Wrong{"seccomp_flag",
              [](S s) {
                s->mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_ALLOW");
                s->mutable_linux()->mutable_seccomp()->add_flags("SECCOMP_FILTER_FLAG_NONE");
              },
              kInvalid, "linux.seccomp.flags"},
        Wrong{"seccomp_errno",
              [](S s) {
                s->mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_ALLOW");
                s->mutable_linux()->mutable_seccomp()->set_defaulterrnoret(1);
              },
              kInvalid, "makes no sense"},
        Wrong{"masked", [](S s) { s->mutable_linux()->add_maskedpaths("rel"); }, kInvalid,
              "linux.maskedPaths"},
        Wrong{"seccomp_action",
              [](S s) { s->mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_NO"); },
              kInvalid, "SCMP_ACT_NO"},
        Wrong{"seccomp_index",
              [](S s) {
                grpc::LinuxSeccomp* const seccomp = s->mutable_linux()->mutable_seccomp();
                seccomp->set_defaultaction("SCMP_ACT_ALLOW");
                grpc::LinuxSyscall* const rule = seccomp->add_syscalls();
                rule->add_names("kill");
                rule->set_action("SCMP_ACT_ERRNO");
                rule->add_args()->set_op("SCMP_CMP_EQ");
                rule->mutable_args(0)->set_index(6);
              },
              kInvalid, "argument index 6"},
        Wrong{"memory",
              [](S s) {
                s->mutable_linux()->mutable_resources()->mutable_memory()->set_swap(100);
              },
              kInvalid, "memory.limit is not set"},
        Wrong{"swap",
              [](S s) {
                grpc::LinuxMemory* const memory =
                    s->mutable_linux()->mutable_resources()->mutable_memory();
                memory->set_swap(100);
                memory->set_limit(200);
              },
              kInvalid, "less than memory.limit 200"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace shoji::jail
