// Several handles, several threads, opening again, and what handles hold.
#include <dirent.h>
#include <fcntl.h>

#include <set>
#include <thread>

#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

Verdict TwoHandles(const StoreSubject& subject) {
  Bench b(subject, "two-handles");
  if (!b.ok()) return b.verdict();
  const Handle other(subject);
  b.ExpectOk(other.open_answer(), "open() while another handle is open");
  if (!other.ok()) return b.verdict();
  b.Save("k", "one");
  const Answer seen = other.Load(b.Key("k"));
  b.ExpectOk(seen, "load() of what another handle saved");
  b.Expect(seen.value == "one", "a second handle does not see the value of the first");
  b.ExpectOk(other.Save(b.Key("k"), "two"), "save() by the second handle");
  b.ExpectValue("k", "two");
  b.ExpectOk(other.Remove(b.Key("k")), "remove() by the second handle");
  b.ExpectAbsent("k");
  return b.verdict();
}

Verdict ManyHandles(const StoreSubject& subject) {
  Bench b(subject, "many-handles");
  if (!b.ok()) return b.verdict();
  std::vector<std::unique_ptr<Handle>> handles;
  for (int i = 0; i < 8 && !b.failed(); ++i) {
    handles.push_back(std::make_unique<Handle>(subject));
    b.ExpectOk(handles.back()->open_answer(), "open() of handle " + std::to_string(i + 2));
  }
  for (std::size_t i = 0; i < handles.size() && !b.failed(); ++i) {
    const std::string name = std::to_string(i);
    b.ExpectOk(handles[i]->Save(b.Key(name), name), "save() by one of eight handles");
  }
  handles.clear();
  for (int i = 0; i < 8; ++i) b.ExpectValue(std::to_string(i), std::to_string(i));
  return b.verdict();
}

Verdict Reopened(const StoreSubject& subject) {
  if (!subject.durable) return Skip("nothing outlives the process");
  Bench b(subject, "reopened");
  if (!b.ok()) return b.verdict();
  const std::string large(300'000, 'x');
  b.Save("k", "value");
  b.Save("large", large);
  b.Save("gone", "x");
  b.Remove("gone");
  if (b.handle().CanApply()) b.Apply({{SHOJI_STORE_OP_SAVE, b.Key("t"), "txn"}});
  const bool applied = b.handle().CanApply();
  for (int i = 0; i < 2; ++i) {
    b.Reopen();
    if (!b.ok()) return b.verdict();
    b.ExpectValue("k", "value");
    b.ExpectValue("large", large);
    b.ExpectAbsent("gone");
    if (applied) b.ExpectValue("t", "txn");
  }
  return b.verdict();
}

// What one of several threads does on one handle; the first problem.
std::string Work(const Handle& handle, const std::string& own, const std::string& common,
                 int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const std::string value = own + ":" + std::string(3000, static_cast<char>('a' + i % 26));
    Answer answer = handle.Save(own, value);
    if (!answer.ok()) return "save() beside others gave " + answer.Text();
    answer = handle.Load(own);
    if (!answer.ok()) return "load() beside others gave " + answer.Text();
    if (answer.value != value) return "load() beside others gave an old or torn value";
    answer = handle.Save(common, std::string(5000, value.back()));
    if (!answer.ok()) return "save() of one key by several threads gave " + answer.Text();
    answer = handle.Load(common);
    if (!answer.ok()) return "load() of a key that several threads save gave " + answer.Text();
    if (answer.value != std::string(5000, answer.value.empty() ? '-' : answer.value[0])) {
      return "a value that several threads save is torn";
    }
  }
  return "";
}

void RunThreads(Bench& b, const std::vector<const Handle*>& handles, int rounds) {
  std::vector<std::thread> threads;
  std::vector<std::string> problems(handles.size());
  const std::string common = b.Key("common");
  for (std::size_t i = 0; i < handles.size(); ++i) {
    const std::string own = b.Key("own/" + std::to_string(i));
    threads.emplace_back([&, i, own] { problems[i] = Work(*handles[i], own, common, rounds); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& problem : problems) b.Expect(problem.empty(), problem);
}

Verdict Threads(const StoreSubject& subject) {
  Bench b(subject, "threads");
  if (!b.ok()) return b.verdict();
  RunThreads(b, std::vector<const Handle*>(8, &b.handle()), 8);
  return b.verdict();
}

Verdict ThreadsAndHandles(const StoreSubject& subject) {
  Bench b(subject, "threads-handles");
  if (!b.ok()) return b.verdict();
  std::vector<std::unique_ptr<Handle>> handles;
  std::vector<const Handle*> users;
  for (int i = 0; i < 4; ++i) {
    handles.push_back(std::make_unique<Handle>(subject));
    b.ExpectOk(handles.back()->open_answer(), "open() beside others");
    if (b.failed()) return b.verdict();
    users.push_back(handles.back().get());
  }
  RunThreads(b, users, 8);
  return b.verdict();
}

// The descriptors this process has open, without the one that lists them.
std::set<int> Descriptors() {
  std::set<int> out;
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    if (fd != dirfd(dir)) out.insert(fd);
  }
  closedir(dir);
  return out;
}

void OpenWorkClose(Bench& b) {
  const Handle handle(b.subject());
  b.ExpectOk(handle.open_answer(), "open()");
  if (!handle.ok()) return;
  b.ExpectOk(handle.Save(b.Key("k"), "v"), "save()");
  b.ExpectOk(handle.Load(b.Key("k")), "load()");
  b.ExpectCode(handle.Load(b.Key("none")), {SHOJI_NOT_FOUND}, "load() of an absent key");
}

Verdict NothingHeld(const StoreSubject& subject) {
  Bench b(subject, "nothing-held");
  if (!b.ok()) return b.verdict();
  for (int i = 0; i < 3; ++i) OpenWorkClose(b);  // what is made once may stay
  const std::size_t before = Descriptors().size();
  for (int i = 0; i < 12; ++i) OpenWorkClose(b);
  const std::size_t after = Descriptors().size();
  b.Expect(after <= before, "12 handles that were closed left " + std::to_string(after - before) +
                                " descriptors open");
  return b.verdict();
}

Verdict CloseOnExec(const StoreSubject& subject) {
  const std::set<int> before = Descriptors();
  Bench b(subject, "close-on-exec");
  if (!b.ok()) return b.verdict();
  b.Save("k", "v");
  b.ExpectValue("k", "v");
  for (const int fd : Descriptors()) {
    const int flags = fcntl(fd, F_GETFD);
    if (before.count(fd) != 0 || flags < 0) continue;
    b.Expect((flags & FD_CLOEXEC) != 0,
             "descriptor " + std::to_string(fd) + " of the store is not close-on-exec");
  }
  return b.verdict();
}

}  // namespace

void AddSharingChecks(std::vector<StoreCheck>* checks) {
  checks->insert(
      checks->end(),
      {{"store-two-handles", "two handles see each other's changes", TwoHandles},
       {"store-many-handles", "eight handles at once; what they saved stays", ManyHandles},
       {"store-reopened", "closed and opened again, everything is there", Reopened},
       {"store-threads", "eight threads on one handle", Threads},
       {"store-threads-handles", "four threads with a handle each", ThreadsAndHandles},
       {"store-nothing-held", "close() gives back the descriptors", NothingHeld},
       {"store-close-on-exec", "the store's descriptors are close-on-exec", CloseOnExec}});
}

}  // namespace shoji::validate
