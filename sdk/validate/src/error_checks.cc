// How a plugin fails: its codes, its messages, its outputs, and what it must keep secret.
#include <unistd.h>

#include <algorithm>
#include <random>

#include "kinds.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

// Provokes failures; `judge` gives what is wrong with one of them, or nothing.
template <typename Judge>
Verdict JudgeRefusals(const Target& target, Judge judge) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  Provoker provoker;
  FindKind(target.note->kind)->provoke(*session, provoker);
  for (const Refusal& refusal : provoker.refusals()) {
    if (const std::string problem = judge(refusal); !problem.empty()) {
      return Fail(refusal.what + " " + problem);
    }
  }
  return Pass();
}

std::string CodeProblem(const Refusal& refusal) { return refusal.bad_code.value_or(""); }

std::string MessageProblem(const Refusal& refusal) { return refusal.bad_message.value_or(""); }

std::string OutputProblem(const Refusal& refusal) {
  if (refusal.code == SHOJI_OK || !refusal.touched) return {};
  return "fails and changes its output";
}

std::string RefusalProblem(const Refusal& refusal) {
  if (refusal.code == SHOJI_OK) return refusal.may_succeed ? "" : "succeeds";
  const auto& expected = refusal.expected;
  if (expected.empty() || std::count(expected.begin(), expected.end(), refusal.code) > 0) return {};
  // Another check says so.
  if (refusal.bad_code) return {};
  std::vector<std::string> names;
  for (const std::int32_t code : expected) names.push_back(CodeName(code));
  return "fails with " + CodeName(refusal.code) + " (" + refusal.message + "); right is " +
         Join(names, " or ");
}

Verdict NullError(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  Provoker provoker(true);
  FindKind(target.note->kind)->provoke(*session, provoker);
  return Pass();
}

std::string NewSecret(std::uint64_t seed) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::mt19937_64 random(seed);
  std::string out = "canary";
  for (int i = 0; i < 24; ++i) out += kLetters[random() % kLetters.size()];
  return out;
}

// Everything that a plugin says, on every way that people can read.
std::vector<std::string> Everything(Session& session, const Provoker& provoker,
                                    const Verdict& life) {
  std::vector<std::string> all = session.host().Heard();
  all.push_back(life.reason);
  for (const Refusal& refusal : provoker.refusals()) {
    all.push_back(refusal.message);
    all.insert(all.end(), refusal.details.begin(), refusal.details.end());
  }
  fflush(nullptr);
  for (const char* const stream : {"/proc/self/fd/1", "/proc/self/fd/2"}) {
    const Result<std::string> target_of = [&]() -> Result<std::string> {
      char buffer[4096];
      const ssize_t size = readlink(stream, buffer, sizeof(buffer));
      if (size <= 0 || buffer[0] != '/') return NotFound("no file");
      return std::string(buffer, static_cast<std::size_t>(size));
    }();
    // What a check prints goes to a file, see runner.cc.
    if (!target_of.ok()) continue;
    if (const Result<std::string> text = ReadFile(*target_of, 1U << 20U); text.ok()) {
      all.push_back(*text);
    }
  }
  return all;
}

Verdict KeepsSecrets(const Target& target) {
  const auto& options = target.note->options;
  if (std::none_of(options.begin(), options.end(),
                   [](const NoteOption& o) { return o.HasFlag("secret"); })) {
    return Skip("no option is flagged secret");
  }
  // Each is read by shoji.secrets/1; plugins that keep it as it is see the reference.
  const std::string canary = NewSecret(target.seed);
  KIT_ASSIGN(const auto session, Session::Open(target, {}, "text:" + canary));
  const Verdict life = FindKind(target.note->kind)->live(*session);
  Provoker provoker;
  FindKind(target.note->kind)->provoke(*session, provoker);
  session->Shutdown();
  for (const std::string& said : Everything(*session, provoker, life)) {
    KIT_EXPECT(said.find(canary) == std::string::npos,
               "the value of a secret option is in a log line, an error or the output: " +
                   said.substr(0, 200));
  }
  return Pass();
}

}  // namespace

std::vector<Check> ErrorChecks() {
  const std::vector<std::string> needs = {kInstance};
  return {
      {"error-codes", "what fails returns one of the 16 codes, the one its error says", 12, "",
       needs, [](const Target& t) { return JudgeRefusals(t, CodeProblem); }},
      {"error-messages", "what fails says why, in one line", 12, "", needs,
       [](const Target& t) { return JudgeRefusals(t, MessageProblem); }},
      {"error-outputs", "what fails leaves its outputs alone", 12, "", needs,
       [](const Target& t) { return JudgeRefusals(t, OutputProblem); }},
      {"error-refusals", "wrong arguments are refused with the code that the header names", 11, "",
       needs, [](const Target& t) { return JudgeRefusals(t, RefusalProblem); }},
      {"error-null", "NULL as shoji_error is allowed in every call", 13, "", needs, NullError},
      {"secrets", "the value of a secret option is nowhere to be read", 19, "", needs,
       KeepsSecrets},
  };
}

}  // namespace shoji::validate
