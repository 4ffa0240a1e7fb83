#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "frontend/openinference/infer_decoder.h"
#include "frontend/openinference/infer_request.h"
#include "lifecycle/model.h"
#include "net/http_message.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Reads the body of /predict, the form that small model servers take:
//
//   {"input": [[5.1, 3.5], [6.2, 2.9]]}            a tensor, or rows in the order of the columns
//   {"input": [5.1, 3.5]}                          one row
//   {"input": ["a text", "another"]}               rows of a model with one column
//   {"rows": [{"age": 41, "city": "Rome"}, ...]}   rows by column name; one row may stand alone
//
// and "id"; for models with state also "sequence_id", "sequence_start" and "sequence_end". For a
// model with one input, "input" is that tensor, and "rows" needs the names of its
// columns (Signature::columns). For a model with an input for each column ([batch] or [batch, 1]),
// the inputs' names are the columns'. null is a missing value: NaN, where the dtype has one. Every
// row has every column; keys that are no column are noted in request.ignored. `decoder` gives the
// memory, at most a small multiple of the body. Errors: kInvalidArgument, with row and column.
base::Status DecodePredict(std::span<std::byte> body, const tensor::Signature& signature,
                           InferRequest& request, InferDecoder& decoder,
                           std::vector<tensor::TensorView>& inputs);

// Writes the answer: an object with every output under its own name, a list with an item for each
// row (a number or text where a row has one value, else a list), and "classes" where the model
// names them.
base::Status EncodePredict(const lifecycle::LoadedModel& model, const InferRequest& request,
                           const std::vector<tensor::Tensor>& results, net::HttpResponse& response);

}  // namespace slipway::frontend::openinference
