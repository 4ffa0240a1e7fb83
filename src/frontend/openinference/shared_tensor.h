#pragma once

#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/openinference/input_matcher.h"
#include "frontend/request_regions.h"
#include "frontend/scratch_arena.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Tensors in shared memory: the same rules and the same words for every protocol.
// Source: Triton, "Shared-Memory Extension".

// Reads an input, which lies in its region as the binary tensor data extension sends it. The view
// is one of `arena`. kInvalidArgument (the size is not that of the tensor, before anything is read)
// and the errors of RequestRegions.
base::Result<tensor::TensorView> ReadSharedInput(const RegionPlace& place,
                                                 const MatchedInput& match,
                                                 const tensor::Shape& shape,
                                                 RequestRegions& regions, ScratchArena& arena);

// The output that was added to `request` last goes to `place`. kInvalidArgument (it is also to be
// classified) and the errors of RequestRegions.
base::Status ShareLastOutput(const RegionPlace& place, InferRequest& request);

// Writes an output of request.shared_outputs into its region and leaves `tensor` empty. kInternal
// when it has more bytes than the client has set aside, as in Triton; nothing is written then.
base::Status MoveToRegion(const InferRequest& request, const RequestedOutput& output,
                          tensor::Tensor& tensor);

}  // namespace slipway::frontend::openinference
