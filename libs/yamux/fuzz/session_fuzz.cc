// Whatever a peer sends: no crash, and memory stays within the promised bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <unordered_map>

#include "shoji/yamux/session.h"

namespace {

using shoji::yamux::StreamId;

class Checker : public shoji::yamux::Listener {
 public:
  shoji::yamux::Session* session = nullptr;
  bool consume = false;

  void OnOpened(StreamId id) override { unconsumed_[id] = 0; }
  void OnData(StreamId id, std::string_view data) override {
    unconsumed_[id] += data.size();
    if (unconsumed_[id] > shoji::yamux::kInitialWindow) std::abort();
    session->Write(id, data);
    if (!consume) return;
    session->Consume(id, data.size());
    unconsumed_[id] = 0;
  }
  void OnFinished(StreamId id) override { session->Finish(id); }
  void OnWritable(StreamId id) override {
    if (id % 3 == 0) session->Reset(id);
  }

 private:
  std::unordered_map<StreamId, std::size_t> unconsumed_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Checker checker;
  shoji::yamux::Options options;
  options.max_streams = 8;
  const auto role = (data[0] & 1U) != 0 ? shoji::yamux::Role::kServer : shoji::yamux::Role::kClient;
  shoji::yamux::Session session(role, &checker, options);
  checker.session = &session;
  checker.consume = (data[0] & 2U) != 0;
  if (role == shoji::yamux::Role::kClient && !session.Open().ok()) std::abort();
  const std::size_t step = static_cast<std::size_t>(data[1]) + 1;
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  while (!input.empty()) {
    if (!session.Feed(input.substr(0, step)).ok() && session.stream_count() != 0) std::abort();
    if (session.stream_count() > options.max_streams) std::abort();
    if ((data[0] & 4U) != 0) session.OutputSent(session.PendingOutput().size() / 2);
    input.remove_prefix(std::min(step, input.size()));
  }
  return 0;
}
