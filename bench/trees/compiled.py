# SPDX-License-Identifier: Apache-2.0
"""Models as programs: what tl2cgen, lleaves and CatBoost's own export make of them, as shared libraries."""

import shutil
import subprocess

import catboost

# Behind CatBoost's export, whose functions take vectors.
CATBOOST_ENTRY = """
extern "C" double predict_row(const float* row, size_t features) {
  static thread_local std::vector<float> all;
  all.assign(row, row + features);
  return ApplyCatboostModel(all);
}
"""


def with_tl2cgen(case, model, folder):
    import tl2cgen
    import treelite
    frontend = treelite.frontend
    trees = (frontend.load_xgboost_model(model, format_choice="ubjson") if case.library == "xgb"
             else frontend.load_lightgbm_model(model))
    source, library = folder / "source", folder / "tl2cgen.so"
    tl2cgen.generate_c_code(trees, dirpath=str(source), params={})
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", library, *source.glob("*.c"), "-lm"], check=True)
    return library


def with_lleaves(case, model, folder, trees_per_block):
    """lleaves keeps trees together in blocks for the caches; its manual advises one block for single rows."""
    import lleaves
    code, library = folder / f"lleaves{trees_per_block}.o", folder / f"lleaves{trees_per_block}.so"
    lleaves.Model(model_file=str(model)).compile(cache=str(code), raw_score=case.classes == 1, fblocksize=trees_per_block)
    subprocess.run(["cc", "-shared", "-Wl,-z,notext", "-o", library, code, "-lm"], check=True)
    return library


def with_catboost(model, folder):
    source, library = folder / "catboost.cpp", folder / "catboost.so"
    catboost.CatBoost().load_model(model).save_model(source, format="cpp")
    source.write_text(source.read_text() + CATBOOST_ENTRY)
    subprocess.run(["c++", "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def compiled(case, model, folder):
    """By name, the shared libraries that can be had of a model: those of few and small trees, since more take minutes to
    compile. They are kept beside the model."""
    if shutil.which("cc") is None or case.trees > 100 or case.size > 6 or case.library not in ("xgb", "lgb", "cat"):
        return {}
    kept = model.with_name(model.name + ".compiled")
    ways = {}
    if case.library == "cat":
        ways["catboost_cpp"] = lambda: with_catboost(model, folder)
    else:
        ways["tl2cgen"] = lambda: with_tl2cgen(case, model, folder)
    if case.library == "lgb":
        ways["lleaves"] = lambda: with_lleaves(case, model, folder, 34)
        ways["lleaves_one_block"] = lambda: with_lleaves(case, model, folder, case.trees)
    libraries = {}
    for name, make in ways.items():
        libraries[name] = kept / f"{name}.so"
        if not libraries[name].exists():
            kept.mkdir(exist_ok=True)
            shutil.copy(make(), libraries[name])
    return libraries
