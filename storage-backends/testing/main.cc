#include <gmock/gmock.h>

#include "register.h"
#include "store_suite.h"

namespace shoji::store_testing {

int RunStoreTests(int argc, char** argv, const Subject& subject) {
  testing::InitGoogleMock(&argc, argv);
  RegisterSuite(subject);
  return RUN_ALL_TESTS();
}

}  // namespace shoji::store_testing
