#pragma once

#include <array>

#include "model/migration.h"
#include "model/shard_set.h"
#include "operator/api/fields.h"

// How enums are written in the API. One table each, for reading, writing and messages.

namespace foreshard::op {

inline constexpr std::array<EnumName<model::Strategy>, 2> kStrategyNames = {
    {{model::Strategy::kHash, "Hash"}, {model::Strategy::kRange, "Range"}}};
inline constexpr std::array<EnumName<model::KeyType>, 3> kKeyTypeNames = {
    {{model::KeyType::kBigint, "Bigint"},
     {model::KeyType::kText, "Text"},
     {model::KeyType::kUuid, "Uuid"}}};
inline constexpr std::array<EnumName<model::ScalingMode>, 4> kScalingModeNames = {
    {{model::ScalingMode::kOff, "Off"},
     {model::ScalingMode::kObserve, "Observe"},
     {model::ScalingMode::kRecommend, "Recommend"},
     {model::ScalingMode::kAuto, "Auto"}}};
inline constexpr std::array<EnumName<model::TlsMode>, 3> kTlsModeNames = {
    {{model::TlsMode::kDisable, "Disable"},
     {model::TlsMode::kPrefer, "Prefer"},
     {model::TlsMode::kRequire, "Require"}}};
inline constexpr std::array<EnumName<model::ReadConsistency>, 4> kReadConsistencyNames = {
    {{model::ReadConsistency::kStrong, "Strong"},
     {model::ReadConsistency::kReadYourWrites, "ReadYourWrites"},
     {model::ReadConsistency::kBounded, "Bounded"},
     {model::ReadConsistency::kEventual, "Eventual"}}};
inline constexpr std::array<EnumName<model::DeletionPolicy>, 2> kDeletionPolicyNames = {
    {{model::DeletionPolicy::kRetain, "Retain"}, {model::DeletionPolicy::kDelete, "Delete"}}};
inline constexpr std::array<EnumName<model::MigrationType>, 5> kMigrationTypeNames = {
    {{model::MigrationType::kSplit, "Split"},
     {model::MigrationType::kMove, "Move"},
     {model::MigrationType::kMerge, "Merge"},
     {model::MigrationType::kIsolate, "Isolate"},
     {model::MigrationType::kMoveKeys, "MoveKeys"}}};

template <typename Enum, std::size_t kCount>
std::span<const EnumName<Enum>> Names(const std::array<EnumName<Enum>, kCount>& names) {
  return std::span<const EnumName<Enum>>(names);
}

inline std::string_view ToText(model::Strategy value) {
  return NameOf(Names(kStrategyNames), value);
}
inline std::string_view ToText(model::KeyType value) { return NameOf(Names(kKeyTypeNames), value); }
inline std::string_view ToText(model::ScalingMode value) {
  return NameOf(Names(kScalingModeNames), value);
}
inline std::string_view ToText(model::TlsMode value) { return NameOf(Names(kTlsModeNames), value); }
inline std::string_view ToText(model::ReadConsistency value) {
  return NameOf(Names(kReadConsistencyNames), value);
}
inline std::string_view ToText(model::DeletionPolicy value) {
  return NameOf(Names(kDeletionPolicyNames), value);
}
inline std::string_view ToText(model::MigrationType value) {
  return NameOf(Names(kMigrationTypeNames), value);
}

}  // namespace foreshard::op
