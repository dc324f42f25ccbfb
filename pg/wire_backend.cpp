#include "pg/wire_backend.h"

#include <charconv>

#include "pg/wire_reader.h"

namespace foreshard::pg {

std::optional<ErrorFields> DecodeError(std::string_view body) {
  WireReader reader(body);
  ErrorFields fields;
  while (reader.ok()) {
    const auto name = static_cast<char>(reader.Byte());
    if (name == '\0') break;
    const std::string_view value = reader.String();
    if (name == 'V' || (name == 'S' && fields.severity.empty())) fields.severity = value;
    if (name == 'C') fields.code = value;
    if (name == 'M') fields.message = value;
    if (name == 'D') fields.detail = value;
    if (name == 'H') fields.hint = value;
  }
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return fields;
}

std::optional<ParameterStatus> DecodeParameterStatus(std::string_view body) {
  WireReader reader(body);
  ParameterStatus status;
  status.name = reader.String();
  status.value = reader.String();
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return status;
}

std::optional<std::vector<ColumnDescription>> DecodeRowDescription(std::string_view body) {
  WireReader reader(body);
  const auto count = static_cast<std::uint16_t>(reader.Int16());
  std::vector<ColumnDescription> columns;
  for (std::uint16_t i = 0; i < count && reader.ok(); ++i) {
    ColumnDescription column;
    column.name = reader.String();
    reader.Int32();  // table
    reader.Int16();  // number of the column
    column.type_oid = static_cast<std::uint32_t>(reader.Int32());
    column.type_bytes = reader.Int16();
    reader.Int32();  // type modifier
    column.format = reader.Int16();
    columns.push_back(column);
  }
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return columns;
}

RowValues::RowValues(std::string_view body) {
  WireReader reader(body);
  count_ = left_ = static_cast<std::uint16_t>(reader.Int16());
  bad_ = !reader.ok();
  rest_ = reader.rest();
  if (bad_) count_ = left_ = 0;
}

bool RowValues::Next(std::optional<std::string_view>* value) {
  if (left_ == 0) return false;
  WireReader reader(rest_);
  const std::int32_t length = reader.Int32();
  const std::string_view bytes =
      length > 0 ? reader.Bytes(static_cast<std::size_t>(length)) : std::string_view();
  if (!reader.ok() || length < -1) {
    bad_ = true;
    left_ = 0;
    return false;
  }
  --left_;
  rest_ = reader.rest();
  *value = length < 0 ? std::nullopt : std::optional(bytes);
  return true;
}

std::uint64_t RowsOfTag(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  if (space == std::string_view::npos) return 0;
  std::uint64_t rows = 0;
  const std::string_view number = tag.substr(space + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), rows);
  return error == std::errc() && end == number.data() + number.size() ? rows : 0;
}

std::optional<std::string_view> DecodeCommandComplete(std::string_view body) {
  WireReader reader(body);
  const std::string_view tag = reader.String();
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return tag;
}

}  // namespace foreshard::pg
