#include "log/log.h"

#define SPDLOG_HEADER_ONLY
#define FMT_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <mutex>
#include <utility>

#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"trace", "debug", "info",
                                                    "warn",  "error", "off"};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return LogLevel::kTrace;
    case spdlog::level::debug:
      return LogLevel::kDebug;
    case spdlog::level::info:
      return LogLevel::kInfo;
    case spdlog::level::warn:
      return LogLevel::kWarn;
    default:
      return LogLevel::kError;
  }
}

// Hands each line, without time and level, to the embedder.
class CallbackSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CallbackSink(Logger::Sink callback) : callback_(std::move(callback)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    callback_(FromSpdlog(message.level),
              std::string(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  Logger::Sink callback_;
};

spdlog::sink_ptr MakeSink(Logger::Sink sink) {
  if (sink) return std::make_shared<CallbackSink>(std::move(sink));
  auto out = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  out->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                                                                 spdlog::pattern_time_type::utc));
  return out;
}

}  // namespace

struct Logger::Impl {
  spdlog::logger logger;
};

Logger::Logger(LogLevel level, Sink sink)
    : impl_(new Impl{spdlog::logger("shoji", MakeSink(std::move(sink)))}) {
  impl_->logger.set_level(ToSpdlog(level));
  impl_->logger.set_error_handler([](const std::string&) {});
}

Logger::~Logger() = default;

bool Logger::Enabled(LogLevel level) const {
  return level != LogLevel::kOff && impl_->logger.should_log(ToSpdlog(level));
}

void Logger::Write(LogLevel level, const std::string& text) {
  if (!Enabled(level)) return;
  std::string line = text;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  impl_->logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

Result<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return InvalidArgument("\"" + std::string(name) +
                         "\" is not a log level; write trace, debug, info, warn, error or off");
}

}  // namespace shoji
