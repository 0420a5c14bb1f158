#include "place.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "shoji/base/file.h"

namespace shoji::store_testing {
namespace {

using sdk::ToStr;
using sdk::testing::FakeError;

Status StatusOf(std::int32_t code, const FakeError& error) {
  if (code == SHOJI_OK) return OkStatus();
  return Status(static_cast<StatusCode>(code), error.message).WithErrno(error.sys_errno);
}

std::int32_t CollectKey(void* ctx, shoji_str key) {
  static_cast<std::vector<std::string>*>(ctx)->push_back(sdk::String(key));
  return SHOJI_OK;
}

}  // namespace

TempDir::TempDir() {
  // In memory where there is such a place: what a process that is killed has written is there,
  // and whether the disk has it too no test of ours can see. It saves thousands of fsyncs.
  for (const char* parent : {"/dev/shm", "/tmp"}) {
    std::string path = parent + std::string("/store-test-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) continue;
    path_ = path;
    return;
  }
  ADD_FAILURE() << "cannot make a directory below /dev/shm or /tmp";
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  const Status status = RemoveTree(path_);
  EXPECT_TRUE(status.ok()) << status.message();
}

Plugin::Plugin(const Subject& subject, const std::string& dir)
    : table_(subject.table), texts_(subject.options(dir)) {
  for (const auto& [name, value] : texts_) items_.push_back({ToStr(name), ToStr(value)});
  options_ = {sizeof(shoji_options), static_cast<std::uint32_t>(items_.size()), items_.data()};
}

OpenStore::OpenStore(Plugin& plugin) : table_(plugin.table()) {
  FakeError error;
  const std::int32_t code = table_->open(plugin.self(), plugin.options(), &handle_, error.raw());
  opened_ = StatusOf(code, error);
  if (code != SHOJI_OK) handle_ = nullptr;
}

OpenStore::~OpenStore() {
  if (handle_ != nullptr) table_->close(handle_);
}

const void* OpenStore::Extension(const char* id) const {
  return table_->get_extension(handle_, id);
}

Status OpenStore::Save(std::string_view key, std::string_view value) {
  FakeError error;
  return StatusOf(table_->save(handle_, nullptr, ToStr(key), ToStr(value), error.raw()), error);
}

Result<std::string> OpenStore::Load(std::string_view key) {
  FakeError error;
  const sdk::testing::FakeSink sink;
  const std::int32_t code = table_->load(handle_, nullptr, ToStr(key), sink.raw(), error.raw());
  if (code != SHOJI_OK) return StatusOf(code, error);
  return sink.text();
}

Status OpenStore::Remove(std::string_view key) {
  FakeError error;
  return StatusOf(table_->remove(handle_, nullptr, ToStr(key), error.raw()), error);
}

Result<std::vector<std::string>> OpenStore::Scan(std::string_view prefix) {
  const auto* scan = static_cast<const shoji_store_scan_v1*>(Extension(SHOJI_STORE_SCAN_V1));
  FakeError error;
  std::vector<std::string> keys;
  const std::int32_t code =
      scan->scan(handle_, nullptr, ToStr(prefix), CollectKey, &keys, error.raw());
  if (code != SHOJI_OK) return StatusOf(code, error);
  return keys;
}

Status OpenStore::Apply(const std::vector<SetOrRemove>& changes) {
  std::vector<shoji_store_op> ops;
  for (const SetOrRemove& change : changes) {
    ops.push_back({sizeof(shoji_store_op),
                   change.remove ? SHOJI_STORE_OP_REMOVE : SHOJI_STORE_OP_SAVE, ToStr(change.key),
                   ToStr(change.value)});
  }
  std::vector<const shoji_store_op*> pointers;
  for (const shoji_store_op& op : ops) pointers.push_back(&op);
  const auto* txn = static_cast<const shoji_store_txn_v1*>(Extension(SHOJI_STORE_TXN_V1));
  FakeError error;
  const std::int32_t code = txn->apply(handle_, nullptr, pointers.data(),
                                       static_cast<std::uint32_t>(pointers.size()), error.raw());
  return StatusOf(code, error);
}

}  // namespace shoji::store_testing
