#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/status/page_state.h"

namespace foreshard::op {

// The colour of each shard, 0 to 7, by its place in the order of ids: the same all over a page.
std::map<model::ShardId, int> ColoursOf(const SetState& state);

// Who owns which part of the keys, as a bar and in words. A part is as wide as its share of the
// hashes; ranges of keys have no width, so they are equally wide. What is being moved is marked.
std::string KeyBar(const SetState& state);

}  // namespace foreshard::op
