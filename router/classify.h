#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/catalogue.h"
#include "router/normalize.h"
#include "router/statement.h"

// What does a statement mean? PostgreSQL's own parser (libpg_query), then our reading of its tree.
//
// The list of kinds is explicit: what is not on it is refused. A key counts only if it is provable;
// an expression whose value we cannot know is unknown, never guessed.
//
// Threads: any (libpg_query keeps its state per thread). Cost: 20 to 200 µs; the plan cache pays it
// once.

namespace foreshard::router {

// REQUIRES: `text` is one statement and `normalized` was made from it. A syntax error becomes
// kRefused with sqlstate 42601 and PostgreSQL's message.
Statement Classify(std::string_view text, const Normalized& normalized, const Catalogue& catalogue,
                   const std::vector<std::string>& search_path);

// Settings that would make the router misread what clients send, or be somebody else.
std::optional<Refusal> RefusedSetting(const SessionCommand& set);

}  // namespace foreshard::router
