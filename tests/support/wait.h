#pragma once

#include <gtest/gtest.h>

#include "tests/support/await.h"

namespace foreshard::support {

// For tests: EXPECT_TRUE(WaitFor("two rows", 10s, [&] { return Seen(n == 2, fmt::format("{} rows",
// n)); }));
inline testing::AssertionResult WaitFor(std::string_view claim, std::chrono::milliseconds limit,
                                        const std::function<Seen()>& look) {
  const Status status = Await(claim, limit, look);
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.error().message;
}

// For tests: ASSERT_TRUE(Good(server)) prints the error of a Result.
template <typename T>
testing::AssertionResult Good(const Result<T>& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << ToString(result.error().kind) << ": " << result.error().message;
}

}  // namespace foreshard::support
