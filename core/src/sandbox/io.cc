#include "sandbox/io.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace shoji {
namespace {

// Well below what one message of an agent's protocol may hold (gRPC: 4 MiB).
constexpr std::size_t kMaxRead = 1U << 20U;
constexpr std::size_t kMaxWrite = 64U << 10U;

class AgentIo final : public ProcessIo {
 public:
  AgentIo(std::shared_ptr<Context> context, const std::shared_ptr<Link>& link, ProcessRef process)
      : context_(std::move(context)), link_(link), process_(std::move(process)) {
    link->Watch(cancel_);
  }

  Status WriteStdin(std::string_view data) override {
    SHOJI_ASSIGN_OR_RETURN(const auto link, Open());
    while (!data.empty()) {
      const auto written = link->agent().WriteStdin(call(), process_, data.substr(0, kMaxWrite));
      if (!written.ok()) return link->Explain(written.status());
      if (*written == 0) return Unavailable(Name() + " has closed its input");
      data.remove_prefix(std::min(*written, data.size()));
    }
    return OkStatus();
  }

  Status CloseStdin() override {
    SHOJI_ASSIGN_OR_RETURN(const auto link, Open());
    return link->Explain(link->agent().CloseStdin(call(), process_));
  }

  Result<std::size_t> ReadStdout(char* buffer, std::size_t size) override {
    return Read(&Agent::ReadStdout, buffer, size);
  }
  Result<std::size_t> ReadStderr(char* buffer, std::size_t size) override {
    return Read(&Agent::ReadStderr, buffer, size);
  }

  void Cancel() override { cancel_->Trigger(); }

 private:
  using ReadFunction = Result<std::size_t> (Agent::*)(const Call&, const ProcessRef&, char*,
                                                      std::size_t);

  Result<std::size_t> Read(ReadFunction read, char* buffer, std::size_t size) {
    if (size == 0) return InvalidArgument("a buffer of 0 bytes cannot tell the end of a stream");
    SHOJI_ASSIGN_OR_RETURN(const auto link, Open());
    auto count = (link->agent().*read)(call(), process_, buffer, std::min(size, kMaxRead));
    if (count.ok()) {
      if (!first_byte_.exchange(true)) context_->EmitSpan("io.first_byte", begin_ns_);
      return count;
    }
    if (count.status().code() == StatusCode::kOutOfRange) return std::size_t{0};
    return link->Explain(count.status());
  }

  Result<std::shared_ptr<Link>> Open() const {
    if (cancel_->triggered()) return Cancelled("the streams of " + Name() + " were cancelled");
    if (auto link = link_.lock()) return link;
    return Unavailable("the way to the guest of " + Name() + " was closed");
  }

  Call call() const { return Call{Deadline::Never(), cancel_->fd()}; }
  std::string Name() const {
    return "process \"" + process_.exec_id + "\" of container \"" + process_.container_id + "\"";
  }

  const std::shared_ptr<Context> context_;
  const std::weak_ptr<Link> link_;
  const ProcessRef process_;
  const std::shared_ptr<CancelEvent> cancel_ = std::make_shared<CancelEvent>();
  const std::int64_t begin_ns_ = Deadline::NowNanos();
  std::atomic<bool> first_byte_ = false;
};

}  // namespace

std::unique_ptr<ProcessIo> MakeProcessIo(std::shared_ptr<Context> context,
                                         const std::shared_ptr<Link>& link, ProcessRef process) {
  return std::make_unique<AgentIo>(std::move(context), link, std::move(process));
}

}  // namespace shoji
