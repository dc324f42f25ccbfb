#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/fake_kube_store.h"

// The inside of FakeKubeApi, shared by its two source files: requests, and watches.

namespace foreshard::fakes {

struct FakeKubeApi::State {
  explicit State(const Clock& clock_in) : clock(clock_in), store(clock_in) {}

  const Clock& clock;
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  FakeKubeStore store;
  std::int64_t compacted = 0;  // versions below it cannot be watched from
  std::int64_t read_lag = 0;
  std::int64_t write_calls = 0;
  AfterDrain after_drain = AfterDrain::kReturn;

  std::optional<std::int64_t> ReadVersion() const {
    if (read_lag == 0) return {};
    return store.version() - read_lag;
  }
};

// Whether a list or watch with these selectors shows the object.
Result<bool> Selected(const kube::Object& object, const std::string& name_space,
                      const std::string& labels, const std::string& fields);

}  // namespace foreshard::fakes
