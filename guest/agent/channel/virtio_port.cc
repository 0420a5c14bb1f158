#include "channel/virtio_port.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr char kClass[] = "/sys/class/virtio-ports";
constexpr int kReadsInTurn = 32;

// The frame with which a host opens its first stream.
bool BeginsSession(std::string_view bytes) {
  constexpr std::size_t kFlags = 2, kStream = 4, kHeader = 12;
  constexpr std::string_view kSyn("\0\1", 2), kFirst("\0\0\0\1", 4);
  return bytes.size() >= kHeader && bytes[0] == 0 && bytes.substr(kFlags, 2) == kSyn &&
         bytes.substr(kStream, 4) == kFirst;
}

// The kernel's announcements of new devices.
Result<UniqueFd> OpenUevents() {
  UniqueFd fd(
      socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    return ErrnoStatus(errno, "cannot listen for new devices");
  }
  return fd;
}

}  // namespace

VirtioPort::VirtioPort(Loop* loop, Server* server, std::string name,
                       std::function<void(const Status&)> on_failure)
    : loop_(loop), server_(server), name_(std::move(name)), on_failure_(std::move(on_failure)) {}

VirtioPort::~VirtioPort() {
  GiveUpWaiting();
  channel_.reset();
  loop_->Unwatch(port_.get());
}

void VirtioPort::Open() {
  // Listen first: a port that appears between a look and the listening would be missed.
  WaitForDevice();
  const Status opened = TryOpen();
  if (!opened.ok() && opened.code() != StatusCode::kNotFound) on_failure_(opened);
}

void VirtioPort::WaitForDevice() {
  auto uevents = OpenUevents();
  if (!uevents.ok()) return on_failure_(uevents.status());
  uevents_ = std::move(uevents).value();
  const Status watched = loop_->Watch(uevents_.get(), EPOLLIN, [this](std::uint32_t) {
    std::array<char, 4096> event;
    while (recv(uevents_.get(), event.data(), event.size(), 0) > 0) {
    }
    const Status opened = TryOpen();
    if (!opened.ok() && opened.code() != StatusCode::kNotFound) on_failure_(opened);
  });
  if (!watched.ok()) return on_failure_(watched);
  patience_ = loop_->After(kPatience, [this] {
    on_failure_(DeadlineExceeded("the VM has no virtio-serial port named " + name_ +
                                 "; add a virtserialport device with this name"));
  });
}

void VirtioPort::GiveUpWaiting() {
  loop_->CancelTimer(std::exchange(patience_, 0));
  if (uevents_) loop_->Unwatch(uevents_.get());
  uevents_.reset();
}

Result<std::string> VirtioPort::FindDevice() const {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> ports, ListDir(kClass));
  for (const std::string& port : ports) {
    const auto name = ReadFile(std::string(kClass) + "/" + port + "/name", 4096);
    if (name.ok() && Trim(name.value()) == name_) return "/dev/" + port;
  }
  return NotFound("no virtio-serial port is named " + name_);
}

Status VirtioPort::TryOpen() {
  SHOJI_ASSIGN_OR_RETURN(const std::string device, FindDevice());
  UniqueFd port(open(device.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!port) return ErrnoStatus(errno, "cannot open " + device);
  GiveUpWaiting();
  port_ = std::move(port);
  // Edge triggered as long as no host is there: the port then says "hung up" at all times.
  SHOJI_RETURN_IF_ERROR(loop_->Watch(port_.get(), EPOLLIN | EPOLLOUT | EPOLLET,
                                     [this](std::uint32_t events) { OnEvents(events); }));
  if (on_open_) on_open_();
  return OkStatus();
}

void VirtioPort::OnEvents(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return on_failure_(Unavailable("port " + name_ + " broke"));
  if (!channel_) {
    if ((events & EPOLLHUP) != 0) return;  // still nobody
    Connect();
    return;  // level triggered from now on: the next turn reads
  }
  if ((events & EPOLLIN) != 0 && !Read()) return Disconnect();
  if ((events & EPOLLHUP) != 0 && (events & EPOLLIN) == 0) return Disconnect();
  if ((events & EPOLLOUT) != 0) Write();
}

void VirtioPort::Connect() {
  channel_ = std::make_unique<YamuxChannel>(loop_, server_, [this] {
    if (std::exchange(write_planned_, true)) return;
    loop_->Defer([this] { Write(); });
  });
  const Status armed = loop_->Rearm(port_.get(), EPOLLIN);
  if (!armed.ok()) on_failure_(armed);
}

// The kernel tells later that a host has left or come than that there is something to read. A host
// that came meanwhile has to hear that what it began is lost; with none there QEMU drops it.
void VirtioPort::Disconnect() {
  channel_->End();
  channel_->Drain([this](std::string_view bytes) { return WriteSome(bytes); });
  channel_.reset();
  const Status armed = loop_->Rearm(port_.get(), EPOLLIN | EPOLLOUT | EPOLLET);
  if (!armed.ok()) on_failure_(armed);
}

// False when the host is gone, or broke the protocol.
bool VirtioPort::Read() {
  std::array<char, 32U << 10U> buffer;
  for (int turn = 0; turn < kReadsInTurn; ++turn) {
    const ssize_t n = read(port_.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    Status fed = channel_->Feed(bytes);
    if (!fed.ok() && BeginsSession(bytes)) {
      // One host left and another one came while we did not run, as in a VM that was paused or
      // cloned: the port never looked hung up.
      Connect();
      fed = channel_->Feed(bytes);
    }
    if (!fed.ok()) {
      Log(LogLevel::kWarning, "host broke the channel's protocol: " + fed.message());
      channel_->Drain([this](std::string_view rest) { return WriteSome(rest); });
      return false;
    }
  }
  return true;
}

std::size_t VirtioPort::WriteSome(std::string_view bytes) {
  const ssize_t n = write(port_.get(), bytes.data(), bytes.size());
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void VirtioPort::Write() {
  write_planned_ = false;
  if (!channel_) return;
  const bool done = channel_->DrainAll([this](std::string_view bytes) { return WriteSome(bytes); });
  const Status armed =
      loop_->Rearm(port_.get(), done ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN | EPOLLOUT});
  if (!armed.ok()) on_failure_(armed);
}

}  // namespace shoji::agent
