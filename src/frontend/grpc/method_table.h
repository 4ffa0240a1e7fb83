#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "frontend/grpc/unary_call.h"

namespace slipway::frontend::grpc {

// One method that we answer.
struct Method {
  enum class Kind : uint8_t { kInfer, kStreamInfer, kUnary, kHealthWatch, kReflection };

  std::string_view path;  // "/package.Service/Method"
  Kind kind = Kind::kUnary;
  UnaryCall::Answer answer = nullptr;  // kUnary

  std::string_view service() const { return path.substr(1, path.rfind('/') - 1); }
  std::string_view name() const { return path.substr(path.rfind('/') + 1); }
};

// Every method, the busiest first, those of one service together: calls are dispatched by this
// table, and reflection and health know services from it.
std::span<const Method> Methods();

// nullptr when there is no such method.
const Method* FindMethod(std::string_view path);
// Whether a service of ours has that full name.
bool IsService(std::string_view name);

}  // namespace slipway::frontend::grpc
