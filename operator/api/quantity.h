#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

// Quantities as Kubernetes writes them: a decimal number with m, k, M, G, T, P, E, Ki, Mi, Gi, Ti,
// Pi, Ei or an exponent.

namespace foreshard::op {

// In whole units, rounded up, as Kubernetes does ("20Gi" -> bytes, "1500m" -> 2). Errors: kGiveUp
// naming the text.
Result<std::int64_t> ParseQuantity(std::string_view text);

// In thousandths ("500m" -> 500, "2" -> 2000), rounded up; beyond int64 it is the largest.
Result<std::int64_t> ParseMilliQuantity(std::string_view text);

}  // namespace foreshard::op
