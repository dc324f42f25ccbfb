foreshard_test(fuzz.router.session
  SOURCES session_fuzz_test.cpp
  DEPS foreshard_router foreshard_fuzz_sql)
foreshard_test(fuzz.router.startup
  SOURCES startup_fuzz_test.cpp
  DEPS foreshard_router
  ARGS --gtest_filter=-*.Long*)
foreshard_script_test(fuzz.router.startup_long
  COMMAND fuzz_router_startup --gtest_filter=*.Long*
  LABELS long
  TIMEOUT 3600)
foreshard_test(fuzz.router.decoder
  SOURCES decoder_fuzz_test.cpp
  DEPS foreshard_router
  ARGS --gtest_filter=-*.Long*)
foreshard_script_test(fuzz.router.decoder_long
  COMMAND fuzz_router_decoder --gtest_filter=*.Long*
  LABELS long
  TIMEOUT 3600)
