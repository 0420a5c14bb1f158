#include "pool.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace shoji::cache {
namespace {

// Whoever took one is about to start a container: booting the next one would slow that down.
constexpr std::chrono::milliseconds kQuiet{500};
constexpr std::chrono::seconds kFirstRetry{1};
constexpr int kMostDoublings = 6;
// Between looks at a caller that may have given up.
constexpr std::chrono::milliseconds kTurn{100};

bool Readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return fd >= 0 && poll(&entry, 1, 0) > 0;
}

// True when the child has ended, or is no child of ours.
bool Reaped(int pidfd) {
  if (!Readable(pidfd)) return false;
  siginfo_t info{};
  waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  return true;
}

}  // namespace

Pool::Pool(const sdk::Host& host, Options options, Wanted wanted, std::unique_ptr<Waiting> first)
    : host_(host),
      options_(std::move(options)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wanted_(std::move(wanted)),
      abilities_(first != nullptr ? first->abilities() : Abilities()) {
  if (first != nullptr) ready_.push_back(std::move(first));
  thread_ = std::thread([this] { Run(); });
}

Pool::~Pool() {
  Stop();
  thread_.join();
}

void Pool::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  eventfd_write(stop_.get(), 1);
  changed_.notify_all();
}

void Pool::Wake() { eventfd_write(wake_.get(), 1); }

void Pool::Run() {
  for (;;) {
    TakeDead();
    ReapChildren();
    bool due = false;
    {
      const MutexLock lock(mutex_);
      if (stopped_) return;
      due = Due();
    }
    if (due) {
      MakeOne();
    } else {
      Sleep();
    }
  }
}

bool Pool::Due() {
  if (ready_.size() >= options_.size) return false;
  return not_before_.never() || not_before_.passed();
}

Deadline Pool::NextLook() {
  return ready_.size() >= options_.size ? Deadline::Never() : not_before_;
}

void Pool::MakeOne() {
  Wanted wanted;
  {
    const MutexLock lock(mutex_);
    wanted = wanted_;
  }
  auto made = Waiting::Make(host_, *options_.base, wanted, options_.run_dir, stop_.get(),
                            options_.warm_up, options_.error);
  Vms surplus;
  const MutexLock lock(mutex_);
  changed_.notify_all();
  if (made.ok()) {
    failures_ = 0;
    abilities_ = (*made)->abilities();
    trouble_.clear();
    not_before_ = Deadline();
    const bool fits = wanted_.Mismatch(wanted, (*made)->abilities()).empty() && !stopped_;
    (fits ? ready_ : surplus).push_back(std::move(*made));
    return;
  }
  if (stopped_) return;
  trouble_ = made.status().message();
  if (!made.status().detail("told").empty()) {
    const std::string told = sdk::ToldText(host_, options_.error);
    trouble_ = told.empty() ? std::string(StatusCodeName(made.status().code())) : told;
  }
  host_.Log(SHOJI_LOG_WARN, "no VM could be made ready: " + trouble_);
  not_before_ = Deadline::After(kFirstRetry * (1 << std::min(failures_++, kMostDoublings)));
}

Pool::Vms Pool::TakeDead() {
  Vms dead;
  const MutexLock lock(mutex_);
  for (auto vm = ready_.begin(); vm != ready_.end();) {
    if ((*vm)->alive()) {
      ++vm;
      continue;
    }
    host_.Log(SHOJI_LOG_WARN, "VM " + (*vm)->place().id() + " ended while it waited");
    dead.push_back(std::move(*vm));
    vm = ready_.erase(vm);
    not_before_ = Deadline::After(kFirstRetry);
  }
  return dead;
}

void Pool::ReapChildren() {
  const MutexLock lock(mutex_);
  std::erase_if(children_, [](const UniqueFd& child) { return Reaped(child.get()); });
}

// Until something happens: a VM ends, a child ends, somebody asks, or it is time.
void Pool::Sleep() {
  std::vector<UniqueFd> own;  // others may close theirs meanwhile
  std::vector<pollfd> entries = {{stop_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  Deadline next;
  {
    const MutexLock lock(mutex_);
    next = NextLook();
    for (const auto& vm : ready_) own.emplace_back(dup(vm->gone_fd()));
    for (const auto& child : children_) own.emplace_back(dup(child.get()));
  }
  for (const UniqueFd& fd : own) entries.push_back({fd.get(), POLLIN, 0});
  poll(entries.data(), entries.size(), next.PollTimeout());
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
}

Result<std::unique_ptr<Waiting>> Pool::Take(const Wanted& wanted) {
  std::unique_ptr<Waiting> dead;  // destroyed without the lock
  const MutexLock lock(mutex_);
  if (ready_.empty()) {
    return NotFound(trouble_.empty() ? "all VMs that waited are taken"
                                     : "no VM could be made ready: " + trouble_);
  }
  const std::string mismatch = wanted.Mismatch(ready_.front()->made(), ready_.front()->abilities());
  if (!mismatch.empty()) return NotFound("the VMs that wait are of another kind: " + mismatch);
  std::unique_ptr<Waiting> vm = std::move(ready_.front());
  ready_.pop_front();
  not_before_ = Deadline::After(kQuiet);
  Wake();
  if (vm->alive()) return vm;
  dead = std::move(vm);
  return NotFound("VM " + dead->place().id() + " ended while it waited");
}

void Pool::GiveBack(std::unique_ptr<Waiting> vm) {
  const MutexLock lock(mutex_);
  ready_.push_front(std::move(vm));
  changed_.notify_all();
  Wake();
}

void Pool::Want(const Wanted& wanted) {
  Vms others;  // destroyed without the lock
  const MutexLock lock(mutex_);
  wanted_ = wanted;
  for (auto vm = ready_.begin(); vm != ready_.end();) {
    if (wanted.Mismatch((*vm)->made(), (*vm)->abilities()).empty()) {
      ++vm;
      continue;
    }
    others.push_back(std::move(*vm));
    vm = ready_.erase(vm);
  }
  failures_ = 0;
  not_before_ = Deadline::After(kQuiet);
  Wake();
}

void Pool::Reap(std::vector<UniqueFd> children) {
  const MutexLock lock(mutex_);
  for (UniqueFd& child : children) children_.push_back(std::move(child));
  Wake();
}

Status Pool::AwaitFull(int cancel_fd, Deadline deadline) {
  const MutexLock lock(mutex_);
  for (;;) {
    if (ready_.size() >= options_.size) return OkStatus();
    if (stopped_) return Cancelled("no VMs are kept any more");
    if (!trouble_.empty()) return Unavailable("no VM could be made ready: " + trouble_);
    if (Readable(cancel_fd)) return Cancelled("making VMs ready was cancelled");
    if (deadline.passed()) return DeadlineExceeded("the VMs did not get ready in time");
    changed_.wait_for(mutex_, kTurn);
  }
}

std::vector<Pool::Vm> Pool::List() {
  const MutexLock lock(mutex_);
  std::vector<Vm> out;
  for (const auto& vm : ready_) {
    out.push_back({vm->pid(), vm->made().vcpus(), vm->made().memory_bytes()});
  }
  return out;
}

std::string Pool::Trouble() {
  const MutexLock lock(mutex_);
  return trouble_;
}

Abilities Pool::abilities() {
  const MutexLock lock(mutex_);
  return abilities_;
}

Wanted Pool::wanted() {
  const MutexLock lock(mutex_);
  return wanted_;
}

}  // namespace shoji::cache
