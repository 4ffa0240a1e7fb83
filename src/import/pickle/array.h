#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pickle/value.h"

namespace slipway::import::pickle {

// NumPy's arrays and scalars, as versions 1 and 2 and joblib write them. Numbers that one version
// stores as an int, the next as a NumPy scalar and a third as an array of one element: the Read
// functions below take any of these. Source: NumPy 2.4, numpy/_core/src/multiarray/descriptor.c and
// methods.c (__reduce__, __setstate__).

struct ArrayField;

// The type of an element.
struct ArrayType {
  char kind = 'f';  // NumPy's: b i u f c S U V M m O
  uint32_t item_bytes = 0;
  bool big_endian = false;
  std::vector<ArrayField> fields;  // of records, which are kind V
};

// A part of a record.
struct ArrayField {
  std::string_view name;
  char kind = 'f';
  uint32_t item_bytes = 0;
  bool big_endian = false;
  uint64_t offset = 0;  // in the record; the field lies inside of it
};

// An array, or a field of one. A view: borrows from the document.
struct Array {
  ArrayType type;
  std::vector<int64_t> shape;
  bool fortran_order = false;
  uint64_t count = 0;      // elements
  std::string_view bytes;  // element i, in memory order, begins at i * stride
  uint64_t stride = 0;
  std::span<const Value> objects;  // instead of bytes, for kind O
};

// A dtype. kInvalidArgument when it is none, kUnimplemented for records in records.
base::Result<ArrayType> ReadArrayType(const Value& dtype);
// A tuple of dimensions, none negative, at most 32. One integer stands for a tuple of it.
base::Result<std::vector<int64_t>> ReadShape(const Value& shape);
// kInvalidArgument when the size does not fit 63 bits, or an element has no size.
base::Result<uint64_t> ByteSize(const ArrayType& type, std::span<const int64_t> shape);

// Whether `value` is an array or a scalar of NumPy.
bool IsArray(const Value& value);
// An array, matrix, masked array (its data) or NumPy scalar (no dimensions). kInvalidArgument.
base::Result<Array> ReadArray(const Value& value);
// A field of an array of records; nullopt when there is none of that name.
std::optional<Array> FieldOf(const Array& records, std::string_view name);

// The elements in row-major order. Numbers and booleans of any type become doubles, as do numbers
// among objects (None: NaN); what is an integer in the file and does not fit 64 bits is refused.
base::Result<std::vector<double>> ToDoubles(const Array& array);
base::Result<std::vector<int64_t>> ToIntegers(const Array& array);
// Texts of kind U and S, and texts among objects. UTF-8.
base::Result<std::vector<std::string>> ToTexts(const Array& array);

// Single values, in any of their forms.
base::Result<double> ReadNumber(const Value& value);
base::Result<int64_t> ReadInteger(const Value& value);
base::Result<bool> ReadBool(const Value& value);
base::Result<std::string> ReadText(const Value& value);

}  // namespace slipway::import::pickle
