#include "bench/cutover_flips/entry_ledger.h"

#include <algorithm>

namespace foreshard::bench {

namespace {

constexpr std::size_t kDeletedAtOnce = 50;  // as many stay

}  // namespace

std::optional<std::int64_t> EntryLedger::Due() const {
  if (standing_.size() < 2 * kDeletedAtOnce) return std::nullopt;
  return standing_[kDeletedAtOnce - 1];
}

void EntryLedger::Deleted(std::int64_t rows) {
  const auto expected = static_cast<std::int64_t>(kDeletedAtOnce);
  if (!in_doubt_) lost_ += std::max<std::int64_t>(0, expected - rows);
  deleted_to_ = standing_[kDeletedAtOnce - 1];
  standing_.erase(standing_.begin(), standing_.begin() + expected);
  in_doubt_ = false;
}

std::deque<std::int64_t> EntryLedger::Standing() const {
  std::deque<std::int64_t> numbers = standing_;
  if (in_doubt_) numbers.erase(numbers.begin(), numbers.begin() + kDeletedAtOnce);
  return numbers;
}

}  // namespace foreshard::bench
