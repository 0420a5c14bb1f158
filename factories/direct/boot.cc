#include "boot.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"

namespace shoji::direct {

namespace {

// How long a VM whose channel broke is given to turn out to be dead.
constexpr int kDeathMs = 500;
// For undoing: the caller's own time may be up.
constexpr std::chrono::seconds kUndoTime{20};

std::int32_t Append(void* text, const void* data, std::uint64_t size) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), size);
  return SHOJI_OK;
}

shoji_sink SinkTo(std::string* text) { return {sizeof(shoji_sink), 0, text, Append}; }

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

Status Code(std::int32_t code) { return code == SHOJI_OK ? OkStatus() : sdk::Told(code); }

}  // namespace

Boot::~Boot() {
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

Status Boot::Run(const shoji_vm_request& request) {
  SHOJI_RETURN_IF_ERROR(FindPlugins(request));
  SHOJI_RETURN_IF_ERROR(StartVm(request));
  SHOJI_RETURN_IF_ERROR(StartProxy(*request.config));
  SHOJI_RETURN_IF_ERROR(OpenAgent());
  SHOJI_RETURN_IF_ERROR(AwaitGuest());
  return Reseed();
}

sdk::NewVm Boot::Release() {
  return {std::exchange(vm_, nullptr), std::exchange(proxy_, nullptr),
          std::exchange(agent_, nullptr), 0};
}

template <typename Table>
Status Boot::Find(const char* kind, shoji_str id, const char* interface, Plugin<Table>* out) {
  const auto* plugins = host_.Service<shoji_plugins_v1>(SHOJI_PLUGINS_V1);
  if (!SHOJI_HAS_SLOT(shoji_plugins_v1, plugins, find)) {
    return FailedPrecondition("the host offers no " SHOJI_PLUGINS_V1
                              ", which factory \"direct\" needs");
  }
  const void* table = nullptr;
  const std::int32_t code = plugins->find(host_.raw(), sdk::ToStr(kind), id, interface, &table,
                                          &out->plugin, &out->options, error_);
  out->table = static_cast<const Table*>(table);
  return Code(code);
}

Status Boot::FindPlugins(const shoji_vm_request& request) {
  SHOJI_RETURN_IF_ERROR(
      Find("hypervisor", request.hypervisor_id, SHOJI_HYPERVISOR_V1, &hypervisor_));
  SHOJI_RETURN_IF_ERROR(Find("proxy", request.proxy_id, SHOJI_PROXY_V1, &proxies_));
  return Find("agent", request.agent_id, SHOJI_AGENT_V1, &agents_);
}

Status Boot::StartVm(const shoji_vm_request& request) {
  const shoji_hypervisor_v1& hv = *hypervisor_.table;
  SHOJI_RETURN_IF_ERROR(Code(hv.create(request.hypervisor, call_, request.config, &vm_, error_)));
  SHOJI_RETURN_IF_ERROR(Code(hv.start(vm_, call_, error_)));
  vm_started_ = Deadline::NowNanos();
  return OkStatus();
}

Status Boot::StartProxy(const shoji_vm_config& config) {
  std::string url;
  const shoji_sink sink = SinkTo(&url);
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

Status Boot::OpenAgent() {
  shoji_connector connector{};
  connector.struct_size = sizeof connector;
  connector.ctx = new Way{proxies_.table, proxy_};  // freed by ReleaseWay, whatever happens
  connector.connect = ConnectWay;
  connector.release = ReleaseWay;
  return Code(agents_.table->open(agents_.plugin, agents_.options, &connector, &agent_, error_));
}

// One descriptor that gets readable when the VM is gone or the caller gives up.
Result<UniqueFd> Boot::GiveUpWhen(int vm_gone) const {
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

Status Boot::AwaitGuest() {
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
  host_.Span("guest.boot", vm_started_, Deadline::NowNanos());
  return OkStatus();
}

// Why the guest did not answer: a VM that ended is the reason, whatever step noticed first.
Status Boot::Explain(std::int32_t code) const {
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

std::string Boot::LastWords() const {
  std::string words;
  const shoji_sink sink = SinkTo(&words);
  static_cast<void>(hypervisor_.table->last_words(vm_, &sink, nullptr));
  while (!words.empty() && words.back() == '\n') words.pop_back();
  for (char& c : words) {
    if (c == '\n' || c == '\r') c = ' ';  // messages are one line
  }
  return words;
}

// Without devices that make noise a fresh guest knows no secret that the host did not give.
// Its clock is right: it has read the VM's.
Status Boot::Reseed() {
  std::array<char, 512> noise{};
  std::size_t have = 0;
  while (have < noise.size()) {
    const ssize_t n = getrandom(noise.data() + have, noise.size() - have, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read random bytes");
    have += static_cast<std::size_t>(n);
  }
  const std::int32_t code =
      agents_.table->reseed_random(agent_, call_, {noise.data(), noise.size()}, error_);
  return code == SHOJI_OK ? OkStatus() : Explain(code);
}

}  // namespace shoji::direct
