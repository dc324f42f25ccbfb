#pragma once

#include <cstddef>
#include <functional>

namespace foreshard::cli {

// Calls work(i) for every i < count from `threads` threads and returns when all are done. The order
// must not matter to the results.
void InParallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work);

}  // namespace foreshard::cli
