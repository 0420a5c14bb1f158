#include "store_checks_bench.h"

#include <algorithm>

namespace shoji::validate {
namespace {

std::string NameOf(std::int32_t code) { return CodeName(code); }

std::string NamesOf(const std::vector<std::int32_t>& codes) {
  std::string out;
  for (const std::int32_t code : codes) out += (out.empty() ? "" : " or ") + NameOf(code);
  return out;
}

}  // namespace

Bench::Bench(const StoreSubject& subject, std::string_view name)
    : subject_(subject), prefix_(subject.key_prefix + "/" + std::string(name) + "/") {
  Reopen();
}

Bench::~Bench() {
  if (!ok()) return;
  for (const std::string& key : keys_) (void)handle_->Remove(key);
}

void Bench::Reopen() {
  handle_.reset();
  handle_ = std::make_unique<Handle>(subject_);
  ExpectOk(handle_->open_answer(), "open()");
  Expect(!handle_->open_answer().ok() || handle_->ok(), "open() succeeds without a handle");
}

std::string Bench::Key(std::string_view rest) {
  return *keys_.insert(prefix_ + std::string(rest)).first;
}

void Bench::Expect(bool condition, const std::string& reason) {
  if (!condition && !failed()) verdict_ = Fail(reason);
}

void Bench::Warn(const std::string& reason) {
  if (verdict_.outcome == Outcome::kPass) verdict_ = shoji::validate::Warn(reason);
}

void Bench::ExpectCode(const Answer& answer, const std::vector<std::int32_t>& codes,
                       const std::string& what) {
  const bool expected = std::find(codes.begin(), codes.end(), answer.code) != codes.end();
  Expect(expected, what + " gave " + answer.Text() + " instead of " + NamesOf(codes));
  const std::string misconduct = answer.Misconduct();
  Expect(misconduct.empty(), what + ": " + misconduct);
  Expect(answer.ok() || answer.value.empty(),
         what + " gave " + answer.Text() + " after it had written a part of the value");
}

void Bench::ExpectOk(const Answer& answer, const std::string& what) {
  ExpectCode(answer, {SHOJI_OK}, what);
}

void Bench::Save(std::string_view rest, std::string_view value, const shoji_call* call) {
  const std::string key = Key(rest);
  ExpectOk(handle_->Save(key, value, call),
           "save() of " + std::to_string(value.size()) + " bytes under " + Show(key));
}

void Bench::Remove(std::string_view rest, const shoji_call* call) {
  const std::string key = Key(rest);
  ExpectOk(handle_->Remove(key, call), "remove() of " + Show(key));
}

void Bench::Apply(const std::vector<Change>& changes) {
  ExpectOk(handle_->Apply(changes),
           "apply() of " + std::to_string(changes.size()) + " legal changes");
}

void Bench::ExpectValue(std::string_view rest, std::string_view value, const shoji_call* call) {
  const std::string key = Key(rest);
  const Answer answer = handle_->Load(key, call);
  ExpectOk(answer, "load() of " + Show(key));
  Expect(!answer.ok() || answer.value == value,
         "load() of " + Show(key) + " gave " + Show(answer.value) + " instead of " + Show(value));
}

void Bench::ExpectAbsent(std::string_view rest) {
  const std::string key = Key(rest);
  ExpectCode(handle_->Load(key), {SHOJI_NOT_FOUND}, "load() of the absent key " + Show(key));
}

std::vector<std::string> Bench::ScanOf(std::string_view rest) {
  const std::string prefix = prefix_ + std::string(rest);
  std::vector<std::string> keys;
  ExpectOk(handle_->Scan(prefix, &keys), "scan() of " + Show(prefix));
  return keys;
}

void Bench::ExpectKeys(std::string_view rest, const std::vector<std::string>& rests) {
  const std::vector<std::string> seen = ScanOf(rest);
  const std::string what = "scan() of " + Show(prefix_ + std::string(rest));
  Expect(seen.size() == rests.size(), what + " gave " + std::to_string(seen.size()) +
                                          " keys instead of " + std::to_string(rests.size()));
  for (std::size_t i = 0; i < std::min(seen.size(), rests.size()); ++i) {
    const std::string wanted = prefix_ + rests[i];
    Expect(seen[i] == wanted,
           what + " gave " + Show(seen[i]) + " where " + Show(wanted) + " comes by byte order");
  }
}

}  // namespace shoji::validate
