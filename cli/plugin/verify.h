#pragma once

#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"
#include "model/shard_set.h"

// `verify`: what the operator found when it looked for rows on wrong shards, and what a repair of
// it would do. The plugin itself never speaks to a shard: it asks by an annotation, which needs the
// right to patch ShardSets and no other.

namespace foreshard::plugin {

// What is known; says so if nothing is.
std::string AuditText(const model::ShardSet& set);
std::string AuditJson(const model::ShardSet& set);

// What a repair would do, line by line, with the copy of each reference table that would be kept.
// Errors: kGiveUp where the right copy of one cannot be told and `right_copy` does not say it, or
// names a shard that has none.
Result<std::string> RepairPlan(const model::AuditFindings& found, const std::string& right_copy);

// The text of the annotation; `now` makes it another one each time.
std::string RepairRequest(const model::AuditStatus& audit, const std::string& right_copy,
                          const std::string& now);

// Whether the operator has answered it.
bool IsVerified(const model::ShardSet& set, const std::string& request);
bool IsRepaired(const model::ShardSet& set, const std::string& request);

// Errors: those of the API; kGiveUp "NotFound".
Status Annotate(kube::KubeApi& api, const kube::ObjectRef& set, const std::string& annotation,
                const std::string& text, Deadline deadline);

}  // namespace foreshard::plugin
