#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace foreshard::load {

// A load generator must not be able to hit somebody else's machine by a typing error: the host of
// `conninfo` has to be a numeric address inside 127.0.0.0/8, ::1, or one of the `networks` (IPv4
// CIDR) the caller made itself. Names are not resolved. Errors: kGiveUp naming the host and what
// would be accepted.
Status CheckTarget(const std::string& conninfo, const std::vector<std::string>& networks);

}  // namespace foreshard::load
