#pragma once

#include <optional>
#include <string>
#include <vector>

#include "router/merge_value.h"
#include "router/merge_wire.h"

// Backend messages for the tests of merging, bodies only.

namespace foreshard::router {

struct TestColumn {
  std::string name;
  std::uint32_t oid = kOidInt8;
};

inline std::string Description(const std::vector<TestColumn>& columns, std::int16_t format = 0) {
  std::vector<FieldDescription> fields;
  for (const TestColumn& column : columns) {
    FieldDescription field;
    field.name = column.name;
    field.type_oid = column.oid;
    field.type_size = 8;
    field.format = format;
    fields.push_back(field);
  }
  return WriteRowDescription(fields);
}

using TestRow = std::vector<std::optional<std::string>>;

inline std::string RowBody(const TestRow& cells) { return WriteDataRow(cells, cells.size()); }

// "a|b" for each D message, "T:x,y" for a T; NULL is ∅.
inline std::vector<std::string> ReadMessages(std::string_view bytes) {
  std::vector<std::string> out;
  while (bytes.size() >= 5) {
    std::size_t size = 0;
    for (int i = 1; i <= 4; ++i)
      size = size << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    const std::string_view body = bytes.substr(5, size - 4);
    std::string line;
    if (bytes[0] == 'T') {
      const auto fields = ReadRowDescription(body);
      for (const FieldDescription& field : *fields)
        line += (line.empty() ? "T:" : ",") + field.name;
    } else {
      const auto cells = ReadDataRow(body);
      for (std::size_t i = 0; i < cells->size(); ++i) {
        line += (i == 0 ? "" : "|") + ((*cells)[i] ? std::string(*(*cells)[i]) : "∅");
      }
    }
    out.push_back(line);
    bytes.remove_prefix(1 + size);
  }
  return out;
}

}  // namespace foreshard::router
