// For tests: cc-proxy as the agent sees it. It notes what it is asked and says yes, unless told
// otherwise.
#ifndef SHOJI_AGENT_HYPERSTART_FAKE_PROXY_H_
#define SHOJI_AGENT_HYPERSTART_FAKE_PROXY_H_

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/socket.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/ccproto/client.h"

namespace shoji::agent_hyperstart {

class FakeProxy {
 public:
  FakeProxy() = default;
  ~FakeProxy() {
    for (std::thread& each : threads_) each.join();
  }
  FakeProxy(const FakeProxy&) = delete;
  FakeProxy& operator=(const FakeProxy&) = delete;

  int Connect() {
    auto pair = SocketPair();
    if (!pair.ok()) return -1;
    threads_.emplace_back([this, fd = pair->second.release()] { Serve(UniqueFd(fd)); });
    return pair->first.release();
  }
  // Hyper command `name` is refused with these words; AttachVM under that name.
  void Refuse(const std::string& name, const std::string& words) {
    const MutexLock lock(mutex_);
    refusals_[name] = words;
  }
  // "newcontainer [t1] {...}", "AttachVM pod 1"; empties the list.
  std::vector<std::string> Asked() {
    const MutexLock lock(mutex_);
    return std::exchange(asked_, {});
  }

 private:
  using Json = nlohmann::ordered_json;

  void Serve(UniqueFd fd) {
    ccproto::Client client(std::move(fd));
    while (true) {
      auto frame = client.Receive({});
      if (!frame.ok()) return;
      ccproto::Frame reply = Answer(*frame);
      reply.opcode = frame->opcode;
      if (!client.Send(reply, {}).ok()) return;
    }
  }
  ccproto::Frame Answer(const ccproto::Frame& frame) {
    const Json in = Json::parse(frame.payload, nullptr, false);
    const bool hyper = frame.opcode == ccproto::kHyper;
    const std::string name = hyper ? in.value("hyperName", "") : "AttachVM";
    const MutexLock lock(mutex_);
    asked_.push_back(hyper ? name + " " + in.value("tokens", Json::array()).dump() + " " +
                                 in.value("data", Json()).dump()
                           : name + " " + in.value("containerId", "") + " " +
                                 std::to_string(in.value("numIOStreams", 0)));
    ccproto::Frame out{ccproto::FrameType::kResponse, 0, false, ""};
    if (const auto it = refusals_.find(name); it != refusals_.end()) {
      out.error = true;
      out.payload = Json::object({{"msg", it->second}}).dump();
    } else if (!hyper) {
      const std::string token = "t" + std::to_string(++tokens_);
      out.payload = Json({{"io", {{"url", "unix:///p"}, {"tokens", {token}}}}}).dump();
    }
    return out;
  }

  std::vector<std::thread> threads_;
  Mutex mutex_;
  int tokens_ SHOJI_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> asked_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::string> refusals_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::agent_hyperstart

#endif  // SHOJI_AGENT_HYPERSTART_FAKE_PROXY_H_
