#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace foreshard::support {

// What one look at the world gave: whether it is as wished, and what it was, for the person who
// reads the failure.
struct Seen {
  bool done = false;
  std::string what;

  Seen(bool is_done, std::string text = {}) : done(is_done), what(std::move(text)) {}
};

// Looks until `look` says done or `limit` has passed. The error says what was waited for, how long,
// and what the last look saw. This is the one place of the tests that lets time pass; nothing else
// sleeps.
Status Await(std::string_view claim, std::chrono::milliseconds limit,
             const std::function<Seen()>& look);

}  // namespace foreshard::support
