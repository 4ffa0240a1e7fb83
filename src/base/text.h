#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::base {

// "64MiB", "1.5 GB", "4096": a number with an optional unit (B, kB, MB, GB, TB = powers of 1000;
// KiB, MiB, GiB, TiB = powers of 1024; K, M, G, T mean the latter). kInvalidArgument says what is
// expected.
Result<uint64_t> ParseByteSize(std::string_view text);
// The shortest of these with one decimal: "512 B", "1.5 KiB", "64 MiB".
std::string FormatByteSize(uint64_t bytes);

// "250us", "30ms", "1.5s", "5m", "2h"; a unit is required unless the number is 0.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);
// The value in its largest fitting unit with up to three significant digits: "1.25 ms".
std::string FormatDuration(std::chrono::nanoseconds duration);

// The name in `known` that is nearest to `name` by edit distance, or "" when none is near enough to
// be a likely slip of the keyboard. For "did you mean".
std::string_view NearestName(std::string_view name, std::span<const std::string_view> known);

// Appends `text` as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
std::string JsonString(std::string_view text);

// `text` cut to at most `max_bytes` on a UTF-8 boundary, with control characters and bytes that are
// not UTF-8 shown as \xNN; for putting outside text into messages.
std::string Printable(std::string_view text, size_t max_bytes = 80);

bool IsValidUtf8(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string_view TrimWhitespace(std::string_view text);

}  // namespace slipway::base
