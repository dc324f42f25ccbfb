#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "model/hash.h"
#include "model/key_space.h"

namespace foreshard::load {

// Which key a statement is about: keys whose position lies in the lower half of the hash space
// ("hot") get `hot_share` of the statements, so that one of two even shards carries more than the
// other. Within a half the choice is Zipf-like.
class KeyChooser {
 public:
  // Clients own keys: client c of n owns key k when k mod n = c, and only its owner writes it.
  KeyChooser(std::int64_t key_count, int clients, int client, double hot_share, double skew);

  std::int64_t Choose(Random& random) const;

 private:
  std::int64_t ChooseIn(const std::vector<std::int64_t>& keys, Random& random) const;

  std::vector<std::int64_t> hot_;
  std::vector<std::int64_t> cold_;
  double hot_share_;
  double skew_;
};

}  // namespace foreshard::load
