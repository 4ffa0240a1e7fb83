#include "app/engines/importers.h"

#include <string>
#include <vector>

#include "base/str_cat.h"
#include "import/catboost/catboost_importer.h"
#include "import/lightgbm/lightgbm_importer.h"
#include "import/onnx/onnx_importer.h"
#include "import/pmml/pmml_importer.h"
#include "import/sklearn/sklearn_importer.h"
#include "import/xgboost/xgboost_importer.h"

namespace slipway::app {

std::span<const import::Importer> AllImporters() {
  static const std::vector<import::Importer> kImporters = {
      import::sklearn::SklearnImporter(),   import::xgboost::XgboostImporter(),
      import::lightgbm::LightgbmImporter(), import::catboost::CatboostImporter(),
      import::pmml::PmmlImporter(),         import::onnx::OnnxImporter(),
  };
  return kImporters;
}

const import::Importer* FindImporter(std::span<const std::byte> file) {
  for (const import::Importer& importer : AllImporters()) {
    if (importer.recognizes(file)) return &importer;
  }
  return nullptr;
}

base::Result<import::ImportedModel> ImportBytes(std::span<const std::byte> file,
                                                const import::ImportOptions& options) {
  if (const import::Importer* importer = FindImporter(file)) {
    if (!options.member.empty() && importer->name != import::sklearn::SklearnImporter().name) {
      return base::InvalidArgument(base::StrCat(
          "a member can be chosen of a pickle, joblib or skops file, which may hold several "
          "objects; this is ",
          importer->name));
    }
    return importer->import(file, options);
  }
  if (import::onnx::LooksLikeOnnx(file)) return import::onnx::OnnxImporter().import(file, options);
  std::string known;
  for (const import::Importer& importer : AllImporters()) {
    known += base::StrCat(known.empty() ? "" : ", ", importer.name);
  }
  return base::InvalidArgument(
      base::StrCat("its content looks like no format that can be imported; known: ", known));
}

}  // namespace slipway::app
