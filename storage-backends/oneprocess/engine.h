// A key-value engine that is open: what the two plugins implement.
//
// Threads  All members but the destructor may be called side by side.
// Errors   Made by Failure() (failure.h); an engine's own types and exceptions stay inside.
#ifndef SHOJI_ONEPROCESS_ENGINE_H_
#define SHOJI_ONEPROCESS_ENGINE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/sdk/store.h"

namespace shoji::oneprocess {

class Engine {
 public:
  virtual ~Engine() = default;  // closes it
  // Puts the value into the sink. NOT_FOUND.
  virtual Status Get(std::string_view key, const shoji_sink* sink) = 0;
  // All or none, on disk when it returns.
  virtual Status Write(const std::vector<sdk::StoreOp>& ops) = 0;
  // Calls `visit` with each key from `prefix` on in byte order, until it returns false.
  virtual Status Walk(std::string_view prefix,
                      const std::function<bool(std::string_view)>& visit) = 0;
};

// Opens the database in directory `db`; `create`: there may be none yet.
using EngineOpener =
    std::function<Result<std::unique_ptr<Engine>>(const std::string& db, bool create)>;

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_ENGINE_H_
