// JSON into tensors, against simdjson: both accept and refuse the same texts, and where both read a
// value it is the same one. What follows the text must never matter.
//
// The first byte picks the dtype, the rest is the text. Where the two differ on purpose:
//   depth:    ours ends at 100 (kMaxDepth), simdjson's at 1024
//   numbers:  simdjson refuses what fits into no 64-bit type while it reads; ours passes any number
//   and
//             refuses it where a type is asked for
//   strings:  simdjson 3.0 lets a lone low surrogate through

#include <simdjson.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/decimal.h"
#include "tensor/json_number_scanner.h"
#include "tensor/json_reader.h"
#include "tensor/json_writer.h"
#include "tensor/tensor.h"

namespace slipway::tensor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// The text with something behind it, in memory of exactly that size.
class Padded {
 public:
  Padded(std::string_view text, char padding) : memory_(text.size() + JsonReader::kPadding) {
    if (!text.empty()) std::memcpy(memory_.data(), text.data(), text.size());
    std::memset(memory_.data() + text.size(), padding, JsonReader::kPadding);
    text_ = {memory_.data(), text.size()};
  }
  std::span<char> text() { return text_; }

 private:
  std::vector<char> memory_;
  std::span<char> text_;
};

base::Status Skip(std::string_view text, char padding) {
  Padded padded(text, padding);
  JsonReader reader(padded.text());
  reader.SkipValue();
  reader.Finish();
  return reader.status();
}

std::optional<std::vector<std::byte>> Scan(std::string_view text, DType dtype, int64_t count,
                                           char padding, base::CpuLevel level) {
  Padded padded(text, padding);
  JsonReader reader(padded.text());
  std::vector<std::byte> out(static_cast<size_t>(count) * SizeOf(dtype));
  const base::Status status = dtype == DType::kBytes
                                  ? ScanJsonStrings(reader, count, out)
                                  : ScanJsonNumbers(reader, dtype, count, out, level);
  if (!status.ok() || !reader.Finish()) return std::nullopt;
  return out;
}

// The scanned bytes, the same at every level; nullopt when refused.
std::optional<std::vector<std::byte>> Scan(std::string_view text, DType dtype, int64_t count,
                                           char padding) {
  auto bytes = Scan(text, dtype, count, padding, base::HighestCpuLevel());
  Require(Scan(text, dtype, count, padding, base::CpuLevel::kBaseline) == bytes);
  return bytes;
}

bool HasLowSurrogateEscape(std::string_view text) {
  for (size_t i = 0; i + 3 < text.size(); ++i) {
    if (text[i] == 'u' && (text[i + 1] | 0x20) == 'd' && (text[i + 2] | 0x20) >= 'c') return true;
  }
  return false;
}

// Ours and simdjson's verdict on the grammar.
void CompareGrammar(std::string_view text, simdjson::error_code theirs) {
  const base::Status ours = Skip(text, '7');
  for (const char padding : {']', '"', ' '}) Require(Skip(text, padding) == ours);
  if (ours.ok() == (theirs == simdjson::SUCCESS)) return;
  if (ours.ok()) {
    // A number without a 64-bit type; which error it gets differs with the form.
    Require(theirs == simdjson::NUMBER_ERROR);
  } else {
    Require(ours.message().find("nested") != std::string::npos || HasLowSurrogateEscape(text));
  }
}

// One element as simdjson has it and as ours has it.
void CompareElement(simdjson::dom::element element, DType dtype, const std::byte* ours) {
  if (dtype == DType::kFp64) {
    double expected = 0;
    double got = 0;
    Require(element.get_double().get(expected) == simdjson::SUCCESS);
    std::memcpy(&got, ours, sizeof(got));
    Require(got == expected);
  } else if (dtype == DType::kFp32) {
    double exact = 0;
    float got = 0;
    Require(element.get_double().get(exact) == simdjson::SUCCESS);
    std::memcpy(&got, ours, sizeof(got));
    // Where rounding twice may differ from once, ours is a neighbour of the other.
    const auto twice = static_cast<float>(exact);
    Require(got == twice ||
            (decimal::IsBetweenFloats(exact) && std::nextafterf(twice, got) == got) ||
            std::fabs(exact) < 1.2e-38);
  } else if (dtype == DType::kInt64) {
    int64_t expected = 0;
    int64_t got = 0;
    Require(element.get_int64().get(expected) == simdjson::SUCCESS);
    std::memcpy(&got, ours, sizeof(got));
    Require(got == expected);
  } else if (dtype == DType::kUint64) {
    uint64_t expected = 0;
    uint64_t got = 0;
    Require(element.get_uint64().get(expected) == simdjson::SUCCESS);
    std::memcpy(&got, ours, sizeof(got));
    Require(got == expected);
  }
}

// Elements of lists within lists, in order.
void Flatten(simdjson::dom::element element, std::vector<simdjson::dom::element>& out) {
  simdjson::dom::array list;
  if (element.get_array().get(list) != simdjson::SUCCESS) {
    out.push_back(element);
    return;
  }
  for (const simdjson::dom::element item : list) Flatten(item, out);
}

// Reads the text as a tensor, with the number of elements that simdjson finds in it.
void CompareTensor(std::string_view text, DType dtype, simdjson::error_code error,
                   simdjson::dom::element root) {
  Padded padded(text, '7');
  JsonReader reader(padded.text());
  const base::Result<Shape> shape = MeasureJsonArray(reader);
  if (!shape.ok()) return;
  const int64_t count = *ElementCount(*shape);
  const auto ours = Scan(text, dtype, count, '7');
  for (const char padding : {']', ',', 'e', '.'})
    Require(Scan(text, dtype, count, padding) == ours);
  Require(!Scan(text, dtype, count + 1, '7').has_value());
  if (!ours) return;
  const base::Result<TensorView> view = TensorView::Create(dtype, {count}, *ours);
  Require(view.ok());
  // What is read is written, and read again as the same.
  std::string written;
  Require(AppendJsonArray(*view, NotFinite::kLiteral, written).ok());
  const auto again = Scan(written, dtype, count, '7');
  Require(again.has_value() && (*again == *ours || written.find("NaN") != std::string::npos));
  if (error != simdjson::SUCCESS || SizeOf(dtype) == 0) return;
  std::vector<simdjson::dom::element> theirs;
  Flatten(root, theirs);
  Require(theirs.size() == static_cast<size_t>(count));
  for (size_t i = 0; i < theirs.size(); ++i) {
    CompareElement(theirs[i], dtype, ours->data() + i * SizeOf(dtype));
  }
}

void CompareString(std::string_view text, simdjson::dom::element root) {
  std::string_view expected;
  if (root.get_string().get(expected) != simdjson::SUCCESS) return;
  Padded padded(text, '"');
  JsonReader reader(padded.text());
  std::string_view got;
  if (!reader.ReadString(got)) {
    Require(HasLowSurrogateEscape(text));
    return;
  }
  Require(got == expected);
}

}  // namespace
}  // namespace slipway::tensor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slipway::tensor;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const DType dtype = kAllDTypes[data[0] % kDTypeCount];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const simdjson::padded_string padded(text);
  const simdjson::error_code error = parser.parse(padded).get(root);
  CompareGrammar(text, error);
  CompareTensor(text, dtype, error, root);
  if (error == simdjson::SUCCESS) CompareString(text, root);
  return 0;
}
