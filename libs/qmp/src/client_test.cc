// QmpClient against a scripted other side that may lie, stutter, hang up or keep silent.
#include "shoji/qmp/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr char kGreeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, "
    "\"capabilities\": []}}\r\n";

QmpLimit Soon() { return {Deadline::After(seconds(20))}; }
QmpLimit Shortly() { return {Deadline::After(milliseconds(50))}; }

// The other end of the socket, in the hands of a script.
class Script {
 public:
  explicit Script(UniqueFd fd) : fd_(std::move(fd)) {}
  void Say(std::string_view text) { (void)WriteAll(fd_.get(), text).ok(); }
  // One line of the client; empty when it has hung up.
  std::string Hear() {
    std::string line;
    char c = 0;
    while (read(fd_.get(), &c, 1) == 1 && c != '\n') line += c;
    return line;
  }
  void Greet() {
    Say(kGreeting);
    EXPECT_THAT(Hear(), HasSubstr("qmp_capabilities"));
    Say("{\"return\": {}, \"id\": 1}\r\n");
  }
  // Until the client hangs up.
  void Linger() {
    while (!Hear().empty()) {
    }
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

class QmpTest : public testing::Test {
 protected:
  // Runs the script and opens a client against it.
  Result<std::unique_ptr<QmpClient>> Open(std::function<void(Script&)> script,
                                          QmpLimit limit = Soon()) {
    auto pair = SocketPair();
    EXPECT_TRUE(pair.ok());
    server_ = std::thread([script = std::move(script), fd = std::move(pair->second)]() mutable {
      Script side(std::move(fd));
      script(side);
    });
    return QmpClient::Open(std::move(pair->first), limit);
  }
  void TearDown() override {
    if (server_.joinable()) server_.join();
  }

 private:
  std::thread server_;
};

TEST_F(QmpTest, GreetsAndExecutes) {
  auto client = Open([](Script& s) {
    s.Greet();
    const std::string line = s.Hear();
    EXPECT_THAT(line, HasSubstr("\"execute\":\"stop\""));
    EXPECT_THAT(line, HasSubstr("\"arguments\":{\"a\":1}"));
    s.Say("{\"return\": {\"x\": [1, 2]}, \"id\": 2}\r\n");
  });
  ASSERT_TRUE(client.ok()) << client.status().message();
  EXPECT_EQ((*client)->version().major, 7);
  EXPECT_EQ((*client)->version().minor, 2);
  EXPECT_EQ((*client)->version().micro, 22);
  EXPECT_EQ((*client)->Execute("stop", "{\"a\": 1}", Soon()).value(), "{\"x\":[1,2]}");
}

TEST_F(QmpTest, SplitAndJoinedMessages) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    const std::string all =
        "\r\n{\"event\": \"A\", \"timestamp\": {\"seconds\": 3, \"microseconds\": 4}}\r\n\n"
        "{\"event\": \"B\", \"data\": {\"n\": 1}}\n{\"return\": 5, \"id\": 2}\r\n";
    for (const char c : all) s.Say(std::string_view(&c, 1));
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("x", "", Soon()).value(), "5");
  const auto a = (*client)->NextEvent();
  ASSERT_TRUE(a.has_value());
  EXPECT_EQ(a->name, "A");
  EXPECT_EQ(a->seconds, 3);
  EXPECT_EQ(a->microseconds, 4);
  EXPECT_EQ((*client)->NextEvent()->data, "{\"n\":1}");
  EXPECT_FALSE((*client)->NextEvent().has_value());
}

TEST_F(QmpTest, ErrorsCarryClassAndText) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Say("{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no x\"},\"id\":2}\n");
    s.Hear();
    s.Say("{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"no d\"},\"id\":3}\n");
    s.Hear();
    s.Say("{\"error\":{\"class\":\"GenericError\",\"desc\":\"bad\"}}\n");  // no id: parse error
    s.Hear();
    s.Say("{\"error\":[],\"id\":5}\n");
  });
  ASSERT_TRUE(client.ok());
  const Status none = (*client)->Execute("x", "", Soon()).status();
  EXPECT_EQ(none.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(none.message(), "QEMU refused \"x\": no x");
  EXPECT_EQ(none.detail("qmp.class"), "CommandNotFound");
  EXPECT_EQ((*client)->Execute("y", "", Soon()).status().code(), StatusCode::kNotFound);
  EXPECT_EQ((*client)->Execute("z", "", Soon()).status().code(), StatusCode::kUnknown);
  EXPECT_EQ((*client)->Execute("w", "", Soon()).status().code(), StatusCode::kUnknown);
}

TEST_F(QmpTest, WrongIdsAreNotAnswers) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Say("{\"return\":1,\"id\":99}\n{\"return\":2,\"id\":\"2\"}\n{\"return\":3}\n{}\n");
    s.Say("{\"error\":{\"class\":\"GenericError\",\"desc\":\"other\"},\"id\":1}\n");
    s.Say("{\"return\":4,\"id\":2}\n");
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("x", "", Soon()).value(), "4");
}

TEST_F(QmpTest, LateAnswerIsDropped) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Hear();  // the second command: the first one's caller has given up
    s.Say("{\"return\":\"late\",\"id\":2}\n{\"return\":\"fresh\",\"id\":3}\n");
  });
  ASSERT_TRUE(client.ok());
  const Status late = (*client)->Execute("first", "", Shortly()).status();
  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(late.message(), HasSubstr("\"first\""));
  EXPECT_EQ((*client)->Execute("second", "", Soon()).value(), "\"fresh\"");
}

TEST_F(QmpTest, CancelEndsTheWait) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Linger();
  });
  ASSERT_TRUE(client.ok());
  const UniqueFd cancel(eventfd(1, EFD_CLOEXEC));
  EXPECT_EQ((*client)->Execute("x", "", {Deadline::Never(), cancel.get()}).status().code(),
            StatusCode::kCancelled);
  client->reset();
}

TEST_F(QmpTest, SilentServerMeetsTheDeadline) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  const auto client = QmpClient::Open(std::move(pair->first), Shortly());
  EXPECT_EQ(client.status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(QmpTest, EndlessEventsMeetTheDeadline) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    while (WriteAll(s.fd(), "{\"event\":\"NOISE\"}\n").ok()) {
    }
  });
  ASSERT_TRUE(client.ok());
  signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ((*client)->Execute("x", "", Shortly()).status().code(), StatusCode::kDeadlineExceeded);
  client->reset();
}

TEST_F(QmpTest, HangUpIsUnavailableAndStaysSo) {
  auto early = Open([](Script&) {});
  EXPECT_EQ(early.status().code(), StatusCode::kUnavailable);
  TearDown();
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Say("{\"return\":");  // half an answer
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("x", "", Soon()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ((*client)->Execute("y", "", Soon()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ((*client)->WaitEvent("E", Soon()).status().code(), StatusCode::kUnavailable);
}

TEST_F(QmpTest, GarbageIsDataLoss) {
  for (const std::string garbage : {"hello\n", "[1,2]\n", "{\"QMP\": 5}\n", "{}\n", "\xff\xfe\n",
                                    "{\"return\":{},\"id\":1}\n"}) {
    auto client = Open([garbage](Script& s) { s.Say(garbage); });
    EXPECT_EQ(client.status().code(), StatusCode::kDataLoss) << garbage;
    TearDown();
  }
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Say("}{\n{\"return\":1,\"id\":2}\n");
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("x", "", Soon()).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ((*client)->Execute("y", "", Soon()).status().code(), StatusCode::kDataLoss);
}

TEST_F(QmpTest, MessageWithoutEndIsBounded) {
  signal(SIGPIPE, SIG_IGN);
  auto client = Open([](Script& s) {
    const std::string chunk(65536, 'x');
    while (WriteAll(s.fd(), chunk).ok()) {
    }
  });
  EXPECT_EQ(client.status().code(), StatusCode::kDataLoss);
}

TEST_F(QmpTest, DeeplyNestedMessageDoesNoHarm) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    s.Say("{\"return\":" + std::string(100000, '[') + std::string(100000, ']') + ",\"id\":9}\n");
    s.Say("{\"return\":1,\"id\":2}\n");
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("x", "", Soon()).value(), "1");
}

TEST_F(QmpTest, UnreadEventsAreBounded) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Hear();
    for (int i = 0; i < 300; ++i) s.Say("{\"event\":\"E" + std::to_string(i) + "\"}\n");
    s.Say("{\"return\":1,\"id\":2}\n");
  });
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE((*client)->Execute("x", "", Soon()).ok());
  EXPECT_EQ((*client)->dropped_events(), 44U);
  EXPECT_EQ((*client)->NextEvent()->name, "E44");
  EXPECT_EQ((*client)->WaitEvent("E299", Soon())->name, "E299");
  EXPECT_EQ((*client)->NextEvent()->name, "E45");
}

TEST_F(QmpTest, WaitEventKeepsTheOthers) {
  auto client = Open([](Script& s) {
    s.Greet();
    s.Say("{\"event\":\"A\"}\n{\"event\":5}\n{\"return\":1}\n{\"event\":\"B\"}\n");
    s.Linger();
  });
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->WaitEvent("B", Soon())->name, "B");
  EXPECT_EQ((*client)->NextEvent()->name, "A");
  EXPECT_EQ((*client)->WaitEvent("C", Shortly()).status().code(), StatusCode::kDeadlineExceeded);
  client->reset();
}

TEST_F(QmpTest, RefusesBadArguments) {
  EXPECT_EQ(QmpClient::Open(UniqueFd(), Soon()).status().code(), StatusCode::kInvalidArgument);
  auto client = Open([](Script& s) {
    s.Greet();
    s.Linger();
  });
  ASSERT_TRUE(client.ok());
  for (const char* bad : {"{", "[]", "5", "nonsense"}) {
    EXPECT_EQ((*client)->Execute("x", bad, Soon()).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ((*client)->SendFd("n", -1, Soon()).code(), StatusCode::kInvalidArgument);
  client->reset();
}

TEST_F(QmpTest, DescriptorTravelsWithTheCommand) {
  auto client = Open([](Script& s) {
    s.Greet();
    char text[256];
    iovec data{text, sizeof(text)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    EXPECT_GT(recvmsg(s.fd(), &message, MSG_CMSG_CLOEXEC), 0);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    ASSERT_NE(header, nullptr);
    int fd = -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    const UniqueFd received(fd);
    EXPECT_TRUE(WriteAll(received.get(), "through").ok());
    s.Say("{\"return\":{},\"id\":2}\n");
  });
  ASSERT_TRUE(client.ok());
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  ASSERT_TRUE((*client)->SendFd("name", pair->first.get(), Soon()).ok());
  pair->first.reset();
  EXPECT_EQ(ReadAll(pair->second.get()).value(), "through");
}

TEST_F(QmpTest, ReaderThatStopsReadingMeetsTheDeadline) {
  const UniqueFd done(eventfd(0, EFD_CLOEXEC));
  auto client = Open([&done](Script& s) {
    s.Greet();
    std::uint64_t count = 0;
    EXPECT_EQ(read(done.get(), &count, sizeof(count)), 8);
  });
  ASSERT_TRUE(client.ok());
  const std::string big = "{\"a\":\"" + std::string(3000000, 'x') + "\"}";
  EXPECT_EQ((*client)->Execute("x", big, Shortly()).status().code(), StatusCode::kDeadlineExceeded);
  // Half a command is on its way; another one would be glued to it.
  EXPECT_EQ((*client)->Execute("y", "", Shortly()).status().code(), StatusCode::kUnavailable);
  const std::uint64_t one = 1;
  EXPECT_EQ(write(done.get(), &one, sizeof(one)), 8);
}

}  // namespace
}  // namespace shoji
