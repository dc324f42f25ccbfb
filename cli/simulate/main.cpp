// foreshard-simulate: replays a trace against the planner. It does nothing useful yet and says so.

#include <fmt/format.h>

#include <cstdio>

int main() {
  fmt::print(stderr,
             "foreshard-simulate does nothing useful yet. `foreshard-forecast backtest --trace FILE` scores the "
             "forecasts of a trace;\nthe planner is tested in tests/unit/planner and in `make demo`.\n");
  return 2;
}
