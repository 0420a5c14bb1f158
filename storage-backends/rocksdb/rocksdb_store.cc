#include "rocksdb_store.h"

#include <string>
#include <utility>

#include "rocksdb_engine.h"

namespace shoji::rocksdb_store {
namespace {

// Below, it writes tables all the time; above, it is no small store.
constexpr std::uint64_t kLeastBuffer = 64U << 10U;
constexpr std::uint64_t kMostBuffer = 1U << 30U;

Result<RocksDbSettings> EngineSettings(const sdk::OptionMap& options) {
  RocksDbSettings settings;
  if (!options.Get("compression").empty()) settings.compression = options.GetBool("compression");
  if (options.Get("write_buffer").empty()) return settings;
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t buffer, options.GetNumber("write_buffer"));
  if (buffer < kLeastBuffer || buffer > kMostBuffer) {
    return InvalidArgument("store.rocksdb.write_buffer is " + std::to_string(buffer) +
                           " bytes; write 64K to 1G");
  }
  settings.write_buffer = static_cast<std::size_t>(buffer);
  return settings;
}

}  // namespace

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(const sdk::Host& host,
                                                         const sdk::OptionMap& options) {
  SHOJI_ASSIGN_OR_RETURN(const RocksDbSettings engine, EngineSettings(options));
  SHOJI_ASSIGN_OR_RETURN(oneprocess::StoreSettings settings,
                         oneprocess::SettingsOf(host, options, "rocksdb"));
  settings.opener = [engine](const std::string& db, bool create) {
    return OpenRocksDb(db, create, engine);
  };
  SHOJI_ASSIGN_OR_RETURN(auto shared, oneprocess::SharedEngine::At(settings.path, "rocksdb"));
  return std::unique_ptr<RocksDbStore>(new RocksDbStore(std::move(shared), std::move(settings)));
}

}  // namespace shoji::rocksdb_store
