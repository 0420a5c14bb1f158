#include "plugin/trust_policy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "config/config.h"
#include "plugin/file_bytes.h"
#include "plugin/note.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/minisign/sha2.h"

namespace shoji {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::size_t kMaxSignature = 8192;

Status BadOption(const std::string& origin, const std::string& name, const std::string& value,
                 const std::string& what) {
  return InvalidArgument(origin + ": option \"" + name + "\": \"" + value + "\" " + what);
}

std::string Mapped(std::string text, int (*map)(int)) {
  for (char& c : text) c = static_cast<char>(map(static_cast<unsigned char>(c)));
  return text;
}

bool IsSha256(const std::string& hex) {
  return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// "example" -> the settings plugins.keys.example.NAME.
std::map<std::string, Config::Entry> KeySettings(const Config& config, const std::string& name) {
  std::map<std::string, Config::Entry> out;
  for (Config::Entry& entry : config.Entries("plugins.keys.*." + name)) {
    std::string key = entry.key;
    out.emplace(std::move(key), std::move(entry));
  }
  return out;
}

Status Missing(const Config::Entry& there, const std::string& key, const std::string& name,
               const std::string& example) {
  return InvalidArgument(there.value.origin + ": plugins.keys." + key + " has no \"" + name +
                         "\"; add e.g. " + name + " = " + example);
}

std::string OwnerText(int fd) {
  struct stat st {};
  if (fstat(fd, &st) < 0) return "owner";
  return st.st_uid == 0 ? "owner: root" : "owner: user " + std::to_string(st.st_uid);
}

}  // namespace

Result<TrustPolicy> TrustPolicy::FromConfig(const Config& config) {
  TrustPolicy policy;
  const std::string& name = config.Get("plugins.trust");
  if (name == "pinned") {
    policy.kind_ = Kind::kPinned;
  } else if (name == "signed") {
    policy.kind_ = Kind::kSigned;
  } else if (name != "owner") {
    return BadOption(config.values().at("plugins.trust").origin, "plugins.trust", name,
                     "is not known; write owner, pinned or signed");
  }
  SHOJI_RETURN_IF_ERROR(policy.ReadPins(config));
  SHOJI_RETURN_IF_ERROR(policy.ReadKeys(config));
  SHOJI_RETURN_IF_ERROR(policy.ReadRevoked(config));
  return policy;
}

Status TrustPolicy::ReadPins(const Config& config) {
  for (const Config::Entry& entry : config.Entries("plugins.pins.*")) {
    const std::string& origin = entry.value.origin;
    const std::size_t dot = entry.key.find('.');
    if (dot == std::string::npos || !IsKnownKind(entry.key.substr(0, dot))) {
      return InvalidArgument(origin + ": option \"" + entry.name +
                             "\" pins no plugin; its name must be KIND.ID, e.g. \"store." +
                             entry.key + "\"");
    }
    std::string hex = Mapped(entry.value.text, std::tolower);
    if (hex.compare(0, kSha256.size(), kSha256) == 0) hex.erase(0, kSha256.size());
    if (!IsSha256(hex)) {
      return BadOption(origin, entry.name, entry.value.text,
                       "is no digest; write sha256: and the 64 digits that sha256sum prints");
    }
    pins_[entry.key] = std::move(hex);
  }
  return OkStatus();
}

Status TrustPolicy::ReadKeys(const Config& config) {
  const auto texts = KeySettings(config, "key");
  const auto vendors = KeySettings(config, "vendor");
  const auto kinds = KeySettings(config, "kinds");
  std::map<std::string, const Config::Entry*> names;
  for (const auto* settings : {&texts, &vendors, &kinds}) {
    for (const auto& [key, entry] : *settings) names[key] = &entry;
  }
  for (const auto& [name, there] : names) {
    const auto text = texts.find(name);
    const auto vendor = vendors.find(name);
    const auto allowed = kinds.find(name);
    if (text == texts.end()) return Missing(*there, name, "key", "\"RW...\", from the .pub file");
    if (vendor == vendors.end()) return Missing(*there, name, "vendor", "\"com.example.\"");
    if (allowed == kinds.end()) return Missing(*there, name, "kinds", "[\"store\"]");
    Key key;
    key.name = name;
    Result<minisign::PublicKey> parsed = minisign::ParsePublicKey(Trim(text->second.value.text));
    if (!parsed.ok()) {
      return std::move(parsed).status().WithContext(text->second.value.origin + ": option \"" +
                                                    text->second.name + "\"");
    }
    key.key = std::move(parsed).value();
    key.vendor = vendor->second.value.text;
    if (key.vendor.size() < 2 || key.vendor.back() != '.') {
      return BadOption(vendor->second.value.origin, vendor->second.name, key.vendor,
                       "must be the beginning of ids and end with a dot, e.g. com.example.");
    }
    for (const std::string& kind : Split(allowed->second.value.text, '\n')) {
      if (!IsKnownKind(kind)) {
        return BadOption(allowed->second.value.origin, allowed->second.name, kind,
                         "is not a kind of plugin");
      }
      key.kinds.insert(kind);
    }
    keys_.push_back(std::move(key));
  }
  return OkStatus();
}

Status TrustPolicy::ReadRevoked(const Config& config) {
  for (const std::string& id : config.GetList("plugins.revoked")) {
    if (!minisign::IsKeyId(id)) {
      return BadOption(config.values().at("plugins.revoked").origin, "plugins.revoked", id,
                       "is not the id of a minisign key; write its 16 hexadecimal digits");
    }
    revoked_.insert(Mapped(id, std::toupper));
  }
  return OkStatus();
}

const std::string* TrustPolicy::PinOf(const Candidate& candidate) const {
  const auto it = pins_.find(candidate.kind + "." + candidate.id);
  return it == pins_.end() ? nullptr : &it->second;
}

namespace {

bool ComesWithTheProgram(const TrustPolicy::Candidate& candidate) {
  return candidate.in_own_dir && candidate.id.find('.') == std::string::npos;
}

}  // namespace

Status TrustPolicy::Screen(const Candidate& candidate) const {
  if (kind_ == Kind::kOwner || PinOf(candidate) != nullptr || ComesWithTheProgram(candidate)) {
    return OkStatus();
  }
  if (kind_ == Kind::kPinned) {
    return PermissionDenied("plugins.trust is \"pinned\" and plugins.pins has no \"" +
                            candidate.kind + "." + candidate.id +
                            "\"; add it with the digest that sha256sum prints");
  }
  SHOJI_ASSIGN_OR_RETURN(const minisign::Signature signature, ReadSignature(candidate.path));
  return KeyFor(candidate, signature.key_id).status();
}

Result<minisign::Signature> TrustPolicy::ReadSignature(const std::string& plugin_path) const {
  const std::string path = plugin_path + ".minisig";
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) {
    return PermissionDenied("plugins.trust is \"signed\" and there is no signature " + path);
  }
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "cannot stat " + path);
  if (!S_ISREG(st.st_mode)) return PermissionDenied(path + " is not a regular file");
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadAll(fd.get(), kMaxSignature));
  Result<minisign::Signature> signature = minisign::ParseSignature(text);
  if (!signature.ok()) return std::move(signature).status().WithContext(path);
  return signature;
}

Result<const TrustPolicy::Key*> TrustPolicy::KeyFor(const Candidate& candidate,
                                                    const minisign::KeyId& id) const {
  if (revoked_.count(id) != 0) {
    return PermissionDenied("it is signed by key " + id + ", which plugins.revoked names");
  }
  const Key* other = nullptr;
  for (const Key& key : keys_) {
    if (key.key.id != id) continue;
    other = &key;
    if (candidate.id.compare(0, key.vendor.size(), key.vendor) == 0 &&
        key.kinds.count(candidate.kind) != 0) {
      return &key;
    }
  }
  if (other == nullptr) {
    return PermissionDenied("it is signed by key " + id + ", which plugins.keys does not have");
  }
  const std::vector<std::string> kinds(other->kinds.begin(), other->kinds.end());
  return PermissionDenied("it is signed by key " + id + " (" + other->name +
                          "), which may sign ids that begin with \"" + other->vendor +
                          "\" of the kinds " + Join(kinds, ", ") + ", not the " + candidate.kind +
                          " plugin \"" + candidate.id + "\"");
}

Result<TrustPolicy::Verified> TrustPolicy::Verify(const Candidate& candidate, UniqueFd file) const {
  const std::string* pin = PinOf(candidate);
  if (pin == nullptr && ComesWithTheProgram(candidate)) {
    return Verified{std::move(file), "comes with the program"};
  }
  if (pin == nullptr && kind_ == Kind::kOwner) {
    std::string text = OwnerText(file.get());
    return Verified{std::move(file), std::move(text)};
  }
  if (pin != nullptr) {
    Sha256 hash;
    SHOJI_ASSIGN_OR_RETURN(UniqueFd checked,
                           ReadFixed(std::move(file), [&](std::string_view b) { hash.Update(b); }));
    const std::string hex = hash.Hex();
    if (hex == *pin) return Verified{std::move(checked), "pinned: sha256:" + hex};
    return PermissionDenied("its digest is sha256:" + hex +
                            ", but plugins.pins says sha256:" + *pin);
  }
  SHOJI_RETURN_IF_ERROR(Screen(candidate));
  SHOJI_ASSIGN_OR_RETURN(const minisign::Signature signature, ReadSignature(candidate.path));
  SHOJI_ASSIGN_OR_RETURN(const Key* key, KeyFor(candidate, signature.key_id));
  minisign::Verifier verifier(signature);
  SHOJI_ASSIGN_OR_RETURN(UniqueFd checked, ReadFixed(std::move(file), [&](std::string_view b) {
                           verifier.Update(b);
                         }));
  SHOJI_RETURN_IF_ERROR(verifier.Verify(key->key));
  return Verified{std::move(checked), "signed by key " + key->key.id + " (" + key->name + ")"};
}

}  // namespace shoji
