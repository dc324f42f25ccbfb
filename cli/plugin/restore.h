#pragma once

#include <string>
#include <vector>

#include "backup/point.h"
#include "operator/api/value.h"

// `restore`: which points there are, and the ShardSet that begins at one of them. Pure.

namespace foreshard::plugin {

// Newest first; says so if there is none.
std::string PointsText(const std::string& from, const std::vector<backup::Point>& points);
std::string PointsJson(const std::vector<backup::Point>& points);

// What will be made, as a sentence.
std::string RestorePlan(const std::string& name, const std::string& from,
                        const backup::Point& point);

// The ShardSet `name`: as `other` (a whole object) is wanted, but from that point on, and with
// backups of its own. Errors: kGiveUp where `other` has no backups.
Result<op::Value> RestoredSet(const op::Value& other, const std::string& name,
                              const backup::Point& point);

}  // namespace foreshard::plugin
