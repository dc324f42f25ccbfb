#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace foreshard::op {

// `length` characters of [A-Za-z0-9] from OpenSSL's generator: safe in URIs, YAML and shells
// without quoting. Errors: kRetry if the generator has no entropy.
Result<std::string> RandomSecret(std::size_t length);

// `count` random bytes.
Result<std::string> RandomBytes(std::size_t count);

}  // namespace foreshard::op
