#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What admission says of an object: the checks of the loop (operator/api), made before the object
// is stored. Pure.

namespace foreshard::op {

// Each costs some hundred bytes while a review is read; a set of 1,000 shards has 100,000.
inline constexpr std::size_t kReviewValuesMax = 200'000;
inline constexpr std::size_t kRefusalBytesMax = 4'096;

struct ReviewAnswer {
  enum class Verdict { kAllowed, kRefused, kUnreadable };
  Verdict verdict = Verdict::kUnreadable;
  // An AdmissionReview of admission.k8s.io/v1; of what is none, a line for people.
  std::string body;
};

// `body`: an AdmissionReview as the API server posts it. Refused are ShardSets, ShardMigrations and
// LoadEvents that the loop would refuse, with each field, its value and what is accepted. Allowed
// is everything else: other kinds, and any update that leaves the spec as it is, so that what was
// stored before can be annotated, finalized and deleted.
ReviewAnswer Review(std::string_view body);

}  // namespace foreshard::op
