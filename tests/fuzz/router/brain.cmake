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
# Five minutes and more with sanitizers: other seeds at each repetition.
set(long_targets normalize copy)
set(long_repetitions 40 800)
foreach(target repetitions IN ZIP_LISTS long_targets long_repetitions)
  foreshard_script_test(fuzz.router.${target}_long
    COMMAND fuzz_router_${target} --gtest_repeat=${repetitions} --gtest_shuffle --gtest_random_seed=1
    LABELS long
    TIMEOUT 3600)
endforeach()
