foreshard_library(foreshard_fuzz_sql SOURCES sql_generator.cpp DEPS foreshard_base)

foreshard_test(fuzz.router.normalize
  SOURCES normalize_fuzz_test.cpp
  DEPS foreshard_fuzz_sql foreshard_router_brain)
foreshard_test(fuzz.router.classify
  SOURCES classify_fuzz_test.cpp
  DEPS foreshard_fuzz_sql foreshard_router_brain)
foreshard_test(fuzz.router.copy
  SOURCES copy_fuzz_test.cpp
  DEPS foreshard_router_brain)
