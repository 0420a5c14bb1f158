#include "settings.h"

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::etcd {
namespace {

constexpr std::size_t kMaxPem = 1U << 20U;
constexpr std::size_t kMaxPrefix = 256;
constexpr std::uint64_t kMinRequest = 16U << 10U;
constexpr std::uint64_t kMaxRequest = 512U << 20U;
constexpr char kSystemRoots[] = "/etc/ssl/certs/ca-certificates.crt";

Status BadEndpoint(const std::string& text, std::string_view why) {
  return InvalidArgument("endpoint \"" + text + "\" " + std::string(why) +
                         "; write https://host:2379, http://host:2379 or unix:///path");
}

bool IsPort(std::string_view text) {
  const Result<std::int64_t> port = ParseInt(text);
  return port.ok() && *port > 0 && *port < 65536;
}

// host:port, [v6]:port.
Status CheckHostPort(const std::string& text, std::string_view host_port) {
  const std::size_t colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return BadEndpoint(text, "has no port");
  const std::string_view host = host_port.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (host.empty()) return BadEndpoint(text, "has no host");
  if (!bracketed && host.find_first_of(":[]/@ \t") != std::string_view::npos) {
    return BadEndpoint(text, "is no host with a port");
  }
  if (!IsPort(host_port.substr(colon + 1))) return BadEndpoint(text, "has no valid port");
  return OkStatus();
}

bool Begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

Result<std::string> ReadPem(const std::string& option, const std::string& path) {
  if (path.empty()) return std::string();
  Result<std::string> text = ReadFile(path, kMaxPem);
  if (!text.ok()) return std::move(text).status().WithContext("option " + option);
  if (text->find("-----BEGIN ") == std::string::npos) {
    return InvalidArgument("option " + option + ": " + path +
                           " holds no PEM text (-----BEGIN ...)");
  }
  return text;
}

Result<std::uint64_t> Number(const sdk::OptionMap& options, const std::string& name,
                             std::uint64_t fallback, std::uint64_t low, std::uint64_t high) {
  const std::string text = options.Get(name);
  if (text.empty()) return fallback;
  const Result<std::int64_t> number = ParseInt(text);
  if (!number.ok() || *number < 0 || static_cast<std::uint64_t>(*number) < low ||
      static_cast<std::uint64_t>(*number) > high) {
    return InvalidArgument("option " + name + ": \"" + text + "\" is not from " +
                           std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<std::uint64_t>(*number);
}

Status ReadEndpoints(const sdk::OptionMap& options, Settings* out) {
  const bool tls = !options.Get("ca_file").empty() || !options.Get("cert_file").empty();
  std::vector<std::string> list = options.GetList("endpoints");
  if (list.empty()) list = {tls ? "https://127.0.0.1:2379" : "http://127.0.0.1:2379"};
  for (const std::string& text : list) {
    SHOJI_ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint(text, tls));
    if (tls && !endpoint.tls) {
      return InvalidArgument("endpoint \"" + text +
                             "\" is without TLS, but ca_file or cert_file is set; write https://");
    }
    out->endpoints.push_back(std::move(endpoint));
  }
  return OkStatus();
}

Status ReadTls(const sdk::OptionMap& options, Settings* out) {
  SHOJI_ASSIGN_OR_RETURN(out->ca_pem, ReadPem("ca_file", options.Get("ca_file")));
  SHOJI_ASSIGN_OR_RETURN(out->cert_pem, ReadPem("cert_file", options.Get("cert_file")));
  SHOJI_ASSIGN_OR_RETURN(out->key_pem, ReadPem("key_file", options.Get("key_file")));
  if (out->cert_pem.empty() != out->key_pem.empty()) {
    return InvalidArgument("options cert_file and key_file belong together; set both or none");
  }
  bool tls = false;
  for (const Endpoint& endpoint : out->endpoints) tls = tls || endpoint.tls;
  if (!tls || !out->ca_pem.empty()) return OkStatus();
  Result<std::string> roots = ReadPem("ca_file", kSystemRoots);
  if (!roots.ok()) {
    return std::move(roots).status().WithContext(
        "no ca_file is set and the certificates of this machine cannot be used");
  }
  out->ca_pem = std::move(roots).value();
  return OkStatus();
}

Status ReadPrefix(const sdk::OptionMap& options, Settings* out) {
  if (const std::string prefix = options.Get("prefix"); !prefix.empty()) out->prefix = prefix;
  if (out->prefix.back() != '/') out->prefix += '/';
  if (out->prefix.size() <= kMaxPrefix && out->prefix.find('\0') == std::string::npos) {
    return OkStatus();
  }
  return InvalidArgument("option prefix is longer than " + std::to_string(kMaxPrefix) +
                         " bytes or has a NUL byte");
}

Status ReadUser(const sdk::OptionMap& options, Settings* out) {
  out->username = options.Get("username");
  out->password = options.Get("password");
  if (!out->username.empty() || out->password.empty()) return OkStatus();
  return InvalidArgument("option password is set, but not username");
}

}  // namespace

Result<Endpoint> ParseEndpoint(const std::string& text, bool tls) {
  const std::string_view view = text;
  if (Begins(view, "unix://") || Begins(view, "unixs://")) {
    const bool secure = Begins(view, "unixs");
    const std::string path(view.substr(secure ? 8 : 7));
    if (path.empty() || path[0] != '/') return BadEndpoint(text, "has no absolute path");
    return Endpoint{text, "unix:" + path, secure || tls};
  }
  const bool https = Begins(view, "https://");
  const bool http = Begins(view, "http://");
  if (!https && !http && view.find("://") != std::string_view::npos) {
    return BadEndpoint(text, "has an unknown scheme");
  }
  std::string_view rest = view.substr(https ? 8 : http ? 7 : 0);
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  SHOJI_RETURN_IF_ERROR(CheckHostPort(text, rest));
  return Endpoint{text, "dns:" + std::string(rest), https || (tls && !http)};
}

std::string Settings::Where() const {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints) names.push_back(endpoint.text);
  return Join(names, ", ");
}

Result<Settings> Settings::FromOptions(const sdk::OptionMap& options) {
  Settings out;
  SHOJI_RETURN_IF_ERROR(ReadEndpoints(options, &out));
  SHOJI_RETURN_IF_ERROR(ReadTls(options, &out));
  SHOJI_RETURN_IF_ERROR(ReadPrefix(options, &out));
  SHOJI_RETURN_IF_ERROR(ReadUser(options, &out));
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t nanos,
                         Number(options, "timeout", static_cast<std::uint64_t>(out.timeout.count()),
                                1'000'000, 3'600'000'000'000));
  out.timeout = std::chrono::nanoseconds(nanos);
  SHOJI_ASSIGN_OR_RETURN(
      out.max_request_bytes,
      Number(options, "max_request_bytes", out.max_request_bytes, kMinRequest, kMaxRequest));
  SHOJI_ASSIGN_OR_RETURN(out.max_txn_ops,
                         Number(options, "max_txn_ops", out.max_txn_ops, 16, 65536));
  return out;
}

}  // namespace shoji::etcd
