set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_CXX_FLAGS_RELEASE "-O2")  # CHECK stays on in every build; asserts of libraries do not matter.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(FORESHARD_SANITIZE "" CACHE STRING "address or thread; empty: none")
option(FORESHARD_MAKE_PROFILE "Count what runs, for router/profile/make; slow" OFF)
option(FORESHARD_CRASH_POINTS "Compile in the crash points of migration/crash_points.h" OFF)

find_program(CCACHE ccache)
if(FORESHARD_MAKE_PROFILE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_SOURCE_DIR}/cmake/relative" "${CMAKE_SOURCE_DIR}")
elseif(CCACHE)
  # ccache's manual, "Precompiled headers": without these it caches nothing that uses one. Nobody here uses __TIME__.
  set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
endif()

# Compiler, linker and warnings in one target that everything of ours links.
add_library(foreshard_options INTERFACE)
target_include_directories(foreshard_options INTERFACE "${CMAKE_SOURCE_DIR}")
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(foreshard_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# Sources with a profile are compiled for both (foreshard_use_profile): only the program that they are made for takes the time.
target_link_options(foreshard_options INTERFACE "$<IF:$<BOOL:$<TARGET_PROPERTY:FORESHARD_WHOLE_PROGRAM>>,-flto=auto,-fno-lto>")
if(FORESHARD_CRASH_POINTS)
  target_compile_definitions(foreshard_options INTERFACE FORESHARD_CRASH_POINTS)
endif()
if(FORESHARD_MAKE_PROFILE)
  target_compile_options(foreshard_options INTERFACE -fprofile-generate -fprofile-update=atomic)
  target_link_options(foreshard_options INTERFACE -fprofile-generate)
endif()
if(FORESHARD_SANITIZE STREQUAL "address")
  # g++ 12.2 takes members of std::regex for uninitialized when it adds checks; without the sanitizer it does not.
  target_compile_options(foreshard_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1
                         -Wno-maybe-uninitialized)
  target_link_options(foreshard_options INTERFACE -fsanitize=address,undefined)
elseif(FORESHARD_SANITIZE STREQUAL "thread")
  # g++ 12 warns about atomic_thread_fence under the thread sanitizer.
  target_compile_options(foreshard_options INTERFACE -fsanitize=thread -Wno-tsan -O1 -g1)
  target_link_options(foreshard_options INTERFACE -fsanitize=thread)
elseif(NOT FORESHARD_SANITIZE STREQUAL "")
  message(FATAL_ERROR "FORESHARD_SANITIZE: '${FORESHARD_SANITIZE}' is not known; address, thread or nothing")
endif()
