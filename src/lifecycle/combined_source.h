#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "lifecycle/source.h"

namespace slipway::lifecycle {

// Several sources as one: `slipway serve repository/ extra.onnx`. A model name belongs to the first
// source that has it; the others' models of that name are passed over with a note.
//
// Thread-safe. A listing fails when any source's does: a source that cannot be read must not look
// as if its models were gone.
class CombinedSource final : public Source {
 public:
  explicit CombinedSource(std::vector<std::unique_ptr<Source>> sources);

  base::Result<SourceListing> List() const override;
  base::Result<SourceModel> Find(std::string_view name) const override;

 private:
  const std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace slipway::lifecycle
