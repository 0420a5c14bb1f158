// Against a scripted QEMU; real ones are met by tests/qemu.
#include "agent_port.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::qemu {
namespace {

constexpr char kGreeting[] =
    "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7}},\"capabilities\":[]}}"
    "\n";

std::string Chardevs(bool open) {
  return std::string(R"([{"label":"qmp0","frontend-open":true},{"label":"charch0",)") +
         R"("frontend-open":)" + (open ? "true" : "false") + "}]";
}
std::string Change(const std::string& device, bool open) {
  return R"({"event":"VSERPORT_CHANGE","timestamp":{"seconds":1,"microseconds":2},"data":{"id":")" +
         device + R"(","open":)" + (open ? "true" : "false") + "}}\n";
}

// What it answers to one query-chardev after the other, and says after each of them.
struct Turn {
  std::string chardevs;
  std::string events;
};

class AgentPortTest : public ::testing::Test {
 protected:
  Status Await(std::vector<Turn> turns) {
    auto pair = SocketPair();
    EXPECT_TRUE(pair.ok());
    std::thread qemu(Answer, std::move(pair->second), std::move(turns));
    Status status;
    {
      const QmpLimit limit{Deadline::After(std::chrono::seconds(20))};
      const auto monitor = QmpClient::Open(std::move(pair->first), limit);
      EXPECT_TRUE(monitor.ok());
      status = AwaitPortOpen(**monitor, kAgentPort, limit);
    }
    qemu.join();
    return status;
  }

 private:
  static std::string Line(int fd) {
    std::string line;
    char c = 0;
    while (read(fd, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }
  // Hangs up when its turns are over.
  static void Answer(UniqueFd fd, std::vector<Turn> turns) {
    static_cast<void>(WriteAll(fd.get(), kGreeting).ok());
    for (std::size_t at = 0; at <= turns.size(); ++at) {
      const auto command = nlohmann::json::parse(Line(fd.get()), nullptr, false);
      if (!command.is_object()) return;
      const bool first = command["execute"] == "qmp_capabilities";
      const std::string what = first ? "{}" : turns[at - 1].chardevs;
      const std::string text = R"({"return":)" + what + R"(,"id":)" + command["id"].dump() + "}\n";
      static_cast<void>(WriteAll(fd.get(), text + (first ? "" : turns[at - 1].events)).ok());
    }
  }
};

TEST_F(AgentPortTest, OpenAlready) { EXPECT_TRUE(Await({{Chardevs(true), ""}}).ok()); }

TEST_F(AgentPortTest, WaitsForTheRightEvent) {
  const Status status =
      Await({{Chardevs(false),
              Change("console0", true) + Change("channel0", false) + Change("channel0", true)},
             {Chardevs(true), ""}});
  EXPECT_TRUE(status.ok()) << status.message();
}

// An event of earlier is not believed: the agent may have closed its port since.
TEST_F(AgentPortTest, ClosedAgainIsNotOpen) {
  const Status status = Await({{Chardevs(false), Change("channel0", true)},
                               {Chardevs(false), Change("channel0", true)},
                               {Chardevs(true), ""}});
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_F(AgentPortTest, QemuThatEndsOrTalksNonsense) {
  EXPECT_EQ(Await({{Chardevs(false), ""}}).code(), StatusCode::kUnavailable);
  EXPECT_EQ(Await({{"{}", ""}}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Await({{"[]", ""}}).code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace shoji::qemu
