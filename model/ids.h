#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <string>

// Names and numbers that must not be mixed up.

namespace foreshard::model {

template <typename Tag, typename Value>
struct Id {
  Value value{};
  auto operator<=>(const Id&) const = default;
};

using ShardId =
    Id<struct ShardIdTag, std::string>;  // "s-4kq7": random, stable, names the StatefulSet
using MigrationNumber =
    Id<struct MigrationNumberTag, std::int32_t>;  // never reused in a set; names slots and triggers
using Epoch =
    Id<struct EpochTag, std::int64_t>;  // of a routing table; one more per change of ownership
using Attempt = Id<struct AttemptTag, std::int32_t>;  // cutovers tried by one migration
using Token =
    Id<struct TokenTag, std::int64_t>;  // fencing token: record * 2^20 + lease transitions mod 2^20

// Source: design page "migration", section 2. The record comes first: a new leader with an old
// cache has a high lease number and an old view.
constexpr Token MakeToken(std::int64_t record, std::int64_t lease_transitions) {
  return {record * (std::int64_t{1} << 20) + lease_transitions % (std::int64_t{1} << 20)};
}

}  // namespace foreshard::model

template <typename Tag, typename Value>
struct fmt::formatter<foreshard::model::Id<Tag, Value>> : fmt::formatter<Value> {
  template <typename Context>
  auto format(const foreshard::model::Id<Tag, Value>& id, Context& context) const {
    return fmt::formatter<Value>::format(id.value, context);
  }
};
