#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "base/log.h"
#include "tests/sim/runner.h"

// foreshard-dst: the simulator of migrations. Its last line is one of counts; exit status 1:
// something was found that should not be there, or was not found that should.

int main(int argc, char** argv) {
  foreshard::sim::RunnerOptions options;
  std::string seeds;
  CLI::App app{"foreshard-dst: simulates migrations under faults, from seeds"};
  app.add_option("--seed", options.first, "one seed");
  app.add_option("--seeds", seeds, "A..B, both included");
  app.add_option("--canary", options.canary,
                 "plant this bug; it must be found. With --seeds: count those that find it");
  app.add_flag("--canaries", options.all_canaries, "plant each bug in turn; each must be found");
  app.add_option("--list-canaries", options.expected_canaries,
                 "fail unless these are all the planted bugs there are")
      ->expected(0, -1);
  app.add_flag("--trace", options.trace, "print every event");
  app.add_option("--ticks", options.ticks, "ticks with faults; 0: drawn from the seed");
  app.add_option("--without", options.without, "switch this fault off (repeatable)");
  app.add_flag("--late", options.late_effects, "effects may come long after their callers gave up");
  app.add_flag("--decide-only", options.decide_only, "short histories of the decisions alone");
  app.add_option("--jobs", options.jobs, "processes side by side");
  app.add_flag("--cover", options.print_cover, "print every cover point with its count");
  app.add_option("--seeds-file", options.seeds_file, "also every seed of this file");
  app.add_option("--extra", options.extra, "also this many seeds derived from --salt");
  app.add_option("--salt", options.salt, "text that the extra seeds are derived from");
  CLI11_PARSE(app, argc, argv);
  foreshard::log::SetLevel(foreshard::log::Level::kError);
  if (!seeds.empty()) {
    const std::size_t dots = seeds.find("..");
    if (dots == std::string::npos) {
      fmt::print(stderr, "--seeds: '{}' is not A..B\n", seeds);
      return 2;
    }
    options.first = std::stoull(seeds.substr(0, dots));
    options.last = std::stoull(seeds.substr(dots + 2));
  } else {
    options.last = options.first;
  }
  return foreshard::sim::RunAll(options);
}
