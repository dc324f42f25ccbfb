#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

// Label and field selectors, for the fake API server.

namespace foreshard::fakes {

// "a=b,c!=d,e,!f,g in (h,i),j notin (k)". Errors: kGiveUp with code "400".
Result<bool> MatchesLabels(std::string_view selector,
                           const std::map<std::string, std::string>& labels);

// "metadata.name=a,status.phase!=b". Fields are dotted paths; a missing one is "". Errors: kGiveUp
// with code "400".
Result<bool> MatchesFields(std::string_view selector, const nlohmann::json& object);

}  // namespace foreshard::fakes
