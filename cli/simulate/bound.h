#pragma once

#include <cstdint>
#include <string_view>

#include "cli/simulate/run.h"
#include "cli/simulate/world.h"

// What no strategy can go below: in every bin as few shards as carry the whole demand, were it
// spread evenly and moved in no time. At the limit: without any overload. At the target: with the
// margin that the API's policy asks for.

namespace foreshard::simulate {

inline constexpr std::string_view kBounds[] = {"bound", "bound-target"};
bool IsBound(std::string_view name);

// REQUIRES: IsBound(name).
RunResult BoundOf(std::string_view name, const Trace& trace, std::uint64_t seed, const World& world,
                  const Options& options);

}  // namespace foreshard::simulate
