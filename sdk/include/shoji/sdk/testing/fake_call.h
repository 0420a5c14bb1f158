// Arguments of a call, for the unit tests of a plugin.
//
// Purpose  Errors, sinks, deadlines and options as a host passes them, with what came back in
//          plain members.
// Threads  One object belongs to one call; FakeCall::Cancel() may come from any thread.
// Example
//     FakeCall call;
//     FakeError error;
//     FakeSink value;
//     FakeOptions options({{"path", "/tmp/x"}});
//     EXPECT_EQ(table->load(store, call.raw(), ToStr("a"), value.raw(), error.raw()), SHOJI_OK)
//         << error.message;
#ifndef SHOJI_SDK_TESTING_FAKE_CALL_H_
#define SHOJI_SDK_TESTING_FAKE_CALL_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shoji/plugin/base.h"
#include "shoji/sdk/plugin.h"
#include "shoji/sdk/wait.h"

namespace shoji::sdk::testing {

// What a plugin put into its caller's shoji_error.
struct FakeError {
  std::int32_t code = SHOJI_OK;
  std::int32_t sys_errno = 0;
  std::string message;
  std::map<std::string, std::string> details;

  shoji_error* raw() { return reinterpret_cast<shoji_error*>(this); }
};

// Collects a result; or refuses it with a code, as a caller may.
class FakeSink {
 public:
  explicit FakeSink(std::int32_t refuse_with = SHOJI_OK) : code_(refuse_with) {}
  FakeSink(const FakeSink&) = delete;
  FakeSink& operator=(const FakeSink&) = delete;
  const shoji_sink* raw() const { return &sink_; }
  const std::string& text() const { return text_; }

 private:
  static std::int32_t Write(void* ctx, const void* data, std::uint64_t size) {
    auto* self = static_cast<FakeSink*>(ctx);
    if (self->code_ != SHOJI_OK) return self->code_;
    self->text_.append(static_cast<const char*>(data), static_cast<std::size_t>(size));
    return SHOJI_OK;
  }
  const std::int32_t code_;
  std::string text_;
  shoji_sink sink_{sizeof(shoji_sink), 0, this, Write};
};

// A call that can be cancelled, with a deadline if the test wants one.
class FakeCall {
 public:
  FakeCall() { call_.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
  explicit FakeCall(std::chrono::milliseconds time) : FakeCall() {
    call_.deadline_ns = NowNanos() + std::chrono::nanoseconds(time).count();
  }
  ~FakeCall() { close(call_.cancel_fd); }
  FakeCall(const FakeCall&) = delete;
  FakeCall& operator=(const FakeCall&) = delete;

  const shoji_call* raw() const { return &call_; }
  void Cancel() const { static_cast<void>(eventfd_write(call_.cancel_fd, 1)); }

 private:
  shoji_call call_{sizeof(shoji_call), -1, 0, {nullptr, 0}};
};

// What a host passes to open(), defaults of the note included: give them all.
class FakeOptions {
 public:
  FakeOptions(std::vector<std::pair<std::string, std::string>> values = {})  // NOLINT: implicit
      : values_(std::move(values)) {
    for (const auto& [name, value] : values_) items_.push_back({ToStr(name), ToStr(value)});
    options_ = {sizeof(shoji_options), static_cast<std::uint32_t>(items_.size()), items_.data()};
  }
  FakeOptions(const FakeOptions&) = delete;
  FakeOptions& operator=(const FakeOptions&) = delete;
  const shoji_options* raw() const { return &options_; }

 private:
  const std::vector<std::pair<std::string, std::string>> values_;
  std::vector<shoji_option> items_;
  shoji_options options_{};
};

}  // namespace shoji::sdk::testing

#endif  // SHOJI_SDK_TESTING_FAKE_CALL_H_
