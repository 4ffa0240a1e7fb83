#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "import/pickle/array.h"
#include "import/pickle/literals.h"
#include "tensor/dtype.h"

namespace slipway::import::pickle {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using Kind = Value::Kind;

// Element `index` in memory order, its bytes turned to little-endian.
template <typename T>
T Load(const Array& array, uint64_t index) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), array.bytes.data() + index * array.stride, sizeof(T));
  if (array.type.big_endian) {
    for (size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  return std::bit_cast<T>(bytes);
}

// Reads one number of the array as T, a double or an int64.
template <typename T>
using Reader = T (*)(const Array&, uint64_t);

template <typename T, typename Stored>
T LoadAs(const Array& array, uint64_t index) {
  return static_cast<T>(Load<Stored>(array, index));
}

template <typename T>
T LoadHalf(const Array& array, uint64_t index) {
  return static_cast<T>(tensor::ToFloat(tensor::Fp16{Load<uint16_t>(array, index)}));
}

template <typename T>
struct NumberForm {
  char kind;
  uint32_t item_bytes;
  Reader<T> read;
};

template <typename T>
constexpr std::array<NumberForm<T>, 12> kNumberForms = {{
    {'f', 8, LoadAs<T, double>},
    {'f', 4, LoadAs<T, float>},
    {'f', 2, LoadHalf<T>},
    {'i', 8, LoadAs<T, int64_t>},
    {'i', 4, LoadAs<T, int32_t>},
    {'i', 2, LoadAs<T, int16_t>},
    {'i', 1, LoadAs<T, int8_t>},
    {'u', 8, LoadAs<T, uint64_t>},
    {'u', 4, LoadAs<T, uint32_t>},
    {'u', 2, LoadAs<T, uint16_t>},
    {'u', 1, LoadAs<T, uint8_t>},
    {'b', 1, LoadAs<T, uint8_t>},

}};

// Steps through an array in row-major order: gives the position of each element in memory.
class RowMajorOrder {
 public:
  explicit RowMajorOrder(const Array& array)
      : shape_(array.shape), index_(shape_.size(), 0), steps_(shape_.size(), 1) {
    const bool fortran = array.fortran_order;
    uint64_t step = 1;
    for (size_t k = 0; k < shape_.size(); ++k) {
      const size_t axis = fortran ? k : shape_.size() - 1 - k;
      steps_[axis] = step;
      step *= static_cast<uint64_t>(shape_[axis]);
    }
  }
  uint64_t position() const { return position_; }
  void Next() {
    for (size_t axis = shape_.size(); axis-- > 0;) {
      position_ += steps_[axis];
      if (++index_[axis] < shape_[axis]) return;
      position_ -= steps_[axis] * static_cast<uint64_t>(shape_[axis]);
      index_[axis] = 0;
    }
  }

 private:
  const std::span<const int64_t> shape_;
  std::vector<int64_t> index_;
  std::vector<uint64_t> steps_;
  uint64_t position_ = 0;
};

// Calls `read(position)` for each element, in row-major order. Objects are in that order always.
template <typename T, typename Read>
Result<std::vector<T>> Collect(const Array& array, const Read& read) {
  std::vector<T> out;
  out.reserve(array.count);
  RowMajorOrder order(array);
  for (uint64_t i = 0; i < array.count; ++i, order.Next()) {
    SLIPWAY_ASSIGN_OR_RETURN(T one, read(array.fortran_order ? order.position() : i));
    out.push_back(std::move(one));
  }
  return out;
}

base::Status NotNumbers(const Array& array, std::string_view wanted) {
  return InvalidArgument(StrCat("expected ", wanted, ", got an array of kind ", array.type.kind,
                                array.type.item_bytes));
}

template <typename T>
Result<std::vector<T>> CollectNumbers(const Array& array) {
  for (const NumberForm<T>& form : kNumberForms<T>) {
    if (form.kind != array.type.kind || form.item_bytes != array.type.item_bytes) continue;
    return Collect<T>(array, [&](uint64_t at) { return Result<T>(form.read(array, at)); });
  }
  return NotNumbers(array, "numbers");
}

// A text of fixed size: 4 bytes a character, with zeros behind it.
std::string LoadUnicode(const Array& array, uint64_t index) {
  Array one = array;
  one.bytes.remove_prefix(index * array.stride);
  one.stride = sizeof(uint32_t);
  const uint64_t characters = array.type.item_bytes / sizeof(uint32_t);
  std::string out;
  size_t last = 0;  // the end of the last character that is not zero
  for (uint64_t i = 0; i < characters; ++i) {
    const auto code_point = Load<uint32_t>(one, i);
    AppendUtf8(out, code_point & 0x1FFFFF);
    if (code_point != 0) last = out.size();
  }
  out.resize(last);
  return out;
}

std::string LoadBytes(const Array& array, uint64_t index) {
  std::string_view text = array.bytes.substr(index * array.stride, array.type.item_bytes);
  while (text.ends_with('\0')) text.remove_suffix(1);
  return std::string(text);
}

// An array of one element, whatever its dimensions.
Result<Array> ReadSingle(const Value& value) {
  SLIPWAY_ASSIGN_OR_RETURN(Array array, ReadArray(value));
  if (array.count != 1) {
    return InvalidArgument(StrCat("expected one number, got ", array.count));
  }
  return array;
}

}  // namespace

Result<std::vector<double>> ToDoubles(const Array& array) {
  if (array.type.kind != 'O') return CollectNumbers<double>(array);
  return Collect<double>(array, [&](uint64_t at) -> Result<double> {
    if (array.objects[at].Is(Kind::kNone)) return std::numeric_limits<double>::quiet_NaN();
    return ReadNumber(array.objects[at]);
  });
}

Result<std::vector<int64_t>> ToIntegers(const Array& array) {
  if (array.type.kind == 'O') {
    return Collect<int64_t>(array, [&](uint64_t at) { return ReadInteger(array.objects[at]); });
  }
  if (array.type.kind != 'f') return CollectNumbers<int64_t>(array);
  // Whole numbers in floats, as class codes sometimes are.
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> reals, CollectNumbers<double>(array));
  std::vector<int64_t> out;
  out.reserve(reals.size());
  for (const double real : reals) {
    if (!(std::abs(real) < 9e15) || real != std::trunc(real)) return NotNumbers(array, "integers");
    out.push_back(static_cast<int64_t>(real));
  }
  return out;
}

Result<std::vector<std::string>> ToTexts(const Array& array) {
  switch (array.type.kind) {
    case 'U':
      return Collect<std::string>(
          array, [&](uint64_t at) { return Result<std::string>(LoadUnicode(array, at)); });
    case 'S':
      return Collect<std::string>(
          array, [&](uint64_t at) { return Result<std::string>(LoadBytes(array, at)); });
    case 'O':
      return Collect<std::string>(array, [&](uint64_t at) { return ReadText(array.objects[at]); });
    default:
      return NotNumbers(array, "texts");
  }
}

Result<double> ReadNumber(const Value& value) {
  if (value.Is(Kind::kFloat)) return value.real();
  if (value.Is(Kind::kInt) || value.Is(Kind::kBool)) return static_cast<double>(value.integer());
  if (!IsArray(value)) {
    return InvalidArgument(StrCat("expected a number, got ", KindName(value.kind())));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Array array, ReadSingle(value));
  if (array.type.kind == 'O') return InvalidArgument("expected a number, got an object");
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> numbers, ToDoubles(array));
  return numbers.front();
}

Result<int64_t> ReadInteger(const Value& value) {
  if (value.Is(Kind::kInt) || value.Is(Kind::kBool)) return value.integer();
  if (value.Is(Kind::kFloat)) {
    const double real = value.real();
    if (std::abs(real) < 9e15 && real == std::trunc(real)) return static_cast<int64_t>(real);
    return InvalidArgument(StrCat("expected an integer, got ", real));
  }
  if (!IsArray(value)) {
    return InvalidArgument(StrCat("expected an integer, got ", KindName(value.kind())));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Array array, ReadSingle(value));
  if (array.type.kind == 'O') return InvalidArgument("expected an integer, got an object");
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, ToIntegers(array));
  return numbers.front();
}

Result<bool> ReadBool(const Value& value) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, ReadInteger(value));
  return number != 0;
}

Result<std::string> ReadText(const Value& value) {
  if (value.Is(Kind::kText)) return std::string(value.node().text);
  if (!IsArray(value)) {
    return InvalidArgument(StrCat("expected a text, got ", KindName(value.kind())));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Array array, ReadSingle(value));
  if (array.type.kind == 'O') return InvalidArgument("expected a text, got an object");
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::string> texts, ToTexts(array));
  return texts.front();
}

}  // namespace slipway::import::pickle
