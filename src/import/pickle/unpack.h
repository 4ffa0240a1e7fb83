#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::import::pickle {

// How the bytes are packed, by their first ones: "zlib", "gzip", "bz2", "xz", "lzma", "lz4",
// "joblib 0.9 zlib"; empty when they are not packed in a way that joblib knows.
std::string_view PackingOf(std::span<const std::byte> file);

// Unpacks. Memory grows with what comes out, and so only as far as the file really goes.
// kResourceExhausted when that is more than `max_bytes` or, beyond 64 MiB, more than 1,000 times
// the file, as nothing but a bomb is; kInvalidArgument when the file is damaged or cut off.
base::Result<std::string> Unpack(std::span<const std::byte> file, uint64_t max_bytes);

// The first bytes that come out, at most `count`; fewer when the file is damaged. For looking at
// what is inside.
std::string UnpackStart(std::span<const std::byte> file, size_t count);

}  // namespace slipway::import::pickle
