#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "router/merge_groups.h"

// The two backend messages that merging reads and writes: RowDescription and DataRow, bodies only.

namespace foreshard::router {

struct FieldDescription {
  std::string name;
  std::uint32_t table_oid = 0;
  std::int16_t attribute = 0;
  std::uint32_t type_oid = 0;
  std::int16_t type_size = 0;
  std::int32_t type_modifier = -1;
  std::int16_t format = 0;
};

// Errors: kGiveUp, code 08P01, for a body that is not whole.
Result<std::vector<FieldDescription>> ReadRowDescription(std::string_view body);
std::string WriteRowDescription(const std::vector<FieldDescription>& fields);

Result<std::vector<Cell>> ReadDataRow(std::string_view body);
std::string WriteDataRow(const std::vector<std::optional<std::string>>& cells, std::size_t visible);
// The same row with its last columns cut off. REQUIRES: the body was read once without error.
std::string CutDataRow(std::string_view body, std::size_t visible);

// Type byte, length, body.
void AppendMessage(char type, std::string_view body, std::string& out);

}  // namespace foreshard::router
