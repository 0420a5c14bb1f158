#include "sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::sqlite {
namespace {

constexpr std::size_t kIdleConnections = 4;
// open() has no deadline of its own; the last process to close may be writing its log back.
constexpr auto kOpenPatience = std::chrono::seconds(30);

std::int32_t AppendTo(void* ctx, const void* data, std::uint64_t size) noexcept {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                         static_cast<std::size_t>(size));
  return SHOJI_OK;
}

Result<std::string> DefaultPath(const sdk::Host& host) {
  const auto* dirs = host.Service<shoji_dirs_v1>(SHOJI_DIRS_V1);
  std::string state_dir;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &state_dir, AppendTo};
  if (!SHOJI_HAS_SLOT(shoji_dirs_v1, dirs, path) ||
      dirs->path(host.raw(), SHOJI_DIR_STATE, &sink, nullptr) != SHOJI_OK || state_dir.empty()) {
    return FailedPrecondition("the host names no state directory; set store.sqlite.path");
  }
  return state_dir + "/shoji.db";
}

Status CheckPath(const std::string& path) {
  if (path[0] == '/' && path.back() != '/' && path.find('\0') == std::string::npos) {
    return OkStatus();
  }
  return InvalidArgument("path \"" + path + "\" of the database is not absolute; write /DIR/FILE");
}

// Makes the names on the way to a new database durable. A directory that may not be read was
// not made by us.
void SyncDirsAbove(const std::string& path) {
  for (std::size_t end = path.rfind('/'); end != std::string::npos && end > 0;
       end = path.rfind('/', end - 1)) {
    const UniqueFd fd(open(path.substr(0, end).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) (void)fsync(fd.get());
  }
}

// Sees to it that there is a file. Never by open(): closing the descriptor would release the
// locks which other connections of this process hold on it.
Status PrepareFile(const std::string& path, bool* made) {
  SHOJI_RETURN_IF_ERROR(MakeDirs(path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)), 0700));
  *made = mknod(path.c_str(), S_IFREG | 0600, 0) == 0;
  if (!*made && errno != EEXIST) return ErrnoStatus(errno, "cannot create database " + path);
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return ErrnoStatus(errno, "cannot look at database " + path);
  if (S_ISREG(st.st_mode)) return OkStatus();
  return DataLoss(path + " is no file; set store.sqlite.path to a file");
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const sdk::Host& host,
                                                       const sdk::OptionMap& options) {
  const std::string path = options.Get("path");
  if (!path.empty()) return OpenAt(path);
  SHOJI_ASSIGN_OR_RETURN(const std::string fallback, DefaultPath(host));
  return OpenAt(fallback);
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::OpenAt(const std::string& path) {
  SHOJI_RETURN_IF_ERROR(CheckPath(path));
  bool made = false;
  SHOJI_RETURN_IF_ERROR(PrepareFile(path, &made));
  std::unique_ptr<SqliteStore> store(new SqliteStore(path));
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                         Connection::Open(path, {Deadline::After(kOpenPatience)}));
  if (made) SyncDirsAbove(path);
  store->GiveBack(std::move(connection));
  return store;
}

Result<SqliteStore::Lease> SqliteStore::Take(const shoji_call* call) {
  std::unique_ptr<Connection> connection;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  // Whoever put another database in this place wants it to be used.
  if (connection == nullptr || connection->moved()) {
    SHOJI_ASSIGN_OR_RETURN(connection, Connection::Open(path_, Patience::Of(call)));
  }
  connection->WithPatience(Patience::Of(call));
  return Lease(this, std::move(connection));
}

void SqliteStore::GiveBack(std::unique_ptr<Connection> connection) {
  if (!connection->healthy()) return;
  const MutexLock lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
}

Status SqliteStore::Save(const shoji_call* call, std::string_view key, std::string_view value) {
  SHOJI_ASSIGN_OR_RETURN(Lease connection, Take(call));
  return connection->Save(key, value);
}

Status SqliteStore::LoadInto(const shoji_call* call, std::string_view key, const shoji_sink* sink) {
  SHOJI_ASSIGN_OR_RETURN(Lease connection, Take(call));
  return connection->Load(key, sink);
}

Status SqliteStore::Remove(const shoji_call* call, std::string_view key) {
  SHOJI_ASSIGN_OR_RETURN(Lease connection, Take(call));
  return connection->Remove(key);
}

Status SqliteStore::ScanEach(const shoji_call* call, std::string_view prefix,
                             const sdk::KeyVisitor& visit) {
  SHOJI_ASSIGN_OR_RETURN(Lease connection, Take(call));
  return connection->Scan(prefix, visit);
}

Status SqliteStore::Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops) {
  SHOJI_ASSIGN_OR_RETURN(Lease connection, Take(call));
  return connection->Apply(ops);
}

}  // namespace shoji::sqlite
