// Processes: what they run, see and are, and how they end.
#include <signal.h>
#include <sys/wait.h>

#include "jail/test_bed.h"

namespace shoji::jail {
namespace {

using ::testing::Test;

class ContainerTest : public Bed {};

TEST_F(ContainerTest, RunsAProgramAndTellsItsExitCode) {
  const Outcome outcome = Shell("echo out; echo err >&2; exit 42");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.code, 42);
}

}  // namespace
}  // namespace shoji::jail
