#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/random.h"
#include "operator/api/value.h"

// Objects with damage in their structure and in their bytes. The same seed gives the same text.

namespace foreshard::op {

// The same value with about `likely` of its nodes damaged.
Value Damaged(Random& random, const Value& value, double likely);

// A damaged `good`, cut and overwritten here and there. REQUIRES: JSON.
std::string DrawDamaged(Random& random, const std::string& good);

// Bytes -> whether they were accepted; a claim that fails names the seed by the scoped trace.
void FuzzDamaged(const std::string& good, std::uint64_t seeds,
                 const std::function<bool(const std::string&)>& one);

}  // namespace foreshard::op
