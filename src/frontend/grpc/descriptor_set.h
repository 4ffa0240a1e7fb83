#pragma once

#include <cstddef>
#include <span>

namespace slipway::frontend::grpc {

// The files of proto/ as protoc describes them: one encoded google.protobuf.FileDescriptorSet, each
// file after those that it imports. Part of the program; made when it is built.
std::span<const std::byte> DescriptorSet();

}  // namespace slipway::frontend::grpc
