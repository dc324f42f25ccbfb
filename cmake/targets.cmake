# The only ways to declare something of ours. Folders stay short and uniform.

# foreshard_library(NAME SOURCES a.cpp ... DEPS foreshard_base ... [PRIVATE_DEPS PkgConfig::LIBPQ ...])
function(foreshard_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC foreshard_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  foreshard_use_profile(${name} ${ARG_SOURCES})
endfunction()

# Sources with a profile (profile/NAME.gcda in their folder, made by router/profile/make) are laid out by it. The compiler looks
# beside the object; it reads the format of its own version only. A function that has changed since is compiled as without.
# They are also the sources that the linker of a WHOLE_PROGRAM sees as one.
function(foreshard_use_profile name)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release" OR FORESHARD_MAKE_PROFILE OR FORESHARD_SANITIZE
     OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR NOT CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.")
    return()
  endif()
  foreach(source IN LISTS ARGN)
    set(profile "${CMAKE_CURRENT_SOURCE_DIR}/profile/${source}.gcda")
    if(EXISTS "${profile}")
      set(beside "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/${source}.gcda")
      configure_file("${profile}" "${beside}" COPYONLY)
      set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${beside}" COMPILE_OPTIONS
        "-fprofile-use;-fprofile-correction;-Wp,-fprofile-partial-training;-Wno-coverage-mismatch;-Wno-missing-profile;-flto;-ffat-lto-objects")
    endif()
  endforeach()
endfunction()

# foreshard_program(NAME SOURCES main.cpp DEPS ... [WHOLE_PROGRAM]): lands in build/<preset>/bin.
function(foreshard_program name)
  cmake_parse_arguments(ARG "WHOLE_PROGRAM" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES FORESHARD_WHOLE_PROGRAM ${ARG_WHOLE_PROGRAM})
  target_link_libraries(${name} PRIVATE foreshard_options ${ARG_DEPS})
  foreshard_use_profile(${name} ${ARG_SOURCES})
endfunction()

# foreshard_test(TIER.FOLDER.SUBJECT SOURCES x_test.cpp DEPS ... [LABELS ...] [TIMEOUT s] [PROCESSORS n]
#                [RESOURCE_LOCK name] [ARGS ...])
# One GoogleTest program; the ctest label is the tier (the part before the first dot). A comment "// behaviour-NN" right
# above a TEST says that it proves a behaviour of docs/behaviours.md; its program carries the same label.
function(foreshard_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PROCESSORS" "SOURCES;DEPS;LABELS;RESOURCE_LOCK;ARGS;ENVIRONMENT" ${ARGN})
  string(REPLACE "." "_" target "${name}")
  string(REGEX MATCH "^[^.]+" tier "${name}")
  add_executable(${target} ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  target_link_libraries(${target} PRIVATE foreshard_options ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  foreshard_compile_quickly(${target})
  if(NOT TARGET tier_${tier})  # Builds the programs of one tier: `cmake --build build/asan --target tier_unit`.
    add_custom_target(tier_${tier})
  endif()
  add_dependencies(tier_${tier} ${target})
  add_test(NAME ${name} COMMAND ${target} ${ARG_ARGS} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  foreshard_behaviours(behaviours ${ARG_SOURCES})
  foreshard_test_properties(${name} LABELS ${tier} ${ARG_LABELS} ${behaviours} TIMEOUT ${ARG_TIMEOUT}
                            PROCESSORS ${ARG_PROCESSORS} RESOURCE_LOCK ${ARG_RESOURCE_LOCK}
                            ENVIRONMENT ${ARG_ENVIRONMENT})
endfunction()

# Half of a cold build are tests, each of them run once: what they call is compiled as it is shipped, they themselves are not. The other
# presets have no precompiled headers, so that a missing #include is found.
function(foreshard_compile_quickly target)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    return()
  endif()
  target_compile_options(${target} PRIVATE -O1 -fpch-preprocess)
  if(NOT TARGET foreshard_test_headers)
    add_library(foreshard_test_headers OBJECT "${CMAKE_SOURCE_DIR}/cmake/test_headers.cpp")
    target_link_libraries(foreshard_test_headers PRIVATE foreshard_options fmt::fmt GTest::gtest)
    target_compile_options(foreshard_test_headers PRIVATE -O1 -fpch-preprocess)
    target_precompile_headers(foreshard_test_headers PRIVATE
      <gtest/gtest.h> <fmt/format.h> <algorithm> <chrono> <functional> <map> <memory> <optional> <string> <variant> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM foreshard_test_headers)
endfunction()

function(foreshard_behaviours result)
  set(all "")
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" marks REGEX "^// behaviour-")
    if(marks)
      string(REGEX MATCHALL "behaviour-[0-9][0-9]" numbers "${marks}")
      list(APPEND all ${numbers})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    endif()
  endforeach()
  if(all)
    list(REMOVE_DUPLICATES all)
  endif()
  set(${result} ${all} PARENT_SCOPE)
endfunction()

# foreshard_script_test(TIER.FOLDER.SUBJECT COMMAND ... [LABELS ...] [TIMEOUT s] ...): a test that is not GoogleTest.
function(foreshard_script_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PROCESSORS" "COMMAND;LABELS;RESOURCE_LOCK;ENVIRONMENT" ${ARGN})
  string(REGEX MATCH "^[^.]+" tier "${name}")
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  foreshard_test_properties(${name} LABELS ${tier} ${ARG_LABELS} TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${ARG_PROCESSORS}
                            RESOURCE_LOCK ${ARG_RESOURCE_LOCK} ENVIRONMENT ${ARG_ENVIRONMENT})
endfunction()

# Exit status 77 of a test means: a program it needs is missing. Only `make check` accepts that.
function(foreshard_test_properties name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PROCESSORS" "LABELS;RESOURCE_LOCK;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_PROCESSORS)
    set(ARG_PROCESSORS 1)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${ARG_PROCESSORS}
                       SKIP_RETURN_CODE 77)
  if(ARG_RESOURCE_LOCK)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK "${ARG_RESOURCE_LOCK}")
  endif()
  if(ARG_ENVIRONMENT)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${ARG_ENVIRONMENT}")
  endif()
endfunction()
