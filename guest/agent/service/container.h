// A container with its processes, as the calls see it.
//
// Threads  The loop's.
// Example  Container c(context, request.container_id(), request.exec_id(), std::move(made));
#ifndef SHOJI_GUEST_AGENT_SERVICE_CONTAINER_H_
#define SHOJI_GUEST_AGENT_SERVICE_CONTAINER_H_

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jail/container.h"
#include "loop/loop.h"
#include "service/awaiting.h"
#include "service/process.h"
#include "service/reaper.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {

// What containers need of the agent; borrowed.
struct Context {
  Loop* loop;
  Reaper* reaper;
  unsigned pipe_bytes;
};

class Container {
 public:
  static constexpr std::size_t kMaxProcesses = 256;
  using Done = std::function<void(const Status&)>;

  // `init_id` names its first process; empty: the container's id does.
  Container(const Context& context, std::string id, std::string init_id,
            jail::Container::Made made);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::string& id() const { return id_; }
  // `done` hears once when the program runs, or why not.
  void Start(Done done);
  // Kills what is being started. Whoever waits for the start is told `why`.
  void GiveUpStart(const Status& why);
  // The same for another process.
  void Exec(const grpc::ExecProcessRequest& request, Done done);
  void GiveUpExec(const std::string& exec_id, const Status& why);
  Status Signal(const std::string& exec_id, int signal);
  Status Pause();
  Status Resume();
  Status Update(const grpc::LinuxResources& resources) { return jail_->Update(resources); }
  Result<std::vector<pid_t>> Pids() { return jail_->Pids(); }
  pid_t init_pid() const { return init_->pid(); }
  // Its directory; empty without one.
  std::string cgroup() const { return jail_->CgroupDir(); }

  // The init process, or one that Exec() started. NOT_FOUND, also when an exec's end was
  // told already.
  Result<Process*> Find(const std::string& exec_id);
  // As Find(), and an exec's end is told only once.
  void Wait(const std::string& exec_id, const CallPtr& call);

  // Kills all and destroys; `done` hears once when all is gone, or why not. May be called
  // again while it is at work.
  void Remove(Done done);

 private:
  struct Executing {
    std::unique_ptr<Awaiting<jail::Process>> awaiting;
    Done done;
  };

  bool running() const { return started_ && !init_->exit_code(); }
  void Executed(const std::string& exec_id, Result<jail::Process> process);
  void GiveUpAll();
  void TryDestroy();
  void RetryLater();
  void Forget(const std::string& exec_id, const Process* process);
  Status MakeRoom(const std::string& exec_id);

  Context context_;
  std::string id_;
  std::string init_id_;
  bool started_ = false;
  bool paused_ = false;
  std::unique_ptr<jail::Container> jail_;
  std::unique_ptr<Process> init_;
  std::unique_ptr<Awaiting<jail::Started>> starting_;
  Done on_started_;
  std::map<std::string, std::unique_ptr<Process>> execs_;
  std::map<std::string, Executing> executing_;  // not running yet
  std::list<Done> removers_;
  // Tells tasks that outlive the container that it is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_CONTAINER_H_
