#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "migration/spec.h"

// MigrationSpec as JSON: what the Job's container gets as `--spec`.

namespace foreshard::migration {

std::string ToJson(const MigrationSpec& spec);

// Errors: kGiveUp naming the field that is missing or wrong. Accepts what ToJson writes; unknown
// fields are refused.
Result<MigrationSpec> ParseMigrationSpec(std::string_view json);

}  // namespace foreshard::migration
