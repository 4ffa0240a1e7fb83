#include "frontend/openinference/shared_tensor.h"

#include <utility>

#include "base/str_cat.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::TensorView;

// Strings vary: theirs are counted once they are here.
Status CheckSize(const MatchedInput& match, const tensor::Shape& shape, uint64_t size) {
  if (match.dtype == tensor::DType::kBytes) return OkStatus();
  uint64_t expected = 0;
  if (!__builtin_mul_overflow(static_cast<uint64_t>(match.count), tensor::SizeOf(match.dtype),
                              &expected) &&
      expected == size) {
    return OkStatus();
  }
  return InvalidArgument(StrCat("shared_memory_byte_size is ", size, ", but ", match.dtype, shape,
                                " has ", match.count, " elements of ", tensor::SizeOf(match.dtype),
                                " bytes"));
}

}  // namespace

Result<TensorView> ReadSharedInput(const RegionPlace& place, const MatchedInput& match,
                                   const tensor::Shape& shape, RequestRegions& regions,
                                   ScratchArena& arena) {
  SLIPWAY_ASSIGN_OR_RETURN(const RegionSlice slice, regions.Find(place));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(match, shape, slice.size));
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, regions.Read(slice, arena));
  return TensorView::Create(match.dtype, shape, bytes);
}

Status ShareLastOutput(const RegionPlace& place, InferRequest& request) {
  RequestedOutput& output = request.outputs.back();
  if (output.classes > 0) {
    return InvalidArgument("classifications go into the answer only, not into shared memory");
  }
  SLIPWAY_ASSIGN_OR_RETURN(RegionSlice slice, request.regions.Find(place));
  output.shared = static_cast<int32_t>(request.shared_outputs.size());
  request.shared_outputs.push_back(std::move(slice));
  return OkStatus();
}

Status MoveToRegion(const InferRequest& request, const RequestedOutput& output,
                    tensor::Tensor& tensor) {
  const RegionSlice& slice = request.shared_outputs[static_cast<size_t>(output.shared)];
  const auto bytes = tensor.view().data();
  if (bytes.size() > slice.size) {
    return base::Internal(
        StrCat("has ", bytes.size(), " bytes, but shared_memory_byte_size is ", slice.size));
  }
  SLIPWAY_RETURN_IF_ERROR(slice.region->file.Write(slice.offset, bytes));
  tensor = tensor::Tensor();
  return OkStatus();
}

}  // namespace slipway::frontend::openinference
