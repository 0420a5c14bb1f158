#include "metadata/mark.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "metadata/keys.h"
#include "version.h"

namespace shoji {
namespace {

using nlohmann::json;

Result<StoreMark> Parse(const std::string& text) {
  try {
    const json in = json::parse(text);
    StoreMark mark;
    mark.layout = in.at("layout").get<int>();
    if (in.contains("copy")) {
      const json& copy = in.at("copy");
      mark.copy_from = copy.at("from").get<std::string>();
      mark.copy_merges = copy.at("merges").get<bool>();
      mark.copy_nonce = copy.at("nonce").get<std::string>();
      if (mark.copy_from.empty()) return DataLoss("it names no source of its copy");
    }
    return mark;
  } catch (const std::exception& e) {
    return DataLoss(e.what());
  }
}

}  // namespace

Result<StoreMark> ReadMark(Store& store) {
  const auto text = store.Load(StoreCall(), kStoreMarkKey);
  const std::string where = "mark \"" + std::string(kStoreMarkKey) + "\" of " + store.name();
  if (!text.ok() && text.status().code() == StatusCode::kNotFound) return StoreMark{};
  if (!text.ok()) return text.status().WithContext("cannot read " + where);
  auto mark = Parse(*text);
  if (!mark.ok()) return std::move(mark).status().WithContext(where + " is damaged");
  return mark;
}

Status WriteMark(Store& store, const StoreMark& mark) {
  json out = {{"layout", mark.layout}};
  if (!mark.copy_from.empty()) {
    out["copy"] = {
        {"from", mark.copy_from}, {"merges", mark.copy_merges}, {"nonce", mark.copy_nonce}};
  }
  return store
      .Save(StoreCall(), kStoreMarkKey, out.dump(-1, ' ', false, json::error_handler_t::replace))
      .WithContext("cannot mark " + store.name());
}

Status RemoveMark(Store& store) {
  return store.Remove(StoreCall(), kStoreMarkKey)
      .WithContext("cannot remove the mark of " + store.name());
}

Status CheckLayout(const StoreMark& mark, const std::string& store_name) {
  if (mark.layout == kStoreLayout) return OkStatus();
  return FailedPrecondition(store_name + " has layout " + std::to_string(mark.layout) + ", Shoji " +
                            kVersion + " reads layout " + std::to_string(kStoreLayout) +
                            "; use the version of Shoji that wrote it");
}

Status CheckUsable(const StoreMark& mark, const std::string& store_name) {
  SHOJI_RETURN_IF_ERROR(CheckLayout(mark, store_name));
  if (mark.copy_from.empty()) return OkStatus();
  return FailedPrecondition(store_name + " holds an unfinished copy of " + mark.copy_from +
                            "; complete it with the same shoji store copy");
}

}  // namespace shoji
