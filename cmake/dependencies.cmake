# Every dependency comes from a Debian package listed in deploy/packages/build.txt. Nothing is downloaded here.
# Each library has one home (docs: ARCHITECTURE.md); link the imported target only there.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(GTest REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(CLI11 REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(LIBICAL REQUIRED IMPORTED_TARGET libical)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)

# libpg_query ships neither a CMake package nor a .pc file in Debian 12.
find_library(PG_QUERY_LIBRARY NAMES pg_query REQUIRED)
find_path(PG_QUERY_INCLUDE NAMES pg_query.h REQUIRED)
add_library(foreshard_pg_query INTERFACE)
target_link_libraries(foreshard_pg_query INTERFACE "${PG_QUERY_LIBRARY}")
target_include_directories(foreshard_pg_query SYSTEM INTERFACE "${PG_QUERY_INCLUDE}")
