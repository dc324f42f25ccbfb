foreshard_test(fuzz.router.session
  SOURCES session_fuzz_test.cpp
  DEPS foreshard_router foreshard_fuzz_sql)
