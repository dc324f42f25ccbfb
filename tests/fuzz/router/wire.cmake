foreshard_test(fuzz.router.startup
  SOURCES startup_fuzz_test.cpp
  DEPS foreshard_router)
foreshard_test(fuzz.router.session
  SOURCES session_fuzz_test.cpp
  DEPS foreshard_router foreshard_fuzz_sql)
