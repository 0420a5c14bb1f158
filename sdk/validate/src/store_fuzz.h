// Random calls on a store, compared with a map in memory.
//
// Purpose  Finds what no single check thinks of: an order of open, close, save, load, remove,
//          scan and apply on several handles, some with deadlines that have passed or callers
//          that give up, after which the store and the model differ.
// Threads  One.
#ifndef SHOJI_VALIDATE_STORE_FUZZ_H_
#define SHOJI_VALIDATE_STORE_FUZZ_H_

#include "check.h"

namespace shoji::validate {

// Target::seed gives the sequence; a failure names step and seed.
Verdict StoreFuzz(const Target& target);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_STORE_FUZZ_H_
