// Which plugin files may be loaded, beyond who could have written them (trust.h).
//
// Purpose  plugins.trust in the configuration:
//            owner   the check of trust.h is enough.
//            pinned  besides, the file has the SHA-256 that [plugins.pins] holds for it.
//            signed  besides, FILE.minisig is a signature of it, by a key of [plugins.keys]
//                    that may sign such ids and kinds and is not in plugins.revoked.
//          A pin counts under each of them: what is pinned has to match.
// Ours     Plugins that come with the program need neither pin nor signature: whoever could
//          change them could change the program. Theirs are the ids without a vendor's
//          prefix, in the program's own plugin directory; a vendor's plugin that is
//          installed there is checked like everywhere else.
// Bytes    Verify() gives the descriptor of the bytes that were verified, and those are
//          loaded. Between the two, and for as long as the file is mapped, its owner could
//          still write into it. When that is root, it is left at that: root can replace this
//          program as well, a copy would cost memory that processes cannot share, and each
//          copy would stay loaded for the life of the process. When it is not (we run as an
//          ordinary user), the bytes are copied into a sealed memory file first.
// Threads  Constant after FromConfig().
// Example
//     SHOJI_ASSIGN_OR_RETURN(const TrustPolicy policy, TrustPolicy::FromConfig(config));
//     SHOJI_RETURN_IF_ERROR(policy.Screen(candidate));             // reads no plugin
//     SHOJI_ASSIGN_OR_RETURN(auto verified, policy.Verify(candidate, std::move(fd)));
#ifndef SHOJI_CORE_PLUGIN_TRUST_POLICY_H_
#define SHOJI_CORE_PLUGIN_TRUST_POLICY_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/minisign/minisign.h"
#include "shoji/status.h"

namespace shoji {

class Config;

class TrustPolicy {
 public:
  enum class Kind { kOwner, kPinned, kSigned };

  // What is to be judged, as its note and its place say.
  struct Candidate {
    std::string kind;
    std::string id;
    std::string path;
    bool in_own_dir = false;  // the plugin directory that belongs to the program
  };
  struct Verified {
    UniqueFd file;      // load this one
    std::string trust;  // for people: "signed by key E7620F1842B4E81F (example)"
  };

  TrustPolicy() = default;  // owner
  // INVALID_ARGUMENT names the place in the configuration.
  static Result<TrustPolicy> FromConfig(const Config& config);

  // Whether Verify() can succeed, as far as can be told without reading the plugin: there is
  // a pin, or a signature by a key that may have made it. PERMISSION_DENIED says what is
  // missing.
  Status Screen(const Candidate& candidate) const;

  // Reads and judges the bytes. Opens what it returns, if need be, beside `file`.
  Result<Verified> Verify(const Candidate& candidate, UniqueFd file) const;

 private:
  struct Key {
    std::string name;  // the operator's
    minisign::PublicKey key;
    std::string vendor;
    std::set<std::string> kinds;
  };

  Status ReadPins(const Config& config);
  Status ReadKeys(const Config& config);
  Status ReadRevoked(const Config& config);
  const std::string* PinOf(const Candidate& candidate) const;
  Result<minisign::Signature> ReadSignature(const std::string& plugin_path) const;
  Result<const Key*> KeyFor(const Candidate& candidate, const minisign::KeyId& id) const;

  Kind kind_ = Kind::kOwner;
  std::map<std::string, std::string> pins_;  // "store.kv" -> 64 hexadecimal digits
  std::vector<Key> keys_;
  std::set<minisign::KeyId> revoked_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_TRUST_POLICY_H_
