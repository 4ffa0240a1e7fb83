#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/status.h"
#include "base/str_cat.h"
#include "frontend/grpc/infer_message.h"

namespace slipway::frontend::grpc {

// One InferParameter, as openinference/parameter_rules.h wants its values.
class ParameterValue {
 public:
  explicit ParameterValue(const InferParameter& parameter) : parameter_(parameter) {}

  bool IsString() const { return parameter_.form == Form::kString; }
  bool ReadBool(bool& value) {
    value = parameter_.bits != 0;
    return parameter_.form == Form::kBool || Fail("bool_param");
  }
  // Integers are taken from either form: clients differ in which one they use.
  bool ReadInt64(int64_t& value) {
    value = static_cast<int64_t>(parameter_.bits);
    if (parameter_.form == Form::kInt64) return true;
    if (parameter_.form != Form::kUint64) return Fail("int64_param");
    return value >= 0 || Fail("an integer below 2^63");
  }
  bool ReadUint64(uint64_t& value) {
    value = parameter_.bits;
    if (parameter_.form == Form::kUint64) return true;
    if (parameter_.form != Form::kInt64) return Fail("uint64_param or int64_param");
    return static_cast<int64_t>(value) >= 0 || Fail("an integer of at least 0");
  }
  bool ReadString(std::string_view& value) {
    value = parameter_.text;
    return parameter_.form == Form::kString || Fail("string_param");
  }
  // Any form will do, also none: stubs without uint64_param send that.
  base::Status SkipScalar() const { return base::OkStatus(); }
  base::Status status() const { return status_; }

 private:
  using Form = InferParameter::Form;
  bool Fail(std::string_view expected) {
    status_ = base::InvalidArgument(base::StrCat("expected ", expected, ", got ", Got()));
    return false;
  }
  std::string Got() const {
    switch (parameter_.form) {
      case Form::kNone:
        return "no value";
      case Form::kBool:
        return "bool_param";
      case Form::kInt64:
        return base::StrCat("int64_param ", static_cast<int64_t>(parameter_.bits));
      case Form::kString:
        return "string_param";
      case Form::kDouble:
        return "double_param";
      case Form::kUint64:
        return base::StrCat("uint64_param ", parameter_.bits);
    }
    return "";
  }

  const InferParameter& parameter_;
  base::Status status_;
};

}  // namespace slipway::frontend::grpc
