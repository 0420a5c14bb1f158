// LevelDB as an Engine.
//
// Threads  Safe.
// Example  OpenLevelDb("/var/lib/shoji/leveldb/db", true, {});
#ifndef SHOJI_LEVELDB_LEVELDB_ENGINE_H_
#define SHOJI_LEVELDB_LEVELDB_ENGINE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "oneprocess/engine.h"

namespace shoji::leveldb_store {

struct LevelDbSettings {
  std::size_t write_buffer = 4U << 20U;
  std::size_t cache = 1U << 20U;
  bool compression = true;
};

Result<std::unique_ptr<oneprocess::Engine>> OpenLevelDb(const std::string& db, bool create,
                                                        const LevelDbSettings& settings);

}  // namespace shoji::leveldb_store

#endif  // SHOJI_LEVELDB_LEVELDB_ENGINE_H_
