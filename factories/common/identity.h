// What a guest is given that no other one may have: random bytes, and the time.
//
// Threads  Safe, no state.
// Errors   A status is our own failure; the code is that of the agent's call, told in `error`.
// Example  SHOJI_ASSIGN_OR_RETURN(const std::int32_t code, ReseedGuest(table, agent, call, error));
#ifndef SHOJI_FACTORIES_COMMON_IDENTITY_H_
#define SHOJI_FACTORIES_COMMON_IDENTITY_H_

#include <cstdint>

#include "shoji/plugin/agent.h"
#include "shoji/status.h"

namespace shoji::factories {

Result<std::int32_t> ReseedGuest(const shoji_agent_v1& table, shoji_agent* agent,
                                 const shoji_call* call, shoji_error* error);
std::int32_t SetGuestClock(const shoji_agent_v1& table, shoji_agent* agent, const shoji_call* call,
                           shoji_error* error);

}  // namespace shoji::factories

#endif  // SHOJI_FACTORIES_COMMON_IDENTITY_H_
