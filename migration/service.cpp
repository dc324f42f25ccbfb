#include "migration/service.h"

#include <algorithm>

namespace foreshard::migration {

std::optional<std::string> WhyWorse(const std::optional<ServiceSeen>& before,
                                    const std::optional<ServiceSeen>& now) {
  if (!before || !now) return std::nullopt;
  if (before->statements_per_second < kServiceRateLeast) return std::nullopt;
  if (now->statements_per_second < kServiceRateLeast) return std::nullopt;
  if (now->error_ratio > std::max(kServiceFactor * before->error_ratio, kServiceErrorsNoticed)) {
    return "ErrorRateDoubled";
  }
  if (now->p99_seconds >
      std::max(kServiceFactor * before->p99_seconds, before->p99_seconds + kServiceP99Noticed)) {
    return "LatencyDoubled";
  }
  return std::nullopt;
}

}  // namespace foreshard::migration
