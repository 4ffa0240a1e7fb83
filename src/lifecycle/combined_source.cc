#include "lifecycle/combined_source.h"

#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "base/str_cat.h"

namespace slipway::lifecycle {

using base::Result;
using base::StatusCode;
using base::StrCat;

CombinedSource::CombinedSource(std::vector<std::unique_ptr<Source>> sources)
    : sources_(std::move(sources)) {}

Result<SourceListing> CombinedSource::List() const {
  SourceListing all;
  std::map<std::string, SourceModel> models;
  for (const auto& source : sources_) {
    SLIPWAY_ASSIGN_OR_RETURN(SourceListing listing, source->List());
    for (SourceModel& model : listing.models) {
      const std::string name = model.name;
      if (!models.try_emplace(name, std::move(model)).second) {
        all.notes.push_back(StrCat("model '", name, "' is in several sources: the first is used"));
      }
    }
    std::ranges::move(listing.notes, std::back_inserter(all.notes));
    std::ranges::move(listing.directories, std::back_inserter(all.directories));
  }
  for (auto& [name, model] : models) all.models.push_back(std::move(model));
  return all;
}

Result<SourceModel> CombinedSource::Find(std::string_view name) const {
  for (const auto& source : sources_) {
    Result<SourceModel> model = source->Find(name);
    if (model.ok() || model.status().code() != StatusCode::kNotFound) return model;
  }
  return base::NotFound(
      StrCat("model '", name, "' is in none of the ", sources_.size(), " sources"));
}

}  // namespace slipway::lifecycle
