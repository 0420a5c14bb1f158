#include "shoji/types.h"

#include <array>
#include <utility>

namespace shoji {
namespace {

constexpr std::array<std::pair<State, std::string_view>, 4> kNames = {{
    {State::kReady, "ready"},
    {State::kRunning, "running"},
    {State::kPaused, "paused"},
    {State::kStopped, "stopped"},
}};

}  // namespace

std::string_view StateName(State state) {
  for (const auto& [value, name] : kNames) {
    if (value == state) return name;
  }
  return "invalid";
}

Result<State> ParseState(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return InvalidArgument("unknown state \"" + std::string(name) +
                         "\"; use ready, running, paused or stopped");
}

bool MayMove(State from, State to) {
  switch (from) {
    case State::kReady:
    case State::kPaused:
      return to == State::kRunning || to == State::kStopped;
    case State::kRunning:
      return to == State::kPaused || to == State::kStopped;
    case State::kStopped:
      return to == State::kRunning;
  }
  return false;
}

}  // namespace shoji
