// Works that move bytes as fast as they can: sink, source, open.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "work.h"

namespace shoji::yamux {
namespace {

class Stopwatch {
 public:
  void Start() { begin_ = std::chrono::steady_clock::now(); }
  std::string Nanoseconds() const {
    return std::to_string(
        std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin_).count());
  }

 private:
  std::chrono::steady_clock::time_point begin_;
};

// The length of what follows, as eight bytes, the highest first.
std::string LengthHead(std::uint64_t length) {
  std::string head;
  for (int shift = 56; shift >= 0; shift -= 8) {
    head += static_cast<char>(length >> static_cast<unsigned>(shift));
  }
  return head;
}

class Sink : public Work {
 public:
  void Start(Session* session) override { session_ = session; }
  bool done() const override { return false; }
  void OnData(StreamId id, std::string_view data) override {
    session_->Consume(id, data.size());
    Stream& stream = streams_[id];
    while (stream.head_bytes < 8 && !data.empty()) {
      stream.left = stream.left << 8U | static_cast<unsigned char>(data[0]);
      ++stream.head_bytes;
      data.remove_prefix(1);
    }
    stream.left -= std::min<std::uint64_t>(stream.left, data.size());
    if (stream.head_bytes == 8 && stream.left == 0) Answer(id);
  }
  void OnFinished(StreamId id) override { streams_.erase(id); }
  void OnReset(StreamId id) override { streams_.erase(id); }

 private:
  struct Stream {
    unsigned head_bytes = 0;
    std::uint64_t left = 0;
  };
  void Answer(StreamId id) {
    session_->Write(id, std::string_view("\1", 1));
    session_->Finish(id);
  }

  Session* session_ = nullptr;
  std::unordered_map<StreamId, Stream> streams_;
};

// Sends to streams; the answer of one byte ends each.
class Sender : public Work {
 public:
  bool done() const override { return done_; }
  std::string result() const override { return result_; }
  void OnData(StreamId id, std::string_view data) override {
    session_->Consume(id, data.size());
    left_.erase(id);
    session_->Finish(id);
    OnAnswer();
  }
  void OnWritable(StreamId id) override { Send(id); }
  void OnReset(StreamId id) override {
    result_ = "error: stream " + std::to_string(id) + " was reset";
    done_ = true;
  }

 protected:
  virtual void OnAnswer() = 0;
  void OpenAndSend(std::size_t bytes) {
    const Result<StreamId> id = session_->Open();
    if (!id.ok()) {
      result_ = "error: " + id.status().message();
      done_ = true;
      return;
    }
    left_[*id] = bytes;
    session_->Write(*id, LengthHead(bytes));
    Send(*id);
  }
  void Send(StreamId id) {
    const auto it = left_.find(id);
    if (it == left_.end()) return;
    static const std::string kZeros(kPiece, '\0');
    std::size_t taken = 1;
    while (it->second > 0 && taken > 0) {
      taken = session_->Write(id, std::string_view(kZeros).substr(0, it->second));
      it->second -= taken;
    }
  }
  bool idle() const { return left_.empty(); }
  void Stop() {
    result_ = watch_.Nanoseconds();
    done_ = true;
  }

  static constexpr std::size_t kPiece = 64U * 1024U;
  Session* session_ = nullptr;
  Stopwatch watch_;

 private:
  std::unordered_map<StreamId, std::size_t> left_;
  std::string result_;
  bool done_ = false;
};

class Source : public Sender {
 public:
  Source(std::size_t streams, std::size_t bytes) : streams_(streams), bytes_(bytes) {}
  void Start(Session* session) override {
    session_ = session;
    watch_.Start();
    for (std::size_t i = 0; i < streams_; ++i) OpenAndSend(bytes_ / streams_);
  }
  void OnAnswer() override {
    if (idle()) Stop();
  }

 private:
  const std::size_t streams_;
  const std::size_t bytes_;
};

class Open : public Sender {
 public:
  explicit Open(std::size_t count) : left_(count) {}
  void Start(Session* session) override {
    session_ = session;
    watch_.Start();
    OnAnswer();
  }
  void OnAnswer() override {
    if (left_ == 0) return Stop();
    --left_;
    OpenAndSend(1);
  }

 private:
  std::size_t left_;
};

}  // namespace

std::unique_ptr<Work> MakeSink() { return std::make_unique<Sink>(); }
std::unique_ptr<Work> MakeSource(std::size_t streams, std::size_t bytes) {
  return std::make_unique<Source>(streams, bytes);
}
std::unique_ptr<Work> MakeOpen(std::size_t count) { return std::make_unique<Open>(count); }

}  // namespace shoji::yamux
