#include "assembly.h"

#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "identity.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"

namespace shoji::factories {

namespace {

// How long a VM whose channel broke is given to turn out to be dead.
constexpr int kDeathMs = 500;
// For undoing: the caller's own time may be up.
constexpr std::chrono::seconds kUndoTime{20};

// The way of the agent plugin through the proxy plugin.
struct Way {
  const shoji_proxy_v1* table;
  shoji_proxy* proxy;
};

std::int32_t ConnectWay(void* way, const shoji_call* call, std::int32_t* ret_fd,
                        shoji_error* error) {
  const auto* w = static_cast<const Way*>(way);
  return w->table->connect(w->proxy, call, ret_fd, error);
}

void ReleaseWay(void* way) { delete static_cast<Way*>(way); }

// The proxy's directory lies beside the VM's.
std::string ProxyDirectory(std::string vm_dir) {
  while (vm_dir.size() > 1 && vm_dir.back() == '/') vm_dir.pop_back();
  return vm_dir.substr(0, vm_dir.rfind('/') + 1) + "proxy";
}

bool Readable(int fd, int timeout_ms) {
  pollfd p{fd, POLLIN, 0};
  return fd >= 0 && poll(&p, 1, timeout_ms) > 0;
}

}  // namespace

Assembly::~Assembly() {
  shoji_call call{};
  call.struct_size = sizeof call;
  call.cancel_fd = -1;
  call.deadline_ns = Deadline::After(kUndoTime).nanos();
  if (agent_ != nullptr) agents_.table->close(agent_);
  if (proxy_ != nullptr) proxies_.table->stop(proxy_, &call, nullptr);
  if (vm_ != nullptr && hypervisor_.table->destroy(vm_, &call, nullptr) != SHOJI_OK) {
    host_.Log(SHOJI_LOG_ERROR, "a VM that did not boot could not be removed entirely");
  }
}

sdk::NewVm Assembly::Release(std::uint32_t flags) {
  return {std::exchange(vm_, nullptr),
          std::exchange(proxy_, nullptr),
          std::exchange(agent_, nullptr),
          flags,
          0,
          0};
}

template <typename Table>
Status Assembly::Find(const char* kind, shoji_str id, const char* interface,
                      sdk::OtherPlugin<Table>* out) {
  SHOJI_ASSIGN_OR_RETURN(*out, sdk::FindPlugin<Table>(host_, kind, id, interface, error_));
  return OkStatus();
}

Status Assembly::FindPlugins(const shoji_vm_request& request) {
  SHOJI_RETURN_IF_ERROR(
      Find("hypervisor", request.hypervisor_id, SHOJI_HYPERVISOR_V1, &hypervisor_));
  SHOJI_RETURN_IF_ERROR(Find("proxy", request.proxy_id, SHOJI_PROXY_V1, &proxies_));
  return Find("agent", request.agent_id, SHOJI_AGENT_V1, &agents_);
}

Status Assembly::Create(shoji_hypervisor* hypervisor, const shoji_vm_config& config) {
  return Code(hypervisor_.table->create(hypervisor, call_, &config, &vm_, error_));
}

Status Assembly::Start() {
  SHOJI_RETURN_IF_ERROR(Code(hypervisor_.table->start(vm_, call_, error_)));
  vm_started_ = Deadline::NowNanos();
  return OkStatus();
}

void Assembly::Adopt(shoji_vm* vm, std::int64_t since) {
  vm_ = vm;
  vm_started_ = since != 0 ? since : Deadline::NowNanos();
}

Status Assembly::Connect(const shoji_vm_config& config) {
  SHOJI_RETURN_IF_ERROR(StartProxy(config));
  return OpenAgent();
}

Status Assembly::StartProxy(const shoji_vm_config& config) {
  std::string url;
  const shoji_sink sink = sdk::SinkTo(&url);
  SHOJI_RETURN_IF_ERROR(Code(hypervisor_.table->agent_endpoint(vm_, &sink, error_)));
  const std::string run_dir = ProxyDirectory(sdk::String(config.run_dir));
  shoji_proxy_params params{};
  params.struct_size = sizeof params;
  params.sandbox_id = config.id;
  params.run_dir = sdk::ToStr(run_dir);
  params.agent_url = sdk::ToStr(url);
  const std::int32_t code =
      proxies_.table->start(proxies_.plugin, proxies_.options, call_, &params, &proxy_, error_);
  return code == SHOJI_UNAVAILABLE ? Explain(code) : Code(code);
}

Status Assembly::OpenAgent() {
  shoji_connector connector{};
  connector.struct_size = sizeof connector;
  connector.ctx = new Way{proxies_.table, proxy_};  // freed by ReleaseWay, whatever happens
  connector.connect = ConnectWay;
  connector.release = ReleaseWay;
  return Code(agents_.table->open(agents_.plugin, agents_.options, &connector, &agent_, error_));
}

// One descriptor that gets readable when the VM is gone or the caller gives up.
Result<UniqueFd> Assembly::GiveUpWhen(int vm_gone) const {
  UniqueFd both(epoll_create1(EPOLL_CLOEXEC));
  if (!both) return ErrnoStatus(errno, "cannot create an epoll descriptor");
  for (const int fd : {vm_gone, call_ == nullptr ? -1 : call_->cancel_fd}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (fd < 0 || epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
    if (errno != EEXIST) return ErrnoStatus(errno, "cannot watch the VM and the caller");
  }
  return both;
}

Status Assembly::AwaitGuest(const char* span) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd give_up, GiveUpWhen(hypervisor_.table->wait_fd(vm_)));
  shoji_call call{};
  if (call_ != nullptr) {
    call.deadline_ns = call_->deadline_ns;
    call.traceparent = call_->traceparent;
  }
  call.struct_size = sizeof call;
  call.cancel_fd = give_up.get();
  const std::int32_t code = agents_.table->check(agent_, &call, error_);
  if (code != SHOJI_OK) return Explain(code);
  host_.Span(span, vm_started_, Deadline::NowNanos());
  return OkStatus();
}

// Why the guest did not answer: a VM that ended is the reason, whatever step noticed first.
Status Assembly::Explain(std::int32_t code) const {
  const bool by_us = code == SHOJI_CANCELLED || code == SHOJI_UNAVAILABLE;
  const bool dead =
      Readable(hypervisor_.table->wait_fd(vm_), code == SHOJI_UNAVAILABLE ? kDeathMs : 0);
  const std::string words = LastWords();
  if (by_us && dead) {
    return Unavailable("the VM ended before its guest answered: " +
                       (words.empty() ? "it left no message" : words));
  }
  if (!words.empty())
    host_.raw()->error_detail(error_, sdk::ToStr("last-words"), sdk::ToStr(words));
  return sdk::Told(code);
}

std::string Assembly::LastWords() const {
  std::string words;
  const shoji_sink sink = sdk::SinkTo(&words);
  static_cast<void>(hypervisor_.table->last_words(vm_, &sink, nullptr));
  while (!words.empty() && words.back() == '\n') words.pop_back();
  for (char& c : words) {
    if (c == '\n' || c == '\r') c = ' ';  // messages are one line
  }
  return words;
}

Status Assembly::Reseed() {
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t code,
                         ReseedGuest(*agents_.table, agent_, call_, error_));
  return code == SHOJI_OK ? OkStatus() : Explain(code);
}

Status Assembly::SetClock() {
  const std::int32_t code = SetGuestClock(*agents_.table, agent_, call_, error_);
  return code == SHOJI_OK ? OkStatus() : Explain(code);
}

Result<sdk::NewVm> BootDirectly(Assembly& vm, const shoji_vm_request& request) {
  SHOJI_RETURN_IF_ERROR(vm.Create(request.hypervisor, *request.config));
  SHOJI_RETURN_IF_ERROR(vm.Start());
  SHOJI_RETURN_IF_ERROR(vm.Connect(*request.config));
  SHOJI_RETURN_IF_ERROR(vm.AwaitGuest());
  // Its clock is right: it has read the VM's. Nor has it the random bytes of another, so an agent
  // that takes none is no reason to give it up.
  const Status seeded = vm.Reseed();
  if (!seeded.ok() && seeded.code() != StatusCode::kUnimplemented) return seeded;
  return vm.Release(0);
}

}  // namespace shoji::factories
