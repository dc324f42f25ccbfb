#include "bench/load_generator/keys.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace foreshard::load {

KeyChooser::KeyChooser(std::int64_t key_count, int clients, int client, double hot_share,
                       double skew)
    : hot_share_(hot_share), skew_(skew) {
  for (std::int64_t key = 1; key <= key_count; ++key) {
    if (key % clients != client) continue;
    const model::Position position = model::PositionOfHash(model::HashInt8Extended(key, 0));
    (position >> 63 == 0 ? hot_ : cold_).push_back(key);
  }
  CHECK(!hot_.empty() && !cold_.empty(), "too few keys for this many clients", key_count, clients);
}

std::int64_t KeyChooser::Choose(Random& random) const {
  return ChooseIn(random.Chance(hot_share_) ? hot_ : cold_, random);
}

// Inverse of the continuous bounded Zipf: rank = n^(u^(1/(1-skew))) shape without a table; skew 0
// is uniform.
std::int64_t KeyChooser::ChooseIn(const std::vector<std::int64_t>& keys, Random& random) const {
  const auto count = static_cast<double>(keys.size());
  const double uniform = random.Unit();
  const double rank = count * std::pow(uniform, 1 / (1 - std::min(skew_, 0.95)));
  return keys[std::min(static_cast<std::size_t>(rank), keys.size() - 1)];
}

}  // namespace foreshard::load
