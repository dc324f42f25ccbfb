#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"

namespace foreshard::support {

// One read or write of a register, as its client saw it. Every write has a value of its own.
struct RegisterOperation {
  bool write = false;
  std::int64_t value = 0;
  MonotonicTime begin;  // before it was sent
  MonotonicTime end;    // after it was answered; kNeverAnswered: it may have happened, or may yet

  static constexpr MonotonicTime kNeverAnswered = MonotonicTime::max();
};

// Whether there is an order of the operations of one register that keeps the order of those that
// do not overlap in time, and in which every read gives the last value written. Nothing if there is
// one; else what cannot be, for the person who reads the failure. O(n log n).
//
// Source: zones of Gibbons and Korach, Testing Shared Memories, SIAM J. Comput. 26(4), 1997.
std::optional<std::string> NotLinearizable(std::int64_t initial,
                                           std::span<const RegisterOperation> operations);

}  // namespace foreshard::support
