#pragma once

#include <optional>
#include <string>

// How clients are served by one shard over some time, and whether that got worse by a cutover.
// Pure.

namespace foreshard::migration {

struct ServiceSeen {
  double statements_per_second = 0;
  double error_ratio = 0;  // of the statements
  double p99_seconds = 0;
  bool operator==(const ServiceSeen&) const = default;
};

inline constexpr double kServiceRateLeast = 10;        // fewer statements prove nothing
inline constexpr double kServiceFactor = 2;            // more than twice is worse
inline constexpr double kServiceErrorsNoticed = 0.01;  // below it nobody would go back
inline constexpr double kServiceP99Noticed = 0.020;    // seconds more

// Why the keys should go back, as a condition's reason; nothing: they should stay. `before`: of the
// shard that had them, `now`: of the one that has them.
std::optional<std::string> WhyWorse(const std::optional<ServiceSeen>& before,
                                    const std::optional<ServiceSeen>& now);

}  // namespace foreshard::migration
