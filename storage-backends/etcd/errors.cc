#include "errors.h"

#include <algorithm>
#include <string_view>

namespace shoji::etcd {
namespace {

constexpr char kCompacted[] = "required revision has been compacted";
constexpr char kNoChannel[] = "empty address list";  // gRPC could not make a TLS context
constexpr char kKeyGone[] = "etcdserver: key not found";
constexpr char kLeaseGone[] = "requested lease not found";

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A word of etcd's, what it means here, and what to do about it. {user}, {prefix}, {request}
// and {ops} stand for the options.
struct Known {
  const char* word;
  StatusCode code;
  const char* advice;
};

constexpr Known kKnown[] = {
    {"authentication failed, invalid user", StatusCode::kUnauthenticated,
     "user \"{user}\" or its password is wrong; see options username and password"},
    {"user name is empty", StatusCode::kUnauthenticated,
     "the server wants a user; set options username and password"},
    {"invalid auth token", StatusCode::kUnauthenticated,
     "the server refuses the token it gave to user \"{user}\""},
    {"revision of auth store is old", StatusCode::kUnavailable,
     "users or roles are being changed; try again"},
    {"permission denied", StatusCode::kPermissionDenied,
     "user \"{user}\" may not do this; grant its role readwrite on the prefix {prefix}"},
    {"database space exceeded", StatusCode::kResourceExhausted,
     "etcd's space quota is used up: compact and defragment it, disarm the alarm NOSPACE, and "
     "set its --auto-compaction-retention or raise --quota-backend-bytes"},
    {"request is too large", StatusCode::kResourceExhausted,
     "the server takes smaller requests than option max_request_bytes ({request}) says; set it to "
     "the server's --max-request-bytes"},
    {"received message larger than max", StatusCode::kResourceExhausted,
     "the server takes smaller requests than option max_request_bytes ({request}) says; set it to "
     "the server's --max-request-bytes"},
    {"too many operations in txn", StatusCode::kResourceExhausted,
     "the server takes smaller transactions than option max_txn_ops ({ops}) says; set it to the "
     "server's --max-txn-ops"},
    {"too many requests", StatusCode::kUnavailable, "the server is overloaded; try again"},
    {"CERTIFICATE_VERIFY_FAILED", StatusCode::kUnauthenticated,
     "the server's certificate does not descend from ca_file, or is for another name"},
    {"certificate verify failed", StatusCode::kUnauthenticated,
     "the server's certificate does not descend from ca_file, or is for another name"},
    {"Hostname Verification Check failed", StatusCode::kUnauthenticated,
     "the server's certificate is for another name than the endpoint's"},
    {"Peer name", StatusCode::kUnauthenticated,
     "the server's certificate is for another name than the endpoint's"},
    {"WRONG_VERSION_NUMBER", StatusCode::kFailedPrecondition,
     "the server does not speak TLS; write http:// and no ca_file, or give it certificates"},
    {"wrong version number", StatusCode::kFailedPrecondition,
     "the server does not speak TLS; write http:// and no ca_file, or give it certificates"},
    {"Ssl handshake failed", StatusCode::kUnauthenticated,
     "TLS cannot be agreed; see options ca_file, cert_file and key_file"},
};

void Replace(std::string* text, const std::string& name, const std::string& value) {
  for (std::size_t at = text->find(name); at != std::string::npos; at = text->find(name)) {
    text->replace(at, name.size(), value);
  }
}

std::string Fill(std::string advice, const Settings& settings) {
  Replace(&advice, "{user}", settings.username);
  Replace(&advice, "{prefix}", settings.prefix);
  Replace(&advice, "{request}", std::to_string(settings.max_request_bytes));
  Replace(&advice, "{ops}", std::to_string(settings.max_txn_ops));
  return advice;
}

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text.empty() ? "no reason given" : text;
}

// gRPC says the same for every reason that a connection ended before its first answer.
std::string Hint(const std::string& text, const Endpoint& endpoint, const Settings& settings) {
  const bool cut = Has(text, "Socket closed") || Has(text, "Connection reset") ||
                   Has(text, "Broken pipe") || Has(text, "GOAWAY") ||
                   Has(text, "Endpoint read failed");
  if (!cut) return "";
  if (!endpoint.tls) return "; if the server speaks TLS, write https:// and set ca_file";
  if (!settings.cert_pem.empty()) {
    return "; the server may not accept the client certificate of cert_file, or not speak TLS "
           "(then write http://)";
  }
  return "; if the server wants a client certificate, set cert_file and key_file; if it does not "
         "speak TLS, write http:// and no ca_file";
}

}  // namespace

Verdict Judge(const grpc::Status& status) {
  const std::string& text = status.error_message();
  Verdict out;
  out.unsent = Has(text, "failed to connect to all addresses") ||
               Has(text, "DNS resolution failed") || Has(text, kNoChannel);
  out.unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                    status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED || out.unsent;
  out.stale_token = Has(text, "invalid auth token") || Has(text, "revision of auth store is old");
  return out;
}

Status Explain(const grpc::Status& status, const std::string& what, const Endpoint& endpoint,
               const Settings& settings) {
  if (status.ok()) return OkStatus();
  const std::string text = OneLine(status.error_message());
  const std::string front = "etcd at " + endpoint.text + ": " + what + ": ";
  for (const Known& known : kKnown) {
    if (!Has(text, known.word)) continue;
    return {known.code, front + Fill(known.advice, settings) + " (" + text + ")"};
  }
  if (!settings.cert_pem.empty() && endpoint.tls && Has(text, kNoChannel)) {
    return InvalidArgument(front +
                           "the certificates cannot be used; cert_file and key_file have "
                           "to belong together (" +
                           text + ")");
  }
  const auto code = static_cast<int>(status.error_code());
  const bool canonical = code > 0 && code <= static_cast<int>(StatusCode::kUnauthenticated);
  return {canonical ? static_cast<StatusCode>(code) : StatusCode::kUnknown,
          front + text + Hint(text, endpoint, settings)};
}

bool IsCompacted(const Status& status) { return Has(status.message(), kCompacted); }

bool IsPieceGone(const Status& status) {
  return Has(status.message(), kKeyGone) || Has(status.message(), kLeaseGone);
}

}  // namespace shoji::etcd
