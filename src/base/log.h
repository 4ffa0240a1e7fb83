#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace slipway::base {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat : uint8_t { kHuman, kJson };

// One "key: value" beside a message. Borrows text: it must outlive the call it is passed to.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

  template <typename T>
  LogField(std::string_view field_key, const T& field_value)
      : key(field_key), value(ToValue(field_value)) {}

  std::string_view key;
  Value value;

 private:
  template <typename T>
  static Value ToValue(const T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      return v;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(v);
    } else if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
      return static_cast<int64_t>(v);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<uint64_t>(v);
    } else {
      return std::string_view(v);
    }
  }
};

// Writes log lines: a constant message, then fields.
//   log.Info("version ready", {{"model", model}, {"load_ms", load_ms}});
// ERROR: an operator must act. WARN: may become an error. INFO: our state changed. DEBUG: one
// request.
//
// Thread-safe. A line is formatted only when its level is enabled; control characters are escaped.
// Lines go through a bounded queue to one writer thread: a slow sink drops lines, counted, and
// never blocks the caller. The destructor writes out what is queued.
class Logger {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kHuman;
    std::string file = {};  // empty: standard error
  };

  explicit Logger(const Options& options);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // One that writes nothing, for tests and one-shot commands.
  static std::unique_ptr<Logger> Null();

  bool Enabled(LogLevel level) const;
  LogLevel level() const;
  void set_level(LogLevel level);
  LogFormat format() const;
  void set_format(LogFormat format);
  // Lines lost because the sink was too slow.
  uint64_t dropped() const;
  void Flush();

  using Fields = std::initializer_list<LogField>;
  void Debug(std::string_view message, Fields fields = {}) {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, Fields fields = {}) { Log(LogLevel::kInfo, message, fields); }
  void Warn(std::string_view message, Fields fields = {}) { Log(LogLevel::kWarn, message, fields); }
  void Error(std::string_view message, Fields fields = {}) {
    Log(LogLevel::kError, message, fields);
  }
  void Log(LogLevel level, std::string_view message, Fields fields);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::base
