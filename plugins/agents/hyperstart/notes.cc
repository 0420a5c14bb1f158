#include "notes.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "shoji/base/file.h"

namespace shoji::agent_hyperstart {
namespace {

using Json = nlohmann::ordered_json;

// Where the notes of a proxy are, and which proxy it is.
struct Place {
  std::string file;  // empty: nowhere
  std::string proxy;
};

// The kernel tells the path that the other end is bound to.
std::string PeerPath(int connection) {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&name), &size) < 0) return {};
  if (name.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return {};
  const std::string_view path(name.sun_path,
                              strnlen(name.sun_path, size - offsetof(sockaddr_un, sun_path)));
  return path.starts_with('/') ? std::string(path) : std::string();
}

Place PlaceOf(int connection) {
  const std::string path = PeerPath(connection);
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) < 0) return {};
  return {path.substr(0, path.rfind('/')) + "/hyperstart.json",
          std::to_string(info.st_ino) + "." + std::to_string(info.st_ctim.tv_sec) + "." +
              std::to_string(info.st_ctim.tv_nsec)};
}

std::string Format(const Notes& notes, const std::string& proxy) {
  Json containers = Json::object();
  for (const auto& [id, note] : notes.containers) {
    containers[id] = {{"token", note.token}, {"request", note.request}, {"started", note.started}};
  }
  return Json({{"proxy", proxy}, {"sandbox", notes.sandbox_id}, {"containers", containers}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Notes Taken(const Json& in) {
  Notes out;
  out.sandbox_id = in.at("sandbox").get<std::string>();
  for (const auto& [id, each] : in.at("containers").items()) {
    out.containers[id] = {each.at("token").get<std::string>(),
                          each.at("request").get<std::string>(), each.at("started").get<bool>()};
  }
  return out;
}

Result<Notes> Parse(const std::string& text, const Place& place) {
  try {
    const Json in = Json::parse(text);
    return in.at("proxy").get<std::string>() == place.proxy ? Taken(in) : Notes();
  } catch (const Json::exception&) {
    return DataLoss(place.file + " is torn; delete the sandbox");
  }
}

}  // namespace

Result<Notes> NoteBook::Read(int connection) {
  const Place place = PlaceOf(connection);
  if (place.file.empty()) {
    const MutexLock lock(mutex_);
    return memory_;
  }
  auto text = ReadFile(place.file);
  if (text.status().code() == StatusCode::kNotFound) return Notes();
  SHOJI_RETURN_IF_ERROR(text.status());
  return Parse(*text, place);
}

Status NoteBook::Write(int connection, const Notes& notes) {
  const Place place = PlaceOf(connection);
  if (place.file.empty()) {
    const MutexLock lock(mutex_);
    memory_ = notes;
    return OkStatus();
  }
  if (notes.sandbox_id.empty()) return RemoveFile(place.file);
  return WriteFileAtomic(place.file, Format(notes, place.proxy));
}

}  // namespace shoji::agent_hyperstart
