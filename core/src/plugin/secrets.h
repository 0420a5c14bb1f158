// Secrets that options refer to.
//
// Threads  Safe, no state.
// Example  ReadSecret("file:/etc/shoji/token")
#ifndef SHOJI_CORE_PLUGIN_SECRETS_H_
#define SHOJI_CORE_PLUGIN_SECRETS_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji {

// A text that is overwritten when it is no longer needed.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { Wipe(); }
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.Wipe(); }
  Secret& operator=(Secret&& other) noexcept;
  const std::string& text() const { return text_; }

 private:
  void Wipe();
  std::string text_;
};

// "file:PATH", "env:NAME", "text:VALUE", or the secret itself; see shoji/plugin/services.h
// for the errors. No error repeats a secret.
Result<Secret> ReadSecret(std::string_view reference);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_SECRETS_H_
