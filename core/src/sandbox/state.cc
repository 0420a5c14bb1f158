#include "sandbox/state.h"

#include <string>

namespace shoji {

Status CheckMove(State from, State to, std::string_view what) {
  if (MayMove(from, to)) return OkStatus();
  return FailedPrecondition(std::string(what) + " cannot move from " +
                            std::string(StateName(from)) + " to " + std::string(StateName(to)));
}

Status Move(State& state, State to, std::string_view what) {
  SHOJI_RETURN_IF_ERROR(CheckMove(state, to, what));
  state = to;
  return OkStatus();
}

}  // namespace shoji
