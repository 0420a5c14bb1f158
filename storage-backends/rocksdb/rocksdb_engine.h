// RocksDB as an Engine.
//
// Memory   A few MB: no 64 MB buffers, one background thread, no log file, no statistics.
// Threads  Safe.
// Example  OpenRocksDb("/var/lib/shoji/rocksdb/db", true, {});
#ifndef SHOJI_ROCKSDB_ROCKSDB_ENGINE_H_
#define SHOJI_ROCKSDB_ROCKSDB_ENGINE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "oneprocess/engine.h"

namespace shoji::rocksdb_store {

struct RocksDbSettings {
  std::size_t write_buffer = 4U << 20U;
  std::size_t cache = 1U << 20U;
  bool compression = true;
};

Result<std::unique_ptr<oneprocess::Engine>> OpenRocksDb(const std::string& db, bool create,
                                                        const RocksDbSettings& settings);

}  // namespace shoji::rocksdb_store

#endif  // SHOJI_ROCKSDB_ROCKSDB_ENGINE_H_
