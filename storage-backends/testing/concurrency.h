// Many processes at one store.
//
// Threads  The main thread.
// Example  RegisterConcurrencyTests(subject);
#ifndef SHOJI_STORE_TESTING_CONCURRENCY_H_
#define SHOJI_STORE_TESTING_CONCURRENCY_H_

#include <map>
#include <string>

#include "child.h"
#include "store_suite.h"

namespace shoji::store_testing {

void RegisterConcurrencyTests(const Subject& subject);
void AddConcurrencyRoles(std::map<std::string, Role>* roles);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_CONCURRENCY_H_
