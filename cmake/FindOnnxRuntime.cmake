# Finds ONNX Runtime and makes onnxruntime::onnxruntime. In this order: ONNXRUNTIME_ROOT (CMake or environment), the
# system, build/third_party/onnxruntime as scripts/setup leaves it. Unless it is the system's, its library is installed
# with the program.

set(onnxruntime_fetched ${PROJECT_SOURCE_DIR}/build/third_party/onnxruntime)
set(onnxruntime_roots ${ONNXRUNTIME_ROOT} $ENV{ONNXRUNTIME_ROOT})

find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_c_api.h
  HINTS ${onnxruntime_roots} PATHS ${onnxruntime_fetched} PATH_SUFFIXES include include/onnxruntime onnxruntime)
find_library(ONNXRUNTIME_LIBRARY onnxruntime
  HINTS ${onnxruntime_roots} PATHS ${onnxruntime_fetched} PATH_SUFFIXES lib lib64)
mark_as_advanced(ONNXRUNTIME_INCLUDE_DIR ONNXRUNTIME_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime
  REQUIRED_VARS ONNXRUNTIME_LIBRARY ONNXRUNTIME_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/setup, or set ONNXRUNTIME_ROOT")

if(OnnxRuntime_FOUND AND NOT TARGET onnxruntime::onnxruntime)
  add_library(onnxruntime::onnxruntime SHARED IMPORTED GLOBAL)
  set_target_properties(onnxruntime::onnxruntime PROPERTIES
    IMPORTED_LOCATION ${ONNXRUNTIME_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE_DIR})
  if(NOT ONNXRUNTIME_LIBRARY MATCHES "^/usr/lib")
    file(REAL_PATH ${ONNXRUNTIME_LIBRARY} onnxruntime_file)
    install(FILES ${onnxruntime_file} DESTINATION lib RENAME libonnxruntime.so.1)
  endif()
endif()
