#pragma once

#include <functional>
#include <vector>

// Work that may be done at the same time. The library has no threads of its own: whoever calls it
// passes an executor.

namespace foreshard::forecast {

using Tasks = std::vector<std::function<void()>>;

// Runs all tasks and returns when they are done. They do not touch each other's data, so the result
// is the same bits whatever the order.
using Executor = std::function<void(const Tasks&)>;

// Asked between steps of long work: true ends it with the error "Stopped".
using StopAsked = std::function<bool()>;
inline bool NeverStop() { return false; }

inline void OneByOne(const Tasks& tasks) {
  for (const std::function<void()>& task : tasks) task();
}

}  // namespace foreshard::forecast
