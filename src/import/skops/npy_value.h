#pragma once

#include <initializer_list>
#include <string_view>

#include "base/status.h"
#include "import/pickle/document.h"
#include "import/pickle/value.h"

namespace slipway::import::skops {

// Values of NumPy's, as a pickle would describe them: pickle::ReadArray() reads them. The classes
// and functions that they name are made once.
class NumpyValues {
 public:
  explicit NumpyValues(pickle::Document& document) : document_(document) {}

  // The array in an NPY file, versions 1 to 3, also of records. `file` must outlive the document.
  // kInvalidArgument; kUnimplemented for arrays in records. That the data has the right size is
  // left to ReadArray(). Source: NumPy 2.x, numpy.lib.format.
  base::Result<pickle::Value> Array(std::string_view file);
  // The dtype of one.
  base::Result<pickle::Value> DType(std::string_view file);
  // An array of objects: a list of them in row-major order, and a tuple of dimensions.
  base::Result<pickle::Value> ObjectArray(const pickle::Value& shape, const pickle::Value& list);

  // What objects are put together from; none of them stands anywhere in the file.
  base::Result<pickle::Value> Text(std::string_view text);
  base::Result<pickle::Value> Tuple(std::initializer_list<pickle::Value> items);

 private:
  struct Header {
    pickle::Value dtype;
    pickle::Value shape;
    bool fortran_order = false;
    std::string_view data;
  };

  base::Result<Header> ReadHeader(std::string_view file);
  // The dtype that a header describes: a text, or a list of (name, text) for records.
  base::Result<pickle::Value> MakeDType(const pickle::Value& description);
  base::Result<pickle::Value> MakeRecords(const pickle::Value& fields);
  base::Result<pickle::Value> Call(pickle::Value& callable, std::string_view module,
                                   std::string_view name, const pickle::Value& args);

  pickle::Document& document_;
  pickle::Value dtype_;
  pickle::Value from_buffer_;
  pickle::Value reconstruct_;
};

}  // namespace slipway::import::skops
