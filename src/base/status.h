#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace slipway::base {

// The canonical gRPC status codes: one table maps them to HTTP, gRPC and exit codes.
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The code's canonical name, for example "INVALID_ARGUMENT".
std::string_view StatusCodeName(StatusCode code);

// What a process exits with when it ends because of this code (docs/cli.md has the table).
int ExitCode(StatusCode code);

// Success, or a code and a message that says where, what was expected, what came and what to do.
//
// A value; thread-compatible. An OK status carries no message and costs no allocation.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same code with `context` and ": " in front of the message; OK stays OK.
  Status WithContext(std::string_view context) const;
  // "INVALID_ARGUMENT: message", or "OK".
  std::string ToString() const;

  friend bool operator==(const Status&, const Status&) = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

std::ostream& operator<<(std::ostream& out, const Status& status);

inline Status OkStatus() { return {}; }
Status Cancelled(std::string message);
Status InvalidArgument(std::string message);
Status DeadlineExceeded(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status PermissionDenied(std::string message);
Status ResourceExhausted(std::string message);
Status FailedPrecondition(std::string message);
Status OutOfRange(std::string message);
Status Unimplemented(std::string message);
Status Internal(std::string message);
Status Unavailable(std::string message);
Status DataLoss(std::string message);
// The code that fits `error_number` (an errno), with "WHAT: strerror" as message, and what to do
// about it when descriptors or memory ran out.
Status ErrnoStatus(int error_number, std::string_view what);

// A value, or the Status that says why there is none. The shape of C++23's std::expected.
//
// Thread-compatible. Reading the value of a failed Result is a broken invariant and ends the
// process.
template <typename T>
class [[nodiscard]] Result {
 public:
  // `return value;` and `return status;` both read well.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : value_(std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) { SLIPWAY_CHECK(!status_.ok()); }

  bool ok() const { return value_.has_value(); }
  const Status& status() const& { return status_; }
  Status&& status() && { return std::move(status_); }

  T& operator*() & { return Get(); }
  const T& operator*() const& { return Get(); }
  T&& operator*() && { return std::move(Get()); }
  T* operator->() { return &Get(); }
  const T* operator->() const { return &Get(); }

 private:
  T& Get() {
    SLIPWAY_CHECK(value_.has_value());
    return *value_;
  }
  const T& Get() const {
    SLIPWAY_CHECK(value_.has_value());
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace slipway::base

// Returns the Status of `expr` from the enclosing function unless it is OK.
#define SLIPWAY_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    ::slipway::base::Status slipway_status_ = (expr);  \
    if (!slipway_status_.ok()) return slipway_status_; \
  } while (false)

#define SLIPWAY_CONCAT_INNER_(a, b) a##b
#define SLIPWAY_CONCAT_(a, b) SLIPWAY_CONCAT_INNER_(a, b)

// Evaluates `expr`, a Result; on failure returns its Status, else moves its value into `lhs`:
//   SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ReadShape(bytes));
#define SLIPWAY_ASSIGN_OR_RETURN(lhs, expr) \
  SLIPWAY_ASSIGN_OR_RETURN_(SLIPWAY_CONCAT_(slipway_result_, __LINE__), lhs, expr)
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` may declare a variable.
#define SLIPWAY_ASSIGN_OR_RETURN_(result, lhs, expr)   \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
