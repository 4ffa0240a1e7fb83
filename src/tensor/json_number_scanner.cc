#include "tensor/json_number_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/json_element.h"
#include "tensor/json_number_blocks.h"
#include "tensor/plain_number.h"

namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

const char* SkipBlanks(const char* at, const char* end) {
  while (at < end && JsonReader::IsBlank(*at)) ++at;
  return at;
}

// How the reading of one innermost list ended.
struct Row {
  enum class End : uint8_t { kClosed, kBadElement, kBadSeparator, kFull };
  const char* at;  // the closing bracket, or what was wrong
  int64_t count;   // elements read
  End end;
};

// Reads elements with `Read(at)` from `at` up to the closing bracket. At most `room` of them.
template <typename Read>
Row ReadRow(const char* at, const char* end, int64_t room, Read&& read) {
  int64_t count = 0;
  if (at < end && *at == ']') return {at, count, Row::End::kClosed};
  for (;;) {
    if (count == room) return {at, count, Row::End::kFull};
    if (at >= end || !read(at)) return {at, count, Row::End::kBadElement};
    ++count;
    if (*at != ',') {
      at = SkipBlanks(at, end);
      if (at >= end) return {end, count, Row::End::kBadSeparator};
      if (*at == ']') return {at, count, Row::End::kClosed};
      if (*at != ',') return {at, count, Row::End::kBadSeparator};
    }
    ++at;
    if (*at <= ' ') at = SkipBlanks(at, end);
  }
}

template <typename Element>
Row ReadElementRow(const char* at, const char* end, int64_t room, std::byte* out) {
  return ReadRow(at, end, room, [end, &out](const char*& from) {
    if (!Element::Read(from, end, out)) return false;
    out += Element::kSize;
    return true;
  });
}

// The same for elements that are plain numbers as a rule.
template <typename Element>
Row ReadPlainRow(const char* at, const char* end, int64_t room, std::byte* out) {
  return ReadRow(at, end, room, [end, &out](const char*& from) {
    PlainNumber number;
    const char* stop = ReadShortNumber(from, number);
    bool done = false;
    if (stop != nullptr) [[likely]] {
      done = Element::Convert(number, out);
    } else {
      stop = ReadWideNumber(from, number);
      done = stop != nullptr && Element::ConvertWide(number, out);
    }
    if (done) [[likely]] {
      from = stop;
    } else if (!Element::Read(from, end, out)) {
      return false;
    }
    out += Element::kSize;
    return true;
  });
}

using RowReader = Row (*)(const char*, const char*, int64_t, std::byte*);

RowReader RowReaderOf(DType dtype) {
  using namespace json_element;  // NOLINT(google-build-using-namespace): names of one table
  switch (dtype) {
    case DType::kBool:
      return ReadElementRow<Bool>;
    case DType::kUint8:
      return ReadPlainRow<Integer<uint8_t>>;
    case DType::kUint16:
      return ReadPlainRow<Integer<uint16_t>>;
    case DType::kUint32:
      return ReadPlainRow<Integer<uint32_t>>;
    case DType::kUint64:
      return ReadPlainRow<Integer<uint64_t>>;
    case DType::kInt8:
      return ReadPlainRow<Integer<int8_t>>;
    case DType::kInt16:
      return ReadPlainRow<Integer<int16_t>>;
    case DType::kInt32:
      return ReadPlainRow<Integer<int32_t>>;
    case DType::kInt64:
      return ReadPlainRow<Integer<int64_t>>;
    case DType::kFp16:
      return ReadElementRow<Narrow<Fp16>>;
    case DType::kBf16:
      return ReadElementRow<Narrow<Bf16>>;
    case DType::kFp32:
      return ReadPlainRow<Float<float>>;
    case DType::kFp64:
      return ReadPlainRow<Float<double>>;
    case DType::kBytes:
      break;
  }
  return nullptr;
}

// Reads one list with blocks as far as they get, and with `read_row`, a RowReader, where they do
// not or are nullptr.
template <typename ReadRowAt>
Row ReadRowByBlocks(NumberBlockReader read_blocks, ReadRowAt&& read_row, size_t element_size,
                    const char* at, const char* end, int64_t room, std::byte* out) {
  if (read_blocks == nullptr) return read_row(at, end, room, out);
  constexpr int64_t kMostApart = 32;
  int64_t count = 0;
  int64_t apart = 1;  // elements to read without blocks; more each time that blocks got nowhere
  for (;;) {
    const NumberBlocks blocks = read_blocks(at, end, room - count, out);
    count += blocks.count;
    out += static_cast<size_t>(blocks.count) * element_size;
    if (blocks.closed) return {blocks.at, count, Row::End::kClosed};
    at = SkipBlanks(blocks.at, end);
    if (count > 0) {
      if (count == room) return {at, count, Row::End::kFull};
      if (at < end && *at == ']') return {at, count, Row::End::kBadElement};  // behind a comma
    }
    apart = blocks.count > 0 ? 1 : std::min(2 * apart, kMostApart);
    const Row row = read_row(at, end, std::min(apart, room - count), out);
    count += row.count;
    out += static_cast<size_t>(row.count) * element_size;
    at = row.at;
    if (row.end != Row::End::kFull || count == room) return {at, count, row.end};
  }
}

// What the brackets of one array say: equal lengths at each depth.
struct Nesting {
  static constexpr int64_t kUnknown = -1;
  int depth = 0;       // open brackets
  int leaf_depth = 0;  // depth of the lists that hold no lists; 0: none seen
  int64_t total = 0;   // elements so far
  std::array<int64_t, kMaxNesting + 1> length;  // of every list at a depth
  std::array<int64_t, kMaxNesting + 1> filled;  // of the list that is open at a depth

  Nesting() { length.fill(kUnknown); }

  Status Open() {
    if (depth == kMaxNesting) {
      return InvalidArgument(StrCat("expected at most ", kMaxNesting, " nested lists"));
    }
    filled[static_cast<size_t>(++depth)] = 0;
    return OkStatus();
  }

  Status Close() {
    const int64_t got = filled[static_cast<size_t>(depth)];
    int64_t& expected = length[static_cast<size_t>(depth)];
    if (expected == kUnknown) expected = got;
    if (expected != got) {
      return InvalidArgument(StrCat("element ", total, ": expected lists of ", expected,
                                    " at depth ", depth, ", got one of ", got));
    }
    if (--depth > 0) ++filled[static_cast<size_t>(depth)];
    return OkStatus();
  }

  Status AddRow(int64_t count) {
    filled[static_cast<size_t>(depth)] = count;
    if (leaf_depth == 0) leaf_depth = depth;
    if (leaf_depth != depth) return Ragged();
    total += count;
    return OkStatus();
  }

  Status Ragged() const {
    return InvalidArgument(StrCat(
        "element ", total, ": expected elements at one depth of nesting, got them at several"));
  }
};

Status FailAt(JsonReader& reader, const char* at, const char* expected) {
  reader.Fail(at, expected);
  return reader.status();
}

// Walks the array in `reader`; `read_row(at)` reads each innermost list. Leaves the reader behind
// the array. A row that does not close ends the walk: `row` then says how.
template <typename ReadRowAt>
Status Walk(JsonReader& reader, Nesting& nesting, Row& row, ReadRowAt&& read_row) {
  const char* const end = reader.end();
  reader.SkipBlanks();
  const char* at = reader.at();
  if (at >= end || *at != '[') return FailAt(reader, at, "'['");
  for (;;) {
    SLIPWAY_RETURN_IF_ERROR(nesting.Open());
    at = SkipBlanks(at + 1, end);
    if (at < end && *at == '[') continue;
    row = read_row(at);
    at = row.at;
    SLIPWAY_RETURN_IF_ERROR(nesting.AddRow(row.count));
    if (row.end != Row::End::kClosed) return OkStatus();
    do {  // close this list and all that end with it
      SLIPWAY_RETURN_IF_ERROR(nesting.Close());
      at = SkipBlanks(at + 1, end);
      if (nesting.depth == 0) {
        reader.set_at(at);
        return OkStatus();
      }
    } while (at < end && *at == ']');
    if (at >= end || *at != ',') return FailAt(reader, at, "',' or ']'");
    at = SkipBlanks(at + 1, end);
    if (at >= end || *at == ']') return FailAt(reader, at, "'['");
    if (*at != '[') return nesting.Ragged();
  }
}

std::string RangeOf(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return " (0..255)";
    case DType::kUint16:
      return " (0..65535)";
    case DType::kUint32:
      return " (0..4294967295)";
    case DType::kUint64:
      return " (0..18446744073709551615)";
    case DType::kInt8:
      return " (-128..127)";
    case DType::kInt16:
      return " (-32768..32767)";
    case DType::kInt32:
      return " (-2147483648..2147483647)";
    case DType::kInt64:
      return " (-9223372036854775808..9223372036854775807)";
    case DType::kFp16:
      return " (-65504..65504)";
    case DType::kBf16:
      return " (-3.39e38..3.39e38)";
    case DType::kFp32:
      return " (-3.4028235e38..3.4028235e38)";
    case DType::kFp64:
      return " (-1.7976931348623157e308..1.7976931348623157e308)";
    case DType::kBool:
      return " (true or false)";
    case DType::kBytes:
      break;
  }
  return " (a string)";
}

// What stands at `at` in words; "" when it is not JSON.
std::string NameOfValue(const char* at, const char* end) {
  switch (JsonReader::KindOf(*at)) {
    case JsonReader::Kind::kString:
      return "a string";
    case JsonReader::Kind::kObject:
      return "an object";
    case JsonReader::Kind::kNumber: {
      const char* const number_end = JsonReader::NumberEnd(at, end);
      if (number_end == nullptr) return "";
      return base::Printable({at, static_cast<size_t>(number_end - at)}, 40);
    }
    default:
      break;
  }
  for (const std::string_view word : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
    if (json_element::HasWord(at, end, word)) return std::string(word);
  }
  return "";
}

// The error of a row that ended at what it could not read, after nesting.total elements.
Status RowError(JsonReader& reader, const Row& row, DType dtype, const Nesting& nesting) {
  if (row.end == Row::End::kBadSeparator) return FailAt(reader, row.at, "',' or ']'");
  if (row.at >= reader.end()) return FailAt(reader, reader.end(), "a value");
  if (*row.at == '[') return nesting.Ragged();
  const std::string got = NameOfValue(row.at, reader.end());
  if (got.empty()) return FailAt(reader, row.at, "a value");
  return InvalidArgument(
      StrCat("element ", nesting.total, ": expected ", dtype, RangeOf(dtype), ", got ", got));
}

// The error of Row::End::kFull: counts what is there. `from` is where the array began.
Status CountError(JsonReader from, int64_t expected) {
  SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, MeasureJsonArray(from));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t got, ElementCount(shape));
  return InvalidArgument(StrCat("expected ", expected, " elements, got ", got));
}

template <typename ReadRowAt>
Status Scan(JsonReader& reader, DType dtype, int64_t count, ReadRowAt&& read_row) {
  const JsonReader from = reader;
  Nesting nesting;
  Row row{};
  SLIPWAY_RETURN_IF_ERROR(Walk(reader, nesting, row, read_row));
  if (row.end == Row::End::kFull) return CountError(from, count);
  if (row.end != Row::End::kClosed) return RowError(reader, row, dtype, nesting);
  if (nesting.total == count) return OkStatus();
  return InvalidArgument(StrCat("expected ", count, " elements, got ", nesting.total));
}

}  // namespace

Status ScanJsonNumbers(JsonReader& reader, DType dtype, int64_t count, std::span<std::byte> out,
                       base::CpuLevel level) {
  SLIPWAY_CHECK(out.size() == static_cast<size_t>(count) * SizeOf(dtype) && dtype != DType::kBytes);
  if (!reader.ok()) return reader.status();
  const RowReader read_row = RowReaderOf(dtype);
  const NumberBlockReader read_blocks = NumberBlockReaderOf(dtype, level);
  std::byte* to = out.data();
  int64_t room = count;
  return Scan(reader, dtype, count, [&, end = reader.end()](const char* at) {
    const Row row = ReadRowByBlocks(read_blocks, read_row, SizeOf(dtype), at, end, room, to);
    room -= row.count;
    to += static_cast<size_t>(row.count) * SizeOf(dtype);
    return row;
  });
}

Status ScanJsonScalar(JsonReader& reader, DType dtype, std::span<std::byte> out) {
  SLIPWAY_CHECK(out.size() == SizeOf(dtype) && dtype != DType::kBytes);
  if (!reader.ok()) return reader.status();
  reader.SkipBlanks();
  const char* const from = reader.at();
  if (!reader.SkipValue()) return reader.status();
  // As a list of one element whose end is cut off.
  const Row row = RowReaderOf(dtype)(from, reader.at(), 1, out.data());
  return row.count == 1 ? OkStatus() : RowError(reader, row, dtype, Nesting());
}

Status ScanJsonStrings(JsonReader& reader, int64_t count, std::vector<std::byte>& out) {
  if (!reader.ok()) return reader.status();
  const auto read_string = [&](const char*& at) {
    std::string_view text;
    if (*at != '"') return false;
    reader.set_at(at);
    if (!reader.ReadString(text) || text.size() > std::numeric_limits<uint32_t>::max())
      return false;
    at = reader.at();
    const auto length = static_cast<uint32_t>(text.size());
    const size_t offset = out.size();
    out.resize(offset + sizeof(length) + length);
    std::memcpy(out.data() + offset, &length, sizeof(length));
    if (length > 0) std::memcpy(out.data() + offset + sizeof(length), text.data(), length);
    return true;
  };
  const Status status = Scan(reader, DType::kBytes, count, [&](const char* at) {
    return ReadRow(at, reader.end(), std::numeric_limits<int64_t>::max(), read_string);
  });
  return reader.ok() ? status : reader.status();
}

Result<Shape> MeasureJsonArray(JsonReader& reader, base::CpuLevel level) {
  if (!reader.ok()) return reader.status();
  Nesting nesting;
  Row row{};
  const auto pass_element = [&reader](const char*& at) {
    if (*at == '[' || *at == '{') return false;
    reader.set_at(at);
    double not_finite = 0;
    if (*at == 'N' || *at == 'I' || (*at == '-' && at[1] == 'I')) {
      return json_element::ReadFloat(at, reader.end(), not_finite);
    }
    if (!reader.SkipValue()) return false;
    at = reader.at();
    return true;
  };
  const auto pass_row = [&](const char* at, const char* end, int64_t most, std::byte*) {
    return ReadRow(at, end, most, pass_element);
  };
  SLIPWAY_RETURN_IF_ERROR(Walk(reader, nesting, row, [&](const char* at) {
    return ReadRowByBlocks(NumberBlockCounter(level), pass_row, 0, at, reader.end(),
                           std::numeric_limits<int64_t>::max(), nullptr);
  }));
  if (!reader.ok()) return reader.status();
  if (row.end != Row::End::kClosed) return RowError(reader, row, DType::kBytes, nesting);
  Shape shape;
  for (size_t depth = 1; depth <= kMaxNesting && nesting.length[depth] != Nesting::kUnknown;
       ++depth) {
    if (!shape.Append(nesting.length[depth])) {
      return InvalidArgument(StrCat("expected at most ", kMaxRank, " nested lists"));
    }
  }
  return shape;
}

}  // namespace slipway::tensor
