#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <ctime>

#include "base/text.h"

namespace slipway::base {
namespace {

constexpr size_t kQueueLines = 512;  // of 400 bytes each, taken at once

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kError:
      return "ERROR";
    case LogLevel::kOff:
      break;
  }
  return "OFF";
}

void AppendTime(std::string& out) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  out.append(text, size);
  const auto m = static_cast<int>(millis);
  out.push_back('.');
  out.push_back(static_cast<char>('0' + m / 100));
  out.push_back(static_cast<char>('0' + m / 10 % 10));
  out.push_back(static_cast<char>('0' + m % 10));
  out.push_back('Z');
}

template <typename Number>
void AppendNumber(std::string& out, Number value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  out.append(text, end);
}

void AppendValue(std::string& out, const LogField::Value& value, bool quote_text) {
  std::visit(
      [&](const auto& v) {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::string_view>) {
          const bool plain = !quote_text && !v.empty() &&
                             v.find_first_of(" =\"\n\r\t\\") == std::string_view::npos;
          if (plain) {
            out.append(v);
          } else {
            AppendJsonString(out, v);
          }
        } else if constexpr (std::is_same_v<V, bool>) {
          out.append(v ? "true" : "false");
        } else {
          AppendNumber(out, v);
        }
      },
      value);
}

}  // namespace

struct Logger::Impl {
  std::shared_ptr<spdlog::logger> sink;
  // Behind `sink`: the writer thread is joined before the sink that it writes to goes.
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::atomic<LogLevel> level = LogLevel::kInfo;
  std::atomic<LogFormat> format = LogFormat::kHuman;
};

Logger::Logger(const Options& options) : impl_(std::make_unique<Impl>()) {
  impl_->level = options.level;
  impl_->format = options.format;
  if (options.level == LogLevel::kOff) return;
  impl_->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  std::shared_ptr<spdlog::sinks::sink> target;
  try {
    if (options.file.empty()) {
      target = std::make_shared<spdlog::sinks::stderr_sink_st>();
    } else {
      target = std::make_shared<spdlog::sinks::basic_file_sink_st>(options.file);
    }
  } catch (const spdlog::spdlog_ex&) {  // the file cannot be opened: say it where people look
    target = std::make_shared<spdlog::sinks::stderr_sink_st>();
  }
  impl_->sink = std::make_shared<spdlog::async_logger>(
      "slipway", std::move(target), impl_->pool, spdlog::async_overflow_policy::overrun_oldest);
  impl_->sink->set_pattern("%v");
  impl_->sink->set_level(spdlog::level::trace);
  impl_->sink->flush_on(spdlog::level::info);
}

Logger::~Logger() = default;

std::unique_ptr<Logger> Logger::Null() {
  return std::make_unique<Logger>(Options{.level = LogLevel::kOff});
}

bool Logger::Enabled(LogLevel level) const {
  return level >= impl_->level.load(std::memory_order_relaxed) && impl_->sink != nullptr;
}
LogLevel Logger::level() const { return impl_->level.load(std::memory_order_relaxed); }
void Logger::set_level(LogLevel level) { impl_->level.store(level, std::memory_order_relaxed); }
LogFormat Logger::format() const { return impl_->format.load(std::memory_order_relaxed); }
void Logger::set_format(LogFormat format) {
  impl_->format.store(format, std::memory_order_relaxed);
}
uint64_t Logger::dropped() const { return impl_->pool ? impl_->pool->overrun_counter() : 0; }
void Logger::Flush() {
  if (impl_->sink) impl_->sink->flush();
}

void Logger::Log(LogLevel level, std::string_view message, Fields fields) {
  if (!Enabled(level)) return;
  std::string line;
  if (impl_->format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    line.append(R"({"time":")");
    AppendTime(line);
    line.append(R"(","level":")").append(LevelName(level)).append(R"(","message":)");
    AppendJsonString(line, message);
    for (const LogField& field : fields) {
      line.push_back(',');
      AppendJsonString(line, field.key);
      line.push_back(':');
      AppendValue(line, field.value, true);
    }
    line.push_back('}');
  } else {
    AppendTime(line);
    line.push_back(' ');
    line.append(LevelName(level));
    line.append(5 - LevelName(level).size(), ' ');
    line.push_back(' ');
    line.append(message);
    for (const LogField& field : fields) {
      line.push_back(' ');
      line.append(field.key).push_back('=');
      AppendValue(line, field.value, false);
    }
  }
  impl_->sink->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace slipway::base
