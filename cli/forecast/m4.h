#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Series in the format of the M4 competition: a header row, then one series a row, id first, values
// after; quotes optional; empty cells and NA at the end are the end.

namespace foreshard::cli {

struct NamedSeries {
  std::string id;
  std::vector<double> values;
};

// Errors: kGiveUp "line N: reason" for text where a number should be, a hole inside a series, an
// empty series, an id twice, no rows at all.
Result<std::vector<NamedSeries>> ParseM4(std::string_view text);

// The test values of every training series, by id. Errors: kGiveUp for a missing id or a row with
// fewer than `horizon` values.
Result<std::vector<std::vector<double>>> MatchTest(const std::vector<NamedSeries>& train,
                                                   const std::vector<NamedSeries>& test,
                                                   std::size_t horizon);

}  // namespace foreshard::cli
