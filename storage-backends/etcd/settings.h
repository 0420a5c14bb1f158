// What the operator chose for the store: where etcd is, how to speak to it, its limits.
//
// Threads  Value.
// Errors   INVALID_ARGUMENT names the option; files that cannot be read name themselves.
// Example  SHOJI_ASSIGN_OR_RETURN(Settings s, Settings::FromOptions(options));
#ifndef SHOJI_ETCD_SETTINGS_H_
#define SHOJI_ETCD_SETTINGS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::etcd {

struct Endpoint {
  std::string text;    // as the operator wrote it, for messages
  std::string target;  // as gRPC wants it
  bool tls = false;
};

struct Settings {
  static Result<Settings> FromOptions(const sdk::OptionMap& options);

  std::vector<Endpoint> endpoints;  // at least one
  std::string prefix = "/shoji/";   // ends with '/'
  std::string username;             // empty: no authentication
  std::string password;             // as written: a reference for shoji.secrets/1
  std::string ca_pem;               // with TLS never empty
  std::string cert_pem;
  std::string key_pem;
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);
  std::uint64_t max_request_bytes = 1536U << 10U;
  std::uint64_t max_txn_ops = 128;
  // How long the pieces of a writer stay that was killed; longer than any save takes.
  std::chrono::seconds staging_time = std::chrono::minutes(10);

  // "http://a:2379, unix:///b", for messages.
  std::string Where() const;
};

// "https://host:port", "http://host:port", "host:port" or "unix:///path"; `tls` is for those
// that do not say.
Result<Endpoint> ParseEndpoint(const std::string& text, bool tls);

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_SETTINGS_H_
