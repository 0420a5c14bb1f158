// Stores in places that do not let them work: full disks, missing rights, foreign and damaged
// files.
//
// Purpose  In each the store says what is wrong, with the right code and the path; what was
//          saved before stays; and it works again when the place is mended.
// Threads  The main thread. Mounts are made in a child with a mount namespace of its own.
// Example  RegisterBadPlaceTests(subject);
#ifndef SHOJI_STORE_TESTING_BAD_PLACES_H_
#define SHOJI_STORE_TESTING_BAD_PLACES_H_

#include <map>
#include <string>

#include "child.h"
#include "store_suite.h"

namespace shoji::store_testing {

void RegisterBadPlaceTests(const Subject& subject);
void AddBadPlaceRoles(std::map<std::string, Role>* roles);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_BAD_PLACES_H_
