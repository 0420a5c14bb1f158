#include <gmock/gmock.h>

#include "bad_places.h"
#include "child.h"
#include "concurrency.h"
#include "crash.h"
#include "register.h"
#include "store_suite.h"

namespace shoji::store_testing {

int RunStoreTests(int argc, char** argv, const Subject& subject) {
  const int played = PlayRole(argc, argv, subject);
  if (played >= 0) return played;
  testing::InitGoogleMock(&argc, argv);
  RegisterSuite(subject);
  RegisterCrashTests(subject);
  RegisterConcurrencyTests(subject);
  RegisterBadPlaceTests(subject);
  return RUN_ALL_TESTS();
}

}  // namespace shoji::store_testing
