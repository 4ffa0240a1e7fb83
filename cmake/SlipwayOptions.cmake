# Compiler settings that hold for every target of ours. Presets choose among them.

option(BUILD_TESTING "Build the tests beside the code" ON)
option(SLIPWAY_BENCHMARKS "Build the benchmarks beside the code (needs BUILD_TESTING: both use the fakes)" ON)
option(SLIPWAY_FUZZ "Build fuzz targets (Clang only)" OFF)
option(SLIPWAY_WERROR "Treat warnings as errors" OFF)
set(SLIPWAY_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=: address,undefined or thread")
if(BUILD_TESTING)
  enable_testing()
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # installing needs the program, not the tests

# Hardened like Debian's own programs; the same machine code wherever the source lies.
include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)
add_compile_options(-fstack-protector-strong -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

# The oldest processor we run on: x86-64-v2 is every server since 2009. Faster paths are chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v2)
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -D_FORTIFY_SOURCE=2")  # assert() stays on
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1 -D_FORTIFY_SOURCE=2")

if(SLIPWAY_SANITIZE)
  # Reports name lines, for which -g1 is enough: the build takes two thirds of the time.
  string(REPLACE "-O1 -g " "-O1 -g1 " CMAKE_CXX_FLAGS_DEBUG "${CMAKE_CXX_FLAGS_DEBUG}")
  add_compile_options(-fsanitize=${SLIPWAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SLIPWAY_SANITIZE})
endif()
if(SLIPWAY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# The program finds libonnxruntime beside itself once installed, in the build tree before that.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
