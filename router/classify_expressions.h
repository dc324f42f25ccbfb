#pragma once

#include <string>
#include <vector>

#include "router/classify_tree.h"

// Private to classify*.cpp: what stands inside an expression, as far as merging must know.

namespace foreshard::router {

bool IsAggregateCall(const Json& node);

// The name of an aggregate or window function below; empty: none. Sub-selects are their own matter.
std::string InnerCall(const Json& node);

// An aggregate in a sub-select that reads only columns from outside belongs to the outer query: its
// name, or empty.
std::string OuterAggregate(const Json& node);

// A COLLATE other than C; `c` is set when C was written.
std::optional<std::string> OtherCollation(const Json& node, bool* c);

// Forgets the values of constants, to compare shapes.
void DropConstants(Json& node);

// The tables of a FROM clause; what is none (a sub-select, a function, a name of WITH) appears
// without columns.
std::vector<TableInfo> TablesOf(const Source& source, const Json& from);

}  // namespace foreshard::router
