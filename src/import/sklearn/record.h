#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pickle/array.h"
#include "import/pickle/value.h"

namespace slipway::import::sklearn {

// How much of a message is kept that may quote the file.
inline constexpr size_t kMaxMessageBytes = 1000;

// What the import of one file may still read: an array that many estimators share is read for each
// of them, so a small file could ask for more than any machine has. Shared by all records.
struct Budget {
  uint64_t elements_left = 0;    // of arrays
  uint64_t estimators_left = 0;  // converted
};

// An array of numbers in row-major order.
struct Reals {
  std::vector<int64_t> shape;
  std::vector<double> values;

  int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  // Of an array of two dimensions or more; 1 of any other.
  int64_t columns() const {
    int64_t out = 1;
    for (size_t i = 1; i < shape.size(); ++i) out *= shape[i];
    return out;
  }
  std::span<const double> row(int64_t index) const {
    return std::span(values).subspan(static_cast<size_t>(index * columns()),
                                     static_cast<size_t>(columns()));
  }
};

// An object of the file with its attributes, and where it stands in the model. All errors name that
// place: "steps[1] 'clf' (LogisticRegression): coef_: expected numbers, got a text".
//
// A value. Borrows from the document and the budget. Thread-compatible.
class Record {
 public:
  // kInvalidArgument unless `value` is an object of a class, with attributes or none.
  static base::Result<Record> From(const pickle::Value& value, std::string place, Budget& budget);

  std::string_view module() const { return module_; }
  std::string_view name() const { return name_; }
  const std::string& place() const { return place_; }
  Budget& budget() const { return *budget_; }
  const pickle::Value& value() const { return value_; }
  // The same record, seen at another place.
  std::string PlaceOf(std::string_view attribute) const;

  // The attribute; nullptr when there is none.
  const pickle::Value* Find(std::string_view attribute) const;
  // Whether there is one that is not None.
  bool Has(std::string_view attribute) const;
  // Whether the attribute is that text.
  bool Is(std::string_view attribute, std::string_view text) const;
  // The first of these that the record has: names change between versions.
  std::string_view FirstOf(std::span<const std::string_view> attributes) const;

  // Attributes that must be there. kInvalidArgument when they are not, or are something else.
  base::Result<const pickle::Value*> Get(std::string_view attribute) const;
  base::Result<double> Number(std::string_view attribute) const;
  base::Result<int64_t> Integer(std::string_view attribute) const;
  base::Result<std::string> Text(std::string_view attribute) const;
  base::Result<pickle::Array> Array(std::string_view attribute) const;
  base::Result<Reals> Numbers(std::string_view attribute) const;  // an array or list, or a number
  base::Result<std::vector<int64_t>> Integers(std::string_view attribute) const;
  base::Result<Record> Child(std::string_view attribute) const;
  // The elements of a list, tuple or array of objects.
  base::Result<std::vector<pickle::Value>> List(std::string_view attribute) const;

  // The same with a value for an attribute that is absent or None.
  base::Result<double> NumberOr(std::string_view attribute, double otherwise) const;
  base::Result<int64_t> IntegerOr(std::string_view attribute, int64_t otherwise) const;
  base::Result<bool> BoolOr(std::string_view attribute, bool otherwise) const;
  // Also when the attribute is something else than a text.
  std::string TextOr(std::string_view attribute, std::string_view otherwise) const;

  // kInvalidArgument: the place, and what is wrong there.
  base::Status Damaged(std::string_view what) const;
  base::Status At(std::string_view attribute, const base::Status& status) const;

 private:
  Record(const pickle::Value& value, std::string place, Budget& budget)
      : value_(value), place_(std::move(place)), budget_(&budget) {}

  pickle::Value value_;
  std::string place_;
  Budget* budget_;
  std::string_view module_;
  std::string_view name_;
  // The dicts that hold attributes: one, or two for classes with slots.
  std::vector<const pickle::Node*> attributes_;
};

// The numbers of an array, or of a list or tuple of numbers, against the budget. kInvalidArgument,
// kResourceExhausted.
base::Result<Reals> ReadReals(const pickle::Value& value, Budget& budget);

}  // namespace slipway::import::sklearn
