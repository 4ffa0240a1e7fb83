# A room is one folder of src/, one namespace and one target; see docs/architecture.md for the list.
#
#   slipway_room(NAME [SRCS file...] [DEPS slipway::room...] [LIBS target...]
#                [TESTS file...] [BENCHMARKS file...]
#                [TESTING file...] [TEST_DEPS slipway::room...])
#
# NAME        the folder below src/: base, or engine/onnxruntime for a room within a room.
# SRCS        the room's sources; none makes a header-only room.
# DEPS        rooms that this room includes from. tests/layering_test.py holds this list and the #include lines together.
# LIBS        libraries from outside.
# TESTS       become one program, <room>_test, and one CTest entry of that name.
# BENCHMARKS  become one program, <room>_benchmark.
# TESTING     sources of fakes for other rooms' tests: target slipway::<room>_testing.
# TEST_DEPS   rooms, or their _testing targets, that only the tests and benchmarks include from.
#
# Slashes become underscores: engine/onnxruntime is slipway::engine_onnxruntime and engine_onnxruntime_test.
function(slipway_room NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SRCS;DEPS;LIBS;TESTS;BENCHMARKS;TESTING;TEST_DEPS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "room ${NAME}: unexpected '${ARG_UNPARSED_ARGUMENTS}'")
  endif()
  if("${ARG_LIBS}" MATCHES "slipway::")
    message(FATAL_ERROR "room ${NAME}: rooms belong into DEPS, not LIBS")
  endif()
  if(NOT BUILD_TESTING)
    set(ARG_TEST_DEPS "")
  endif()
  foreach(dep IN LISTS ARG_DEPS ARG_TEST_DEPS)
    if(NOT TARGET ${dep})
      message(FATAL_ERROR "room ${NAME} uses ${dep}, which is not part of this build (SLIPWAY_ROOMS=${SLIPWAY_ROOMS})")
    endif()
  endforeach()
  string(REPLACE "/" "_" room ${NAME})

  set(library slipway_${room})
  if(ARG_SRCS)
    add_library(${library} STATIC ${ARG_SRCS})
    set(scope PUBLIC)
    slipway_warnings(${library})
  else()
    add_library(${library} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(slipway::${room} ALIAS ${library})
  target_include_directories(${library} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${library} ${scope} ${ARG_DEPS} ${ARG_LIBS})

  if(NOT BUILD_TESTING)
    return()
  endif()
  set(for_tests slipway::${room} ${ARG_TEST_DEPS})
  if(ARG_TESTING)
    add_library(${library}_testing STATIC ${ARG_TESTING})
    add_library(slipway::${room}_testing ALIAS ${library}_testing)
    slipway_warnings(${library}_testing)
    target_link_libraries(${library}_testing PUBLIC slipway::${room} GTest::gmock)
    list(APPEND for_tests slipway::${room}_testing)
  endif()
  if(ARG_TESTS)
    add_executable(${room}_test ${ARG_TESTS})
    slipway_warnings(${room}_test)
    target_link_libraries(${room}_test PRIVATE ${for_tests} GTest::gmock_main)
    add_test(NAME ${room}_test COMMAND ${room}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
  if(ARG_BENCHMARKS AND SLIPWAY_BENCHMARKS)
    add_executable(${room}_benchmark ${ARG_BENCHMARKS})
    slipway_warnings(${room}_benchmark)
    target_link_libraries(${room}_benchmark PRIVATE ${for_tests} benchmark::benchmark_main)
  endif()
endfunction()

# A program that users run: slipway_program(slipway SRCS main.cc DEPS slipway::app). Installed into bin/.
function(slipway_program NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SRCS;DEPS;LIBS")
  add_executable(${NAME} ${ARG_SRCS})
  slipway_warnings(${NAME})
  target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} ${ARG_LIBS})
  install(TARGETS ${NAME} RUNTIME DESTINATION bin)
endfunction()

function(slipway_warnings TARGET)
  target_compile_options(
    ${TARGET}
    PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
            # g++ 12 sees overlapping copies in `"text" + std::string` at -O3 (GCC bug 105329).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
            $<$<BOOL:${SLIPWAY_WERROR}>:-Werror>)
endfunction()
