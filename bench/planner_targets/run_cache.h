#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/simulate/run.h"

// Keeps the result of each run (trace, strategy, seed, world), so that a benchmark of hours can be
// ended and begun again. Only for the program that made it: another build, another trace or other
// options find nothing.

namespace foreshard::bench {

class RunCache {
 public:
  // `folder`: made if it is not there; empty: nothing is kept. `program`: a fingerprint of the
  // program's bytes.
  RunCache(std::string folder, std::uint64_t program);

  // Of the file that runs now; 0 if it cannot be read.
  static std::uint64_t Program();

  std::optional<simulate::RunResult> Find(const simulate::Trace& trace,
                                          const simulate::Options& options, std::uint64_t seed,
                                          const std::string& strategy) const;
  // A file that is begun and not finished is never found. Errors: kGiveUp naming the file.
  Status Keep(const simulate::Trace& trace, const simulate::Options& options,
              const simulate::RunResult& run) const;

 private:
  std::string PathOf(const simulate::Trace& trace, const simulate::Options& options,
                     std::uint64_t seed, const std::string& strategy) const;

  std::string folder_;
  std::uint64_t program_;
};

}  // namespace foreshard::bench
