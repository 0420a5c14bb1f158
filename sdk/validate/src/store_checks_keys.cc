// Which keys are legal, and that each legal one is a key of its own.
#include "store_checks_bench.h"
#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

// Save, load, remove and apply refuse `key`, and nothing is left.
void ExpectRefused(Bench& b, const std::string& key, const std::string& what) {
  const std::vector<std::int32_t> refusal = {SHOJI_INVALID_ARGUMENT};
  const std::string shown = " of a key with " + what + ", " + Show(key) + ",";
  b.ExpectCode(b.handle().Save(key, "x"), refusal, "save()" + shown);
  b.ExpectCode(b.handle().Load(key), refusal, "load()" + shown);
  b.ExpectCode(b.handle().Remove(key), refusal, "remove()" + shown);
  if (!b.handle().CanApply()) return;
  b.ExpectCode(b.handle().Apply({{SHOJI_STORE_OP_SAVE, key, "x"}}), refusal,
               "apply() of a save" + shown);
  b.ExpectCode(b.handle().Apply({{SHOJI_STORE_OP_REMOVE, key, ""}}), refusal,
               "apply() of a removal" + shown);
}

// Each key holds a value of its own, and scan() shows exactly them.
void ExpectDistinct(Bench& b, const std::vector<std::string>& rests) {
  for (const std::string& rest : rests) b.Save(rest, "value of " + rest);
  for (const std::string& rest : rests) b.ExpectValue(rest, "value of " + rest);
  if (b.handle().CanScan()) {
    b.ExpectKeys("", {rests});
  }
  for (const std::string& rest : rests) {
    b.Remove(rest);
    b.ExpectAbsent(rest);
  }
}

std::vector<std::string> Sorted(std::vector<std::string> texts) {
  const std::set<std::string> sorted(texts.begin(), texts.end());
  return {sorted.begin(), sorted.end()};
}

std::string Padded(Bench& b, std::size_t size) {
  std::string key = b.Key("long/");
  key.append(size - key.size(), 'k');
  return key.substr(b.Key("").size());  // the rest
}

Verdict LongestKey(const StoreSubject& subject) {
  Bench b(subject, "longest-key");
  if (!b.ok()) return b.verdict();
  const std::string one_component = Padded(b, SHOJI_STORE_KEY_MAX);
  b.Save(one_component, "512");
  b.ExpectValue(one_component, "512");
  std::string many_components = Padded(b, SHOJI_STORE_KEY_MAX);
  for (std::size_t i = 6; i + 1 < many_components.size(); i += 2) many_components[i] = '/';
  b.Save(many_components, "deep");
  b.ExpectValue(many_components, "deep");
  b.ExpectValue(one_component, "512");
  if (b.handle().CanScan()) b.ExpectKeys("", Sorted({one_component, many_components}));
  return b.verdict();
}

Verdict TooLongKey(const StoreSubject& subject) {
  Bench b(subject, "too-long-key");
  if (!b.ok()) return b.verdict();
  ExpectRefused(b, b.Key(Padded(b, SHOJI_STORE_KEY_MAX + 1)), "513 bytes");
  ExpectRefused(b, b.Key(Padded(b, 70000)), "70000 bytes");
  return b.verdict();
}

Verdict EmptyKey(const StoreSubject& subject) {
  Bench b(subject, "empty-key");
  if (!b.ok()) return b.verdict();
  ExpectRefused(b, "", "0 bytes");
  return b.verdict();
}

Verdict DotKey(const StoreSubject& subject) {
  Bench b(subject, "dot-key");
  if (!b.ok()) return b.verdict();
  for (const std::string rest : {".", "a/.", "./a", "a/./b"}) {
    ExpectRefused(b, b.Key(rest), "the component \".\"");
  }
  for (const std::string rest : {"..", "a/..", "../a", "a/../b", "../../../../etc/x"}) {
    ExpectRefused(b, b.Key(rest), "the component \"..\"");
  }
  return b.verdict();
}

Verdict EmptyComponent(const StoreSubject& subject) {
  Bench b(subject, "empty-component");
  if (!b.ok()) return b.verdict();
  ExpectRefused(b, b.Key("a//b"), "an empty component");
  ExpectRefused(b, b.Key("a/"), "a slash at its end");
  ExpectRefused(b, "/" + b.Key("a"), "a slash in front");
  ExpectRefused(b, "/", "nothing but a slash");
  return b.verdict();
}

Verdict NulKey(const StoreSubject& subject) {
  Bench b(subject, "nul-key");
  if (!b.ok()) return b.verdict();
  b.Save("a", "untouched");
  ExpectRefused(b, b.Key(std::string("a\0b", 3)), "a NUL byte");
  ExpectRefused(b, b.Key(std::string("a\0", 2)), "a NUL byte at its end");
  ExpectRefused(b, std::string(1, '\0'), "nothing but a NUL byte");
  b.ExpectValue("a", "untouched");
  return b.verdict();
}

Verdict NotUtf8(const StoreSubject& subject) {
  Bench b(subject, "not-utf8");
  if (!b.ok()) return b.verdict();
  for (const std::string rest :
       {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf0\x9f\x8f", "\xe2\x82/b"}) {
    ExpectRefused(b, b.Key(rest), "bytes that are not UTF-8");
  }
  return b.verdict();
}

Verdict Newline(const StoreSubject& subject) {
  Bench b(subject, "newline");
  if (!b.ok()) return b.verdict();
  ExpectDistinct(b, Sorted({"\n", "a", "a\n", "a\nb", "a\r\n", "a\tb"}));
  return b.verdict();
}

Verdict Unicode(const StoreSubject& subject) {
  Bench b(subject, "unicode");
  if (!b.ok()) return b.verdict();
  // The two forms of "e with acute" look the same and are different keys.
  ExpectDistinct(b, Sorted({"\xc3\xa9", "e\xcc\x81", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x8f\xa0",
                            "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf", "\xe2\x80\xae"}));
  return b.verdict();
}

Verdict OddKeys(const StoreSubject& subject) {
  Bench b(subject, "odd-keys");
  if (!b.ok()) return b.verdict();
  ExpectDistinct(
      b, Sorted({"A",     "a",    "a ",   " a",  "a.",   ".a", "...",    "a=",    "a%",   "a%62",
                 "a%2Fb", "a+",   "a\\b", "a'b", "a\"b", "a*", "a?",     "a_",    "a;--", "a$(b)",
                 "~",     "\x01", "\x7f", "a:b", "#",    "@",  "a.lock", "a.tmp", "LOCK"}));
  return b.verdict();
}

Verdict PathPrefix(const StoreSubject& subject) {
  Bench b(subject, "path-prefix");
  if (!b.ok()) return b.verdict();
  ExpectDistinct(b, Sorted({"a", "a/b", "a/b/c", "ab", "a/bc"}));
  b.Save("p/q", "below");
  b.Save("p", "above");
  b.Remove("p");
  b.ExpectValue("p/q", "below");
  b.Save("p", "above");
  b.Remove("p/q");
  b.ExpectValue("p", "above");
  return b.verdict();
}

}  // namespace

void AddKeyChecks(std::vector<StoreCheck>* checks) {
  checks->insert(
      checks->end(),
      {{"store-key-longest", "keys of 512 bytes, as one component and as many", LongestKey},
       {"store-key-too-long", "a key of 513 bytes is INVALID_ARGUMENT", TooLongKey},
       {"store-key-empty", "the empty key is INVALID_ARGUMENT", EmptyKey},
       {"store-key-dots", "components \".\" and \"..\" are INVALID_ARGUMENT", DotKey},
       {"store-key-empty-component", "empty components are INVALID_ARGUMENT", EmptyComponent},
       {"store-key-nul", "NUL bytes are INVALID_ARGUMENT and cut nothing", NulKey},
       {"store-key-not-utf8", "what is not UTF-8 is INVALID_ARGUMENT", NotUtf8},
       {"store-key-newline", "newlines and tabs are legal", Newline},
       {"store-key-unicode", "keys are bytes: nothing is normalised", Unicode},
       {"store-key-odd", "case, blanks, quotes, wildcards: each key is its own", OddKeys},
       {"store-key-path-prefix", "\"a\" and \"a/b\" live side by side", PathPrefix}});
}

}  // namespace shoji::validate
