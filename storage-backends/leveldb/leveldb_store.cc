#include "leveldb_store.h"

#include <string>
#include <utility>

#include "leveldb_engine.h"

namespace shoji::leveldb_store {
namespace {

// What LevelDB itself cuts the option down to.
constexpr std::uint64_t kLeastBuffer = 64U << 10U;
constexpr std::uint64_t kMostBuffer = 1U << 30U;

Result<LevelDbSettings> EngineSettings(const sdk::OptionMap& options) {
  LevelDbSettings settings;
  if (!options.Get("compression").empty()) settings.compression = options.GetBool("compression");
  if (options.Get("write_buffer").empty()) return settings;
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t buffer, options.GetNumber("write_buffer"));
  if (buffer < kLeastBuffer || buffer > kMostBuffer) {
    return InvalidArgument("store.leveldb.write_buffer is " + std::to_string(buffer) +
                           " bytes; write 64K to 1G");
  }
  settings.write_buffer = static_cast<std::size_t>(buffer);
  return settings;
}

}  // namespace

Result<std::unique_ptr<LevelDbStore>> LevelDbStore::Open(const sdk::Host& host,
                                                         const sdk::OptionMap& options) {
  SHOJI_ASSIGN_OR_RETURN(const LevelDbSettings engine, EngineSettings(options));
  SHOJI_ASSIGN_OR_RETURN(oneprocess::StoreSettings settings,
                         oneprocess::SettingsOf(host, options, "leveldb"));
  settings.opener = [engine](const std::string& db, bool create) {
    return OpenLevelDb(db, create, engine);
  };
  SHOJI_ASSIGN_OR_RETURN(auto shared, oneprocess::SharedEngine::At(settings.path, "leveldb"));
  return std::unique_ptr<LevelDbStore>(new LevelDbStore(std::move(shared), std::move(settings)));
}

}  // namespace shoji::leveldb_store
