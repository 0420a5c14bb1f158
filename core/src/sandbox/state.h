// The one place where a state changes.
//
// Threads  Safe, no state of its own.
// Example  SHOJI_RETURN_IF_ERROR(Move(record.state, State::kRunning, "sandbox \"web\""));
#ifndef SHOJI_CORE_SANDBOX_STATE_H_
#define SHOJI_CORE_SANDBOX_STATE_H_

#include <string_view>

#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

// OK when `from` may become `to`; FAILED_PRECONDITION names `what` and both states.
Status CheckMove(State from, State to, std::string_view what);

// Changes `state`, which keeps its value on failure.
Status Move(State& state, State to, std::string_view what);

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_STATE_H_
