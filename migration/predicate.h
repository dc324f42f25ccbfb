#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "migration/spec.h"

// K as SQL: row filters, triggers, copies, digests and deletes use this text and no other.

namespace foreshard::migration {

// A boolean expression over `column`, which is SQL already: `"customer_id"`, `NEW."customer_id"`.
// Uses built-in immutable functions only, so that a publication accepts it. Values stand in it as
// typed literals.
//
// REQUIRES: range bounds and keys are canonical, as a MigrationSpec's are.
std::string PredicateSql(const MigrationSpec& spec, std::string_view column);

// `column` hashed with a seed, as the strategy's own hash function does it: hashint8extended("id",
// 1).
std::string HashSql(model::KeyType type, std::string_view column, int seed);

// kind, lower_bound, upper_bound, keys of the row in foreshard.range. Bounds are the canonical
// texts of the API; an open end is no value.
struct RangeRowValues {
  std::string kind;
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;
  // Array literal: K of kind keys, else the pinned keys that K leaves out. Routers read the former.
  std::optional<std::string> keys;
};
RangeRowValues RangeRowOf(const MigrationSpec& spec);

}  // namespace foreshard::migration
