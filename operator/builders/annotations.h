#pragma once

// What a person can say to the operator by an annotation (docs/behaviours.md).

namespace foreshard::op {

// On a ShardSet, "true": it is watched and told about, and nothing is changed.
inline constexpr const char* kPauseAnnotation = "foreshard.dev/pause";
// On an object that somebody else made and whose name a set needs: the set that may take it over.
inline constexpr const char* kAdoptAnnotation = "foreshard.dev/adopt";

// What the operator makes says by whom it is managed.
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kManagedBy = "foreshard-operator";

}  // namespace foreshard::op
