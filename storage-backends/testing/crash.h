// What a store holds after its writer was killed.
//
// Purpose  A child streams saves, removals and transactions, and tells the number of each when
//          it has returned. The parent kills it at a random moment, opens the store, and finds
//          every change that was told, and the one under way whole or not at all. All numbers
//          follow from the seed, which is printed; STORE_CRASH_SEED sets it.
// Threads  The main thread.
// Example  RegisterCrashTests(subject);
#ifndef SHOJI_STORE_TESTING_CRASH_H_
#define SHOJI_STORE_TESTING_CRASH_H_

#include <map>
#include <string>

#include "child.h"
#include "store_suite.h"

namespace shoji::store_testing {

void RegisterCrashTests(const Subject& subject);
void AddCrashRoles(std::map<std::string, Role>* roles);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_CRASH_H_
