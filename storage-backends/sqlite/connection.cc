#include "connection.h"

#include <poll.h>

#include <algorithm>
#include <limits>

#include "sqlite_error.h"

namespace shoji::sqlite {
namespace {

// Gives back the locks of the statement, however a call ends. Its bindings dangle until they are
// bound anew, which each use does.
class Resetter {
 public:
  explicit Resetter(sqlite3_stmt* statement) : statement_(statement) {}
  Resetter(const Resetter&) = delete;
  Resetter& operator=(const Resetter&) = delete;
  ~Resetter() { sqlite3_reset(statement_); }

 private:
  sqlite3_stmt* statement_;
};

std::string Quoted(std::string_view key) { return "\"" + std::string(key) + "\""; }

// The bytes of a column, as long as the row.
std::string_view Bytes(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

int Patience::Wait(void* patience, int count) noexcept {
  auto* self = static_cast<Patience*>(patience);
  const int left = self->deadline.PollTimeout();
  const int pause = count < 20 ? 1 : 5;  // a commit takes about that long
  pollfd cancel{self->cancel_fd, POLLIN, 0};
  if (poll(&cancel, 1, left < 0 ? pause : std::min(left, pause)) > 0) {
    self->cancelled = true;
    return 0;
  }
  return self->deadline.passed() ? 0 : 1;
}

Patience Patience::Of(const shoji_call* call) {
  if (call == nullptr) return {};
  return {Deadline::FromNanos(call->deadline_ns), call->cancel_fd};
}

Connection& Connection::WithPatience(const Patience& patience) {
  patience_ = patience;
  return *this;
}

bool Connection::moved() const {
  int moved = 0;
  sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

Status Connection::LockedFailure(const std::string& text) {
  const std::string locked = text + ": the database is locked by another process";
  if (patience_.cancelled) return Cancelled(locked + "; cancelled while waiting for it");
  if (patience_.deadline.passed()) {
    return DeadlineExceeded(locked + " and did not get free in time");
  }
  return Unavailable(locked);
}

Status Connection::Failure(int code, std::string_view what) {
  const std::string text = std::string(what) + " database " + path_;
  if (IsLocked(code)) return LockedFailure(text);
  Status status = SqliteStatus(db_.get(), code, text);
  const StatusCode kind = status.code();
  healthy_ = kind == StatusCode::kResourceExhausted || kind == StatusCode::kInvalidArgument;
  return status;
}

int Connection::Bind(sqlite3_stmt* statement, int index, std::string_view bytes) {
  // A null pointer would bind NULL.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  return sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC);
}

// SQLite does not ask the busy handler everywhere: not while another process recovers the log.
int Connection::FirstStep(sqlite3_stmt* statement) {
  for (int count = 0;; ++count) {
    const int code = sqlite3_step(statement);
    if (!IsLocked(code) || Patience::Wait(&patience_, count) == 0) return code;
    sqlite3_reset(statement);
  }
}

template <typename What>
Status Connection::Run(sqlite3_stmt* statement, const What& what) {
  const int code = FirstStep(statement);
  if (code == SQLITE_DONE || code == SQLITE_ROW) return OkStatus();
  return Failure(code, what());
}

Status Connection::Save(std::string_view key, std::string_view value) {
  const Resetter resetter(save_.get());
  Bind(save_.get(), 1, key);
  Bind(save_.get(), 2, value);
  return Run(save_.get(), [&] { return "cannot save record " + Quoted(key) + " in"; });
}

Status Connection::Remove(std::string_view key) {
  const Resetter resetter(remove_.get());
  Bind(remove_.get(), 1, key);
  return Run(remove_.get(), [&] { return "cannot remove record " + Quoted(key) + " from"; });
}

Status Connection::Load(std::string_view key, const shoji_sink* sink) {
  const Resetter resetter(load_.get());
  Bind(load_.get(), 1, key);
  const int code = FirstStep(load_.get());
  if (code == SQLITE_DONE) return NotFound("there is no record " + Quoted(key));
  const auto what = [&] { return "cannot load record " + Quoted(key) + " from"; };
  if (code != SQLITE_ROW) return Failure(code, what());
  const std::string_view value = Bytes(load_.get(), 0);
  // Large values are read in pieces from overflow pages, of which one may be unreadable.
  const int reading = sqlite3_errcode(db_.get());
  if (value.data() == nullptr && reading != SQLITE_ROW && reading != SQLITE_OK) {
    return Failure(sqlite3_extended_errcode(db_.get()), what());
  }
  if (sqlite3_column_type(load_.get(), 0) == SQLITE_BLOB) return sdk::Put(sink, value);
  return DataLoss(what() + " database " + path_ +
                  ": its value is no blob; another program wrote it");
}

Status Connection::RowsOf(sqlite3_stmt* statement, std::string_view prefix,
                          const sdk::KeyVisitor& visit) {
  for (int code = FirstStep(statement);; code = sqlite3_step(statement)) {
    if (code == SQLITE_DONE) return OkStatus();
    if (code != SQLITE_ROW) return Failure(code, "cannot list the records of");
    const std::string_view key = Bytes(statement, 0);
    if (key.substr(0, prefix.size()) != prefix) return OkStatus();  // behind the last one
    SHOJI_RETURN_IF_ERROR(visit(key));
  }
}

Status Connection::Scan(std::string_view prefix, const sdk::KeyVisitor& visit) {
  const Resetter resetter(scan_.get());
  Bind(scan_.get(), 1, prefix);
  return RowsOf(scan_.get(), prefix, visit);
}

Status Connection::ApplyAll(const std::vector<sdk::StoreOp>& ops) {
  for (const sdk::StoreOp& op : ops) {
    SHOJI_RETURN_IF_ERROR(op.remove ? Remove(op.key) : Save(op.key, op.value));
  }
  return Execute("COMMIT");
}

Status Connection::Apply(const std::vector<sdk::StoreOp>& ops) {
  if (ops.empty()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  Status status = ApplyAll(ops);
  // Some errors have rolled it back already.
  if (!status.ok() && sqlite3_get_autocommit(db_.get()) == 0) {
    sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

}  // namespace shoji::sqlite
