#include "damage.h"

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "shoji/base/file.h"

namespace shoji::leveldb_store {
namespace {

bool IsTable(std::string_view name) { return name.ends_with(".ldb") || name.ends_with(".sst"); }

bool IsReadable(const std::string& path) {
  leveldb::Env* const env = leveldb::Env::Default();
  std::uint64_t size = 0;
  leveldb::RandomAccessFile* opened = nullptr;
  if (!env->GetFileSize(path, &size).ok()) return false;
  if (!env->NewRandomAccessFile(path, &opened).ok()) return false;
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* parsed = nullptr;
  if (!leveldb::Table::Open(options, file.get(), size, &parsed).ok()) return false;
  const std::unique_ptr<leveldb::Table> table(parsed);
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> at(table->NewIterator(checked));
  for (at->SeekToFirst(); at->Valid();) at->Next();
  return at->status().ok();
}

}  // namespace

std::string FindDamage(const std::string& db) {
  const Result<std::vector<std::string>> names = ListDir(db);
  if (!names.ok()) return {};
  for (const std::string& name : *names) {
    if (IsTable(name) && !IsReadable(db + "/" + name)) return "in " + name;
  }
  return {};
}

}  // namespace shoji::leveldb_store
