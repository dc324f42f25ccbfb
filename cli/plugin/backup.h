#pragma once

#include <string>

#include "model/shard_set.h"

// `backup`: what is known of a set's backups, and how one is asked for: by an annotation, which
// needs the right to patch ShardSets and no other.

namespace foreshard::plugin {

// What is known; says so if nothing is.
std::string BackupText(const model::ShardSet& set);
std::string BackupsJson(const model::ShardSet& set);

// The text of the annotation; `now` makes it another one each time.
std::string BackupRequest(bool full, const std::string& now);
// Whether the operator has answered it.
bool IsBackedUp(const model::ShardSet& set, const std::string& request);

// "1.2 GB", with three digits.
std::string SizeText(std::int64_t bytes);

}  // namespace foreshard::plugin
