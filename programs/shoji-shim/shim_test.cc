// The program itself, with gRPC's own server as the agent.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shoji-kata/agent.grpc.pb.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

using grpc::ServerContext;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using GrpcStatus = grpc::Status;
using Empty = google::protobuf::Empty;
using namespace std::chrono_literals;

// An agent with one process, which is like cat: what comes in goes out, and with the end of its
// input it exits with `exit_status`; a signal ends it at once.
class Agent final : public grpc::AgentService::Service {
 public:
  explicit Agent(const std::string& path) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Agent() override {
    End(0);
    server_->Shutdown(std::chrono::system_clock::now());
  }
  void Die() { server_->Shutdown(std::chrono::system_clock::now()); }
  // Ends the process.
  void End(int status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    input_closed_ = true;
    if (!ended_) exit_status = status;
    ended_ = true;
    changed_.notify_all();
  }
  template <typename Condition>
  void Await(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, condition);
  }

  // Set before the shim starts; the rest is read under Await().
  int exit_status = 0;
  std::string error_text;
  std::size_t most_taken = SIZE_MAX;  // by one WriteStdin
  bool unknown = false;               // there is no such process
  std::vector<std::string> seen;
  std::vector<std::uint32_t> signals;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes;

 private:
  template <typename Request>
  void Note(const Request& request) {
    const std::string process = request.container_id() + "/" + request.exec_id();
    if (std::find(seen.begin(), seen.end(), process) == seen.end()) {
      seen.push_back(process);
      changed_.notify_all();
    }
  }
  static GrpcStatus Eof() { return {grpc::StatusCode::OUT_OF_RANGE, "EOF"}; }

  GrpcStatus WriteStdin(ServerContext*, const grpc::WriteStreamRequest* in,
                        grpc::WriteStreamResponse* out) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t taken = std::min(in->data().size(), most_taken);
    waiting_.append(in->data(), 0, taken);
    out->set_len(static_cast<std::uint32_t>(taken));
    changed_.notify_all();
    return GrpcStatus::OK;
  }
  GrpcStatus CloseStdin(ServerContext*, const grpc::CloseStdinRequest*, Empty*) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    input_closed_ = true;
    changed_.notify_all();
    return GrpcStatus::OK;
  }
  GrpcStatus ReadStdout(ServerContext* context, const grpc::ReadStreamRequest* in,
                        grpc::ReadStreamResponse* out) override {
    std::unique_lock<std::mutex> lock(mutex_);
    Note(*in);
    if (unknown) return {grpc::StatusCode::NOT_FOUND, "no such process"};
    while (waiting_.empty() && !input_closed_ && !context->IsCancelled()) {
      changed_.wait_for(lock, 100ms);
    }
    if (waiting_.empty()) return Eof();
    out->set_data(waiting_.substr(0, in->len()));
    waiting_.erase(0, in->len());
    return GrpcStatus::OK;
  }
  GrpcStatus ReadStderr(ServerContext*, const grpc::ReadStreamRequest* in,
                        grpc::ReadStreamResponse* out) override {
    if (unknown) return {grpc::StatusCode::NOT_FOUND, "no such process"};
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error_text.empty()) return Eof();
    out->set_data(error_text.substr(0, in->len()));
    error_text.erase(0, in->len());
    return GrpcStatus::OK;
  }
  GrpcStatus WaitProcess(ServerContext*, const grpc::WaitProcessRequest*,
                         grpc::WaitProcessResponse* out) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (unknown) return {grpc::StatusCode::NOT_FOUND, "no such process"};
    out->set_status(exit_status);
    return GrpcStatus::OK;
  }
  GrpcStatus SignalProcess(ServerContext*, const grpc::SignalProcessRequest* in, Empty*) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      signals.push_back(in->signal());
    }
    if (in->signal() != SIGUSR1) End(128 + static_cast<int>(in->signal()));
    const std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
    return GrpcStatus::OK;
  }
  GrpcStatus TtyWinResize(ServerContext*, const grpc::TtyWinResizeRequest* in, Empty*) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    sizes.emplace_back(in->row(), in->column());
    changed_.notify_all();
    return GrpcStatus::OK;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  bool input_closed_ = false;
  bool ended_ = false;
  std::unique_ptr<grpc::Server> server_;
};

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) std::abort();
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

class Shim : public ::testing::Test {
 protected:
  Shim() {
    char name[] = "/tmp/shim-program.XXXXXX";
    dir_ = mkdtemp(name);
    agent_ = std::make_unique<Agent>(socket());
  }
  ~Shim() override {
    for (Child& child : children_) static_cast<void>(child.Kill());
    agent_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::string socket() const { return dir_ + "/agent.sock"; }
  std::vector<std::string> Flags() const {
    return {"-agent", "unix://" + socket(), "-container", "c1", "-exec-id", "e1"};
  }
  // With pipes as its streams.
  Child& Start(std::vector<std::string> flags) {
    Child& child = StartWith(std::move(flags),
                             {{in_.read.get(), 0}, {out_.write.get(), 1}, {err_.write.get(), 2}});
    in_.read.reset();
    out_.write.reset();
    err_.write.reset();
    return child;
  }
  Child& StartWith(std::vector<std::string> flags, std::vector<std::pair<int, int>> fds) {
    SpawnOptions options;
    options.argv = std::move(flags);
    options.argv.insert(options.argv.begin(), SHOJI_SHIM_PROGRAM);
    options.fds = std::move(fds);
    options.new_pid_namespace = process_one_;
    Result<Child> child = Spawn(options);
    if (!child.ok()) std::abort();
    return children_.emplace_back(std::move(*child));
  }
  static int Wait(Child& child) {
    const auto exit = child.Wait(Deadline::After(30s));
    if (!exit.ok()) return -1;
    return exit->signal != 0 ? 1000 + exit->signal : exit->code;
  }
  std::string Out() const { return *ReadAll(out_.read.get()); }
  std::string Err() const { return *ReadAll(err_.read.get()); }

  bool process_one_ = false;  // of a PID namespace
  std::string dir_;
  std::unique_ptr<Agent> agent_;
  std::vector<Child> children_;
  Pipe in_;
  Pipe out_;
  Pipe err_;
};

TEST_F(Shim, StreamsAndExitStatusAreItsOwn) {
  agent_->exit_status = 7;
  agent_->error_text = "complaint\n";
  agent_->most_taken = 10'000;  // the rest comes again
  std::string data(3U << 20U, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * i >> 7U);
  Child& shim = Start(Flags());
  std::thread writer([&] {
    EXPECT_TRUE(WriteAll(in_.write.get(), data).ok());
    in_.write.reset();
  });
  EXPECT_TRUE(Out() == data);
  writer.join();
  EXPECT_EQ(Wait(shim), 7);
  EXPECT_EQ(Err(), "complaint\n");
  EXPECT_THAT(agent_->seen, ElementsAre("c1/e1"));
}

TEST_F(Shim, ExitStatusIsKeptBackWhenAsked) {
  agent_->exit_status = 7;
  in_.write.reset();
  std::vector<std::string> flags = Flags();
  flags.push_back("-proxy-exit-code=false");
  EXPECT_EQ(Wait(Start(flags)), 0);
}

TEST_F(Shim, SignalsArePassedOn) {
  Child& shim = Start(Flags());
  ASSERT_TRUE(WriteAll(in_.write.get(), "x").ok());
  char byte = 0;
  ASSERT_EQ(read(out_.read.get(), &byte, 1), 1);  // it runs
  ASSERT_TRUE(shim.Signal(SIGUSR1).ok());
  agent_->Await([&] { return agent_->signals.size() == 1; });
  ASSERT_TRUE(shim.Signal(SIGTERM).ok());
  EXPECT_EQ(Wait(shim), 128 + SIGTERM);
  EXPECT_THAT(agent_->signals, ElementsAre(SIGUSR1, SIGTERM));
}

TEST_F(Shim, AsProcessOneItPassesSignalsOnToo) {
  process_one_ = true;
  Child& shim = Start(Flags());
  agent_->Await([&] { return !agent_->seen.empty(); });
  ASSERT_TRUE(shim.Signal(SIGUSR1).ok());
  agent_->Await([&] { return agent_->signals.size() == 1; });
  ASSERT_TRUE(shim.Signal(SIGTERM).ok());
  EXPECT_EQ(Wait(shim), 128 + SIGTERM);
  EXPECT_THAT(agent_->signals, ElementsAre(SIGUSR1, SIGTERM));
}

TEST_F(Shim, AsProcessOneItCanBeEnded) {
  process_one_ = true;
  for (const int signal : {SIGQUIT, SIGABRT, SIGSEGV, SIGTRAP, SIGKILL}) {
    const Pipe in;
    std::vector<std::string> flags = Flags();
    flags[5] = "e" + std::to_string(signal);
    Child& shim = StartWith(flags, {{in.read.get(), 0}});
    agent_->Await([&] { return !agent_->seen.empty() && agent_->seen.back() == "c1/" + flags[5]; });
    ASSERT_TRUE(shim.Signal(signal).ok());
    EXPECT_EQ(Wait(shim), signal == SIGKILL ? 1000 + signal : 128 + signal);
  }
  EXPECT_THAT(agent_->signals, ElementsAre());
}

TEST_F(Shim, WhenNobodyReadsTheProcessIsEnded) {
  Child& shim = Start(Flags());
  out_.read.reset();
  ASSERT_TRUE(WriteAll(in_.write.get(), "x").ok());
  EXPECT_EQ(Wait(shim), 128 + SIGKILL);
}

TEST_F(Shim, TerminalIsRawAndItsSizeFollows) {
  int main_end = -1;
  int terminal = -1;
  winsize size{24, 80, 0, 0};
  ASSERT_EQ(openpty(&main_end, &terminal, nullptr, nullptr, &size), 0);
  const UniqueFd ours(main_end);
  const UniqueFd theirs(terminal);
  termios before{};
  ASSERT_EQ(tcgetattr(terminal, &before), 0);
  std::vector<std::string> flags = Flags();
  flags.push_back("-terminal");
  Child& shim = StartWith(flags, {{terminal, 0}, {terminal, 1}, {terminal, 2}});
  agent_->Await([&] { return agent_->sizes.size() == 1; });
  termios raw{};
  ASSERT_EQ(tcgetattr(terminal, &raw), 0);
  EXPECT_EQ(raw.c_lflag & (ICANON | ECHO | ISIG), 0U);
  size.ws_row = 50;
  ASSERT_EQ(ioctl(main_end, TIOCSWINSZ, &size), 0);
  ASSERT_TRUE(shim.Signal(SIGWINCH).ok());
  agent_->Await([&] { return agent_->sizes.size() == 2; });
  ASSERT_TRUE(WriteAll(main_end, "\x03").ok());  // a byte like any other
  char byte = 0;
  ASSERT_EQ(read(main_end, &byte, 1), 1);
  EXPECT_EQ(byte, 3);
  agent_->End(5);
  EXPECT_EQ(Wait(shim), 5);
  termios after{};
  ASSERT_EQ(tcgetattr(terminal, &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_THAT(agent_->sizes, ElementsAre(std::pair(24U, 80U), std::pair(50U, 80U)));
  EXPECT_THAT(agent_->signals, ElementsAre());
}

TEST_F(Shim, AgentThatDiesIsAnErrorOfItsOwn) {
  Child& shim = Start(Flags());
  ASSERT_TRUE(WriteAll(in_.write.get(), "x").ok());
  char byte = 0;
  ASSERT_EQ(read(out_.read.get(), &byte, 1), 1);
  agent_->Die();
  EXPECT_EQ(Wait(shim), 1);
  EXPECT_EQ(Err(), "");  // the process had closed its stderr, so ours was let go
}

TEST_F(Shim, NoAgentNoProcessNoFlags) {
  agent_->unknown = true;
  EXPECT_EQ(Wait(Start(Flags())), 1);
  EXPECT_THAT(Err(), HasSubstr("WaitProcess failed with 5: no such process"));
  EXPECT_EQ(Wait(StartWith(
                {"-agent", "unix://" + dir_ + "/nobody", "-container", "c", "-exec-id", "e"}, {})),
            1);
  EXPECT_EQ(Wait(StartWith({"-agent", "tcp://x", "-container", "c", "-exec-id", "e"}, {})), 1);
  EXPECT_EQ(Wait(StartWith({"-colour"}, {})), 2);
}

std::size_t PssKib(pid_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const std::size_t at = text.ok() ? text->find("\nPss:") : std::string::npos;
  return at == std::string::npos ? 0 : std::strtoul(text->c_str() + at + 5, nullptr, 10);
}

TEST_F(Shim, IsSmallQuickAndHasOneThread) {
  constexpr std::size_t kShims = 10;
  std::vector<std::unique_ptr<Pipe>> pipes;
  std::int64_t best = INT64_MAX;
  std::vector<pid_t> pids;
  for (std::size_t i = 0; i < kShims; ++i) {
    const std::int64_t begin = Deadline::NowNanos();
    std::vector<std::string> flags = Flags();
    flags[5] = "e" + std::to_string(i);
    Pipe& in = *pipes.emplace_back(std::make_unique<Pipe>());
    pids.push_back(StartWith(flags, {{in.read.get(), 0}}).pid());
    agent_->Await([&] { return agent_->seen.size() == i + 1; });
    best = std::min(best, Deadline::NowNanos() - begin);
  }
  std::size_t total = 0;
  for (const pid_t pid : pids) {
    EXPECT_EQ(ListDir("/proc/" + std::to_string(pid) + "/task")->size(), 1U);
    total += PssKib(pid);
  }
  std::printf("PSS with %zu running: %zu KiB each; first request after %.2f ms at best\n", kShims,
              total / kShims, static_cast<double>(best) / 1e6);
  EXPECT_GT(total, 0U);
  if (SHOJI_SHIM_SANITIZED) return;  // that is not its own
  EXPECT_LT(total / kShims, 3U * 1024U);
  EXPECT_LT(best, 5'000'000);
}

}  // namespace
}  // namespace shoji
