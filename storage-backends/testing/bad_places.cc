#include "bad_places.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "place.h"
#include "register.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"

namespace shoji::store_testing {
namespace {

constexpr std::size_t kMiB = 1U << 20U;
constexpr uid_t kNobody = 65534;

// What is not as it should be, collected.
class Problems {
 public:
  void Add(const std::string& text) { text_ += text + "\n"; }
  void Expect(bool condition, const std::string& text) {
    if (!condition) Add(text);
  }
  void ExpectOk(const Status& status, const std::string& what) {
    Expect(status.ok(), what + " failed: " + status.message());
  }
  // The failure has that code and names the place.
  void ExpectFailure(const Status& status, StatusCode code, const std::string& named,
                     const std::string& what) {
    Expect(status.code() == code, what + " gave " + std::string(StatusCodeName(status.code())) +
                                      " (" + status.message() + ") instead of " +
                                      std::string(StatusCodeName(code)));
    Expect(status.ok() || status.message().find(named) != std::string::npos,
           what + ": the message does not name " + named + ": " + status.message());
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A mount namespace of its own with a disk of `bytes` at `dir`; what is in the way otherwise.
std::string MountDisk(const std::string& dir, std::uint64_t bytes) {
  if (unshare(CLONE_NEWNS) < 0) return "no mount namespace: " + ErrnoText(errno);
  const Status status = MakeMountsPrivate();
  if (!status.ok()) return status.message();
  const std::string size = "size=" + std::to_string(bytes);
  if (mount("tmpfs", dir.c_str(), "tmpfs", 0, size.c_str()) < 0) {
    return "cannot mount a disk: " + ErrnoText(errno);
  }
  return "";
}

// Fills the file with up to `bytes`; ends when the disk is full.
void WriteBallast(const std::string& path, std::size_t bytes) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'b');
  for (std::size_t done = 0; done < bytes; done += block.size()) {
    if (write(fd.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size())) return;
  }
}

std::string Filler(int number) { return std::string(kMiB, static_cast<char>('a' + number % 26)); }

// Saves until the disk is full; how many fitted.
int FillUp(OpenStore& store, const Subject& subject, const std::string& dir, Problems* problems) {
  const int limit = static_cast<int>(subject.disk_bytes / kMiB) * 2;
  for (int i = 0; i < limit; ++i) {
    const Status status = store.Save("fill/" + std::to_string(i), Filler(i));
    if (status.ok()) continue;
    problems->ExpectFailure(status, StatusCode::kResourceExhausted, dir, "save on a full disk");
    return i;
  }
  problems->Add("the disk never gets full");
  return limit;
}

// Everything that was saved is still there, and nothing else.
void ExpectOldData(OpenStore& store, int fitted, Problems* problems) {
  const auto old = store.Load("old");
  problems->Expect(old.ok() && *old == "kept",
                   "on the full disk the old value is not readable: " + old.status().message());
  for (int i = 0; i < fitted; ++i) {
    const auto value = store.Load("fill/" + std::to_string(i));
    problems->Expect(value.ok() && *value == Filler(i),
                     "value " + std::to_string(i) +
                         " of the full disk is lost or torn: " + value.status().message());
  }
  const auto refused = store.Load("fill/" + std::to_string(fitted));
  problems->Expect(refused.status().code() == StatusCode::kNotFound,
                   "a value whose save failed is there");
}

void ExpectTxnFails(OpenStore& store, const std::string& dir, Problems* problems) {
  if (!store.CanApply()) return;
  const Status status =
      store.Apply({{false, "txn/1", Filler(1)}, {true, "old", ""}, {false, "txn/2", Filler(2)}});
  problems->ExpectFailure(status, StatusCode::kResourceExhausted, dir, "apply on a full disk");
  problems->Expect(store.Load("txn/1").status().code() == StatusCode::kNotFound &&
                       store.Load("txn/2").status().code() == StatusCode::kNotFound,
                   "a part of a transaction that failed is there");
  const auto old = store.Load("old");
  problems->Expect(old.ok() && *old == "kept", "a transaction that failed removed something");
}

// The first store on a disk that is full to the last block.
void ExpectNoNewStore(const Subject& subject, const std::string& dir, Problems* problems) {
  const std::string second = dir + "/second";
  if (mkdir(second.c_str(), 0700) < 0) return;
  Plugin plugin(subject, second);
  OpenStore store(plugin);
  const Status status = store.ok() ? store.Save("k", Filler(0)) : store.open_status();
  problems->ExpectFailure(status, StatusCode::kResourceExhausted, second,
                          "a new store on a full disk");
}

// Room was made: the same handle works, and another one.
void ExpectWorksAgain(OpenStore& store, const Subject& subject, const std::string& dir, int fitted,
                      Problems* problems) {
  problems->ExpectOk(store.Save("again", Filler(3)), "save after room was made");
  problems->ExpectOk(store.Remove("fill/0"), "remove after room was made");
  Plugin plugin(subject, dir);
  OpenStore another(plugin);
  problems->ExpectOk(another.open_status(), "open after room was made");
  if (!another.ok()) return;
  const auto again = another.Load("again");
  problems->Expect(again.ok() && *again == Filler(3), "what was saved after that is lost");
  for (int i = 1; i < fitted; ++i) {
    const auto value = another.Load("fill/" + std::to_string(i));
    problems->Expect(value.ok() && *value == Filler(i), "an old value is lost after that");
  }
}

// The role: args are the directory.
std::string FullDisk(const Subject& subject, const std::vector<std::string>& args) {
  const std::string& disk = args[0];
  const std::string hindrance = MountDisk(disk, subject.disk_bytes);
  if (!hindrance.empty()) return kSkipped + hindrance;
  const std::string dir = disk + "/place";
  Problems problems;
  problems.Expect(mkdir(dir.c_str(), 0700) == 0, "cannot make " + dir);
  WriteBallast(disk + "/ballast", subject.disk_bytes / 2);
  Plugin plugin(subject, dir);
  OpenStore store(plugin);
  if (!store.ok()) return "open: " + store.open_status().message();
  problems.ExpectOk(store.Save("old", "kept"), "save");
  const int fitted = FillUp(store, subject, dir, &problems);
  ExpectOldData(store, fitted, &problems);
  ExpectTxnFails(store, dir, &problems);
  WriteBallast(disk + "/rest", subject.disk_bytes);
  ExpectNoNewStore(subject, disk, &problems);
  ExpectOldData(store, fitted, &problems);
  unlink((disk + "/ballast").c_str());
  ExpectWorksAgain(store, subject, dir, fitted, &problems);
  return problems.text();
}

// A store with a few records, closed.
void MakeStore(const Subject& subject, const std::string& dir, Problems* problems) {
  Plugin plugin(subject, dir);
  OpenStore store(plugin);
  problems->ExpectOk(store.open_status(), "open");
  if (!store.ok()) return;
  problems->ExpectOk(store.Save("old", "kept"), "save");
  for (int i = 0; i < 20; ++i) {
    problems->ExpectOk(store.Save("k/" + std::to_string(i), std::string(10'000, 'k')), "save");
  }
}

// Opening may be refused; if not, saving is, and what can be loaded is right.
void ExpectDenied(const Subject& subject, const std::string& dir, Problems* problems) {
  Plugin plugin(subject, dir);
  OpenStore store(plugin);
  if (!store.ok()) {
    problems->ExpectFailure(store.open_status(), StatusCode::kPermissionDenied, dir, "open");
    return;
  }
  problems->ExpectFailure(store.Save("new", "x"), StatusCode::kPermissionDenied, dir, "save");
  problems->ExpectFailure(store.Remove("old"), StatusCode::kPermissionDenied, dir, "remove");
  if (store.CanApply()) {
    problems->ExpectFailure(store.Apply({{false, "new", "x"}, {true, "old", ""}}),
                            StatusCode::kPermissionDenied, dir, "apply");
  }
  const auto old = store.Load("old");
  if (old.ok()) {
    problems->Expect(*old == "kept", "load gave another value");
  } else {
    problems->ExpectFailure(old.status(), StatusCode::kPermissionDenied, dir, "load");
  }
}

std::string ReadOnlyMount(const Subject& subject, const std::vector<std::string>& args) {
  const std::string& dir = args[0];
  const std::string hindrance = MountDisk(dir, subject.disk_bytes);
  if (!hindrance.empty()) return kSkipped + hindrance;
  Problems problems;
  MakeStore(subject, dir, &problems);
  if (mount(nullptr, dir.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) < 0) {
    return kSkipped + ErrnoText(errno);
  }
  ExpectDenied(subject, dir, &problems);
  if (mount(nullptr, dir.c_str(), nullptr, MS_REMOUNT, nullptr) < 0) return "cannot remount";
  Plugin plugin(subject, dir);
  OpenStore store(plugin);
  problems.ExpectOk(store.open_status(), "open of a place that is writable again");
  if (store.ok()) problems.ExpectOk(store.Save("new", "x"), "save there");
  return problems.text();
}

std::string NewStoreOnReadOnlyMount(const Subject& subject, const std::vector<std::string>& args) {
  const std::string& dir = args[0];
  const std::string hindrance = MountDisk(dir, subject.disk_bytes);
  if (!hindrance.empty()) return kSkipped + hindrance;
  if (mount(nullptr, dir.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) < 0) {
    return kSkipped + ErrnoText(errno);
  }
  Problems problems;
  ExpectDenied(subject, dir, &problems);
  return problems.text();
}

// From here on the process is nobody, unless it was no superuser anyway.
bool DropRights() {
  if (geteuid() != 0) return true;
  return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
         setresuid(kNobody, kNobody, kNobody) == 0;
}

// The role: somebody else's directory. args: directory, its mode, "full" when there is a store.
std::string NoRights(const Subject& subject, const std::vector<std::string>& args) {
  const std::string dir = args[0] + "/place";
  Problems problems;
  problems.Expect(mkdir(dir.c_str(), 0700) == 0, "cannot make " + dir);
  if (args[2] == "full") MakeStore(subject, dir, &problems);
  const auto mode = static_cast<mode_t>(std::stoul(args[1], nullptr, 8));
  if (chmod(args[0].c_str(), 0755) < 0 || chmod(dir.c_str(), mode) < 0) return "chmod failed";
  if (!DropRights()) return std::string(kSkipped) + "the rights of root cannot be dropped";
  ExpectDenied(subject, dir, &problems);
  return problems.text();
}

void ExpectRole(const std::string& role, const std::vector<std::string>& more = {}) {
  const TempDir dir;
  std::vector<std::string> args = {dir.path()};
  args.insert(args.end(), more.begin(), more.end());
  const std::string said = RunRole(role, args);
  if (said.rfind(kSkipped, 0) == 0) GTEST_SKIP() << said;
  EXPECT_EQ(said, "");
  // A directory that nobody may enter could not be removed.
  (void)chmod((dir.path() + "/place").c_str(), 0700);
}

// What the store says about it: by open(), else by load() of each key, else by scan().
Status FirstFailure(const Subject& subject, const std::string& dir) {
  Plugin plugin(subject, dir);
  OpenStore store(plugin);
  if (!store.ok()) return store.open_status();
  std::vector<std::string> keys = {"old"};
  for (int i = 0; i < 20; ++i) keys.push_back("k/" + std::to_string(i));
  for (const std::string& key : keys) {
    const auto value = store.Load(key);
    if (!value.ok()) return value.status();
    EXPECT_EQ(*value, key == "old" ? "kept" : std::string(10'000, 'k')) << key << " is torn";
  }
  if (store.CanScan()) {
    const auto scanned = store.Scan("");
    if (!scanned.ok()) return scanned.status();
  }
  return store.Save("new", "x");
}

void ExpectDamageIsTold(const Subject& subject, const Damage& damage) {
  const TempDir dir;
  Problems problems;
  if (!damage.foreign) MakeStore(subject, dir.path(), &problems);
  ASSERT_EQ(problems.text(), "");
  damage.inflict(dir.path());
  const Status status = FirstFailure(subject, dir.path());
  EXPECT_EQ(damage.codes.count(static_cast<std::int32_t>(status.code())), 1U)
      << StatusCodeName(status.code()) << ": " << status.message();
  const std::string named = damage.named.empty() ? dir.path() : damage.named;
  EXPECT_NE(status.message().find(named), std::string::npos) << status.message();
}

}  // namespace

void RegisterBadPlaceTests(const Subject& subject) {
  if (!subject.has_files) return;
  Register("BadPlace", "AFullDisk", [] { ExpectRole("full-disk"); });
  Register("BadPlace", "AReadOnlyMount", [] { ExpectRole("read-only-mount"); });
  Register("BadPlace", "ANewStoreOnAReadOnlyMount", [] { ExpectRole("read-only-new"); });
  Register("BadPlace", "ADirectoryOfSomebodyElse", [] {
    ExpectRole("no-rights", {"700", "full"});
  });
  Register("BadPlace", "AReadOnlyDirectory", [] { ExpectRole("no-rights", {"555", "full"}); });
  Register("BadPlace", "ANewStoreInAReadOnlyDirectory", [] {
    ExpectRole("no-rights", {"555", "empty"});
  });
  for (const Damage& damage : subject.damages) {
    Register("Damage", damage.name, [&subject, damage] { ExpectDamageIsTold(subject, damage); });
  }
}

void AddBadPlaceRoles(std::map<std::string, Role>* roles) {
  (*roles)["full-disk"] = FullDisk;
  (*roles)["read-only-mount"] = ReadOnlyMount;
  (*roles)["read-only-new"] = NewStoreOnReadOnlyMount;
  (*roles)["no-rights"] = NoRights;
}

}  // namespace shoji::store_testing
