// The work "echo": echoes the peer's streams, and checks what the peer echoes of ours.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "work.h"

namespace shoji::yamux {
namespace {

constexpr std::size_t kMaxData = 600U * 1024U;
// Of ours, one in so many is reset in the middle.
constexpr std::size_t kResetEvery = 4;

class Echo : public Work {
 public:
  Echo(std::size_t streams, unsigned seed) : streams_(streams), random_(seed) {}

  void Start(Session* session) override {
    session_ = session;
    for (std::size_t i = 0; i < streams_; ++i) {
      OpenOne(false);
      if (i % kResetEvery == 0) OpenOne(true);
    }
  }
  bool done() const override { return !result_.empty(); }
  std::string result() const override { return result_; }

  void OnOpened(StreamId id) override { theirs_[id]; }
  void OnData(StreamId id, std::string_view data) override;
  void OnFinished(StreamId id) override;
  void OnReset(StreamId id) override;
  void OnWritable(StreamId id) override;

 private:
  struct Ours {
    std::string data;
    std::size_t sent = 0;
    std::size_t received = 0;
    std::size_t reset_at = 0;  // 0: never
  };
  struct Theirs {
    std::string waiting;
    bool finished = false;
  };

  void OpenOne(bool reset);
  void Send(StreamId id, Ours* ours);
  void Echo1(StreamId id, Theirs* theirs);
  void Check(StreamId id, Ours* ours, std::string_view data);
  void End(StreamId id);
  void Wrong(const std::string& what) { result_ = "error: " + what; }

  const std::size_t streams_;
  std::mt19937 random_;
  Session* session_ = nullptr;
  std::map<StreamId, Ours> ours_;
  std::map<StreamId, Theirs> theirs_;
  std::string result_;
};

void Echo::OpenOne(bool reset) {
  const Result<StreamId> id = session_->Open();
  if (!id.ok()) return Wrong(id.status().message());
  Ours& ours = ours_[*id];
  ours.data.resize(1 + random_() % kMaxData);
  for (char& c : ours.data) c = static_cast<char>(random_());
  if (reset) ours.reset_at = ours.data.size() / 2;
  Send(*id, &ours);
}

void Echo::Send(StreamId id, Ours* ours) {
  std::size_t taken = 1;
  while (ours->sent < ours->data.size() && taken > 0) {
    const std::size_t piece = 1 + random_() % kMaxData;
    taken = session_->Write(id, std::string_view(ours->data).substr(ours->sent, piece));
    ours->sent += taken;
    if (ours->reset_at == 0 || ours->sent < ours->reset_at) continue;
    session_->Reset(id);
    return End(id);
  }
  if (ours->sent == ours->data.size()) session_->Finish(id);
}

void Echo::Check(StreamId id, Ours* ours, std::string_view data) {
  if (ours->data.compare(ours->received, data.size(), data) != 0) {
    return Wrong("stream " + std::to_string(id) + " came back changed");
  }
  ours->received += data.size();
}

void Echo::Echo1(StreamId id, Theirs* theirs) {
  const std::size_t taken = session_->Write(id, theirs->waiting);
  theirs->waiting.erase(0, taken);
  session_->Consume(id, taken);
  if (!theirs->finished || !theirs->waiting.empty()) return;
  session_->Finish(id);
  theirs_.erase(id);
}

void Echo::End(StreamId id) {
  ours_.erase(id);
  if (ours_.empty() && result_.empty()) result_ = "done";
}

void Echo::OnData(StreamId id, std::string_view data) {
  if (const auto it = ours_.find(id); it != ours_.end()) {
    session_->Consume(id, data.size());
    return Check(id, &it->second, data);
  }
  Theirs& theirs = theirs_[id];
  theirs.waiting.append(data);
  Echo1(id, &theirs);
}

void Echo::OnFinished(StreamId id) {
  if (const auto it = ours_.find(id); it != ours_.end()) {
    if (it->second.received != it->second.data.size()) {
      Wrong("stream " + std::to_string(id) + " ended early");
    }
    return End(id);
  }
  Theirs& theirs = theirs_[id];
  theirs.finished = true;
  Echo1(id, &theirs);
}

void Echo::OnReset(StreamId id) {
  theirs_.erase(id);
  if (ours_.count(id) != 0) Wrong("stream " + std::to_string(id) + " was reset");
}

void Echo::OnWritable(StreamId id) {
  if (const auto it = ours_.find(id); it != ours_.end()) return Send(id, &it->second);
  if (const auto it = theirs_.find(id); it != theirs_.end()) Echo1(id, &it->second);
}

}  // namespace

std::unique_ptr<Work> MakeEcho(std::size_t streams, unsigned seed) {
  return std::make_unique<Echo>(streams, seed);
}

}  // namespace shoji::yamux
