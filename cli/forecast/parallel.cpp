#include "cli/forecast/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

namespace foreshard::cli {

void InParallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(run);
  run();
}

}  // namespace foreshard::cli
