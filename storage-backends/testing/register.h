// Tests that are known only when the program runs: one for each check, kill or damage.
//
// Example  Register("Suite", "store-replace", [] { EXPECT_EQ(...); });
#ifndef SHOJI_STORE_TESTING_REGISTER_H_
#define SHOJI_STORE_TESTING_REGISTER_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "store_suite.h"

namespace shoji::store_testing {

class BodyTest : public testing::Test {
 public:
  explicit BodyTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

inline void Register(const std::string& suite, const std::string& name,
                     const std::function<void()>& body) {
  testing::RegisterTest(suite.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                        [body]() -> BodyTest* { return new BodyTest(body); });
}

// The checks of the conformance kit. `subject` outlives the tests.
void RegisterSuite(const Subject& subject);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_REGISTER_H_
