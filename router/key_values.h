#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "router/key.h"
#include "router/normalize.h"
#include "router/route.h"
#include "router/statement.h"

// The keys that a statement names, out of its literals and parameters.

namespace foreshard::router {

struct ValueContext {
  const model::KeySpace& space;
  std::string_view text;
  const Normalized& normalized;
  std::span<const ParameterValue> parameters;
};

// Appends the keys of one source; NULL elements of arrays match nothing and are left out.
// `is_null` is set when the value itself is NULL. Errors: code 22P02, 22003, 22023; never the
// value.
Status AppendKeys(const ValueSource& source, const ValueContext& context, std::vector<Key>& keys,
                  bool* is_null);

// LIMIT and OFFSET. Nothing for NULL. Errors: code 22P02 or 22023.
Result<std::optional<std::int64_t>> CountValue(const ValueSource& source,
                                               const ValueContext& context);

// One-dimensional array literal: {1,NULL,"a b"}. NULL elements are left out.
Result<std::vector<std::string>> ParseArray(std::string_view text);

}  // namespace foreshard::router
