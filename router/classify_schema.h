#pragma once

#include <string_view>

#include "router/classify_tree.h"

// Private to classify*.cpp: the schema of Foreshard's own tables and functions is no client's
// business. A client that wrote there could open a gate or end a transaction of others.

namespace foreshard::router {

inline constexpr std::string_view kOwnSchema = "foreshard";

// Whether the statement names something in it. What a function's body says is not seen; there the
// shard's privileges decide.
bool NamesOwnSchema(const Json& node);

Refusal OwnSchemaRefusal();

}  // namespace foreshard::router
