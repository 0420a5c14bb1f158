// The optional interfaces of an agent.
#include "shoji/plugin/agent_ext.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

constexpr std::size_t kPiece = 1U << 20U;

// Reads `size` bytes at `offset`, or fewer at the end of the file.
Result<std::size_t> ReadAt(int fd, char* buffer, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd, buffer + done, size - done, static_cast<off_t>(offset + std::uint64_t{done}));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

struct Source {
  UniqueFd fd;
  std::uint64_t size = 0;
};

Result<Source> OpenSource(const std::string& path) {
  // A fifo would block, and is refused below.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, "cannot open");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, "cannot look at");
  if (!S_ISREG(info.st_mode)) return InvalidArgument("not a regular file, cannot copy");
  return Source{std::move(fd), static_cast<std::uint64_t>(info.st_size)};
}

}  // namespace

// Calls slot `slot` of optional table `type` with the handle, the call and what follows, then
// the error.
#define SHOJI_AGENT_EXT_CALL(type, id, slot, ...)                      \
  const auto* table = static_cast<const type*>(Extension(id));         \
  if (!SHOJI_HAS_SLOT(type, table, slot)) return NoSlot(name_, #slot); \
  const CallArg arg(call);                                             \
  PluginError error;                                                   \
  Status status = error.ToStatus(                                      \
      name_, #slot, table->slot(handle_, arg.get() __VA_OPT__(, ) __VA_ARGS__, error.get()))

const void* Agent::Extension(const char* id) const {
  if (!SHOJI_HAS_SLOT(shoji_agent_v1, table_, get_extension)) return nullptr;
  return table_->get_extension(handle_, id);
}

bool Agent::Offers(const char* id) const { return Extension(id) != nullptr; }

Status Agent::Pause(const Call& call, const std::string& container_id) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_pause_v1, SHOJI_AGENT_PAUSE_V1, pause, ToStr(container_id));
  return status;
}

Status Agent::Resume(const Call& call, const std::string& container_id) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_pause_v1, SHOJI_AGENT_PAUSE_V1, resume, ToStr(container_id));
  return status;
}

Result<std::string> Agent::Stats(const Call& call, const std::string& container_id) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_stats_v1, SHOJI_AGENT_STATS_V1, stats, ToStr(container_id),
                       sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::ListProcesses(const Call& call, const std::string& container_id,
                                         const std::string& format,
                                         const std::vector<std::string>& args) {
  TextSink sink(kMaxText);
  const std::vector<shoji_str> list = ToStrs(args);
  SHOJI_AGENT_EXT_CALL(shoji_agent_stats_v1, SHOJI_AGENT_STATS_V1, list_processes,
                       ToStr(container_id), ToStr(format), list.data(), Count(list.size()),
                       sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::Update(const Call& call, const std::string& container_id,
                     const std::string& resources_json) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_update_v1, SHOJI_AGENT_UPDATE_V1, update, ToStr(container_id),
                       ToStr(resources_json));
  return status;
}

Result<std::string> Agent::UpdateInterface(const Call& call, const std::string& interface_json) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, update_interface,
                       ToStr(interface_json), sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::UpdateRoutes(const Call& call, const std::string& routes_json,
                           std::string* routes_now) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, update_routes,
                       ToStr(routes_json), sink.get());
  if (routes_now != nullptr) *routes_now = sink.Take();
  return status;
}

Result<std::string> Agent::ListInterfaces(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, list_interfaces, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::ListRoutes(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, list_routes, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::AddNeighbors(const Call& call, const std::string& neighbors_json) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, add_neighbors,
                       ToStr(neighbors_json));
  if (status.code() == StatusCode::kUnimplemented) return OkStatus();
  return status;
}

Status Agent::Online(const Call& call, std::uint32_t cpus, std::uint32_t flags) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_hotplug_v1, SHOJI_AGENT_HOTPLUG_V1, online, cpus, flags);
  return status;
}

Status Agent::ProbeMemory(const Call& call, const std::vector<std::uint64_t>& addresses) {
  SHOJI_AGENT_EXT_CALL(shoji_agent_hotplug_v1, SHOJI_AGENT_HOTPLUG_V1, probe_memory,
                       addresses.data(), Count(addresses.size()));
  return status;
}

Result<std::string> Agent::NextOom(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXT_CALL(shoji_agent_oom_v1, SHOJI_AGENT_OOM_V1, next, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::CopyPiece(const Call& call, const GuestFile& file, std::uint64_t size,
                        std::uint64_t offset, std::string_view data) {
  shoji_copy_request raw{};
  raw.struct_size = sizeof(raw);
  raw.file_mode = file.mode;
  raw.dir_mode = file.dir_mode;
  raw.uid = file.uid;
  raw.gid = file.gid;
  raw.path = ToStr(file.path);
  raw.file_size = size;
  raw.offset = offset;
  raw.data = ToStr(data);
  SHOJI_AGENT_EXT_CALL(shoji_agent_files_v1, SHOJI_AGENT_FILES_V1, copy, &raw);
  return status;
}

Status Agent::CopyText(const Call& call, const GuestFile& file, std::string_view text) {
  std::size_t at = 0;
  do {  // an empty file is one empty piece
    const std::string_view piece = text.substr(at, kPiece);
    SHOJI_RETURN_IF_ERROR(CopyPiece(call, file, text.size(), at, piece));
    at += piece.size();
  } while (at < text.size());
  return OkStatus();
}

Status Agent::CopyFile(const Call& call, const GuestFile& file, const std::string& host_path) {
  const std::string name = "file " + host_path + " for the guest";
  Result<Source> source = OpenSource(host_path);
  if (!source.ok()) return std::move(source).status().WithContext(name);
  const std::uint64_t size = source->size;
  std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPiece)), '\0');
  std::uint64_t at = 0;
  do {
    const std::uint64_t want = std::min<std::uint64_t>(size - at, kPiece);
    const Result<std::size_t> n =
        ReadAt(source->fd.get(), buffer.data(), static_cast<std::size_t>(want), at);
    if (!n.ok()) return n.status().WithContext(name);
    if (*n < want) return Aborted(name + " became shorter while it was copied; try again");
    SHOJI_RETURN_IF_ERROR(CopyPiece(call, file, size, at, {buffer.data(), *n}));
    at += *n;
  } while (at < size);
  return OkStatus();
}

#undef SHOJI_AGENT_EXT_CALL

}  // namespace shoji
