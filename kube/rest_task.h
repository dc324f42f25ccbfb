#pragma once

#include <pplx/pplxtasks.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

// How the tasks of cpprestsdk are waited for. For rest_api.cpp alone: who includes this links
// cpprestsdk.

namespace foreshard::kube {

// Whatever a continuation ended with, as a value. cpprestsdk throws; nothing of it leaves
// rest_api.cpp.
template <typename T>
struct Ended {
  std::optional<T> value;
  std::string problem;
};

// Runs `task` to its end, the deadline or the stop. On the last two it is cancelled and ends on its
// own later.
template <typename T, typename Wait>
Ended<T> Await(pplx::task<T> task, const Wait& wait, pplx::cancellation_token_source& cancel) {
  const auto promise = std::make_shared<std::promise<Ended<T>>>();
  std::future<Ended<T>> future = promise->get_future();
  task.then([promise](pplx::task<T> done) {
    Ended<T> ended;
    try {
      ended.value.emplace(done.get());
    } catch (const std::exception& problem) {
      ended.problem = problem.what();
    } catch (...) {
      ended.problem = "unknown";
    }
    if (!ended.value && ended.problem.empty()) ended.problem = "cancelled";
    promise->set_value(std::move(ended));
  });
  if (wait(future)) return future.get();
  cancel.cancel();
  return {.value = std::nullopt, .problem = "no answer by the deadline"};
}

// For watches: bounded by the client's time-out and by the stop, which cancels.
inline constexpr auto kUntilItEnds = [](auto& future) {
  future.wait();
  return true;
};

}  // namespace foreshard::kube
