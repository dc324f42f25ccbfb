#include "pg/wire_frontend.h"

#include "pg/wire_reader.h"

namespace foreshard::pg {

std::uint32_t ParseMessage::Type(std::size_t index) const {
  return LoadUint32(types.data() + index * 4);
}

std::optional<ParseMessage> DecodeParse(std::string_view body) {
  WireReader reader(body);
  ParseMessage message;
  message.name = reader.String();
  message.sql = reader.String();
  message.type_count = static_cast<std::uint16_t>(reader.Int16());
  message.types = reader.Bytes(std::size_t{message.type_count} * 4);
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return message;
}

std::int16_t BindMessage::Format(std::size_t parameter) const {
  if (format_count == 0) return 0;
  const std::size_t index = format_count == 1 ? 0 : parameter;
  return index < format_count ? static_cast<std::int16_t>(LoadUint16(formats.data() + index * 2))
                              : std::int16_t{0};
}

std::optional<BindMessage> DecodeBind(std::string_view body) {
  WireReader reader(body);
  BindMessage message;
  message.portal = reader.String();
  message.statement = reader.String();
  message.after_names = reader.rest();
  message.format_count = static_cast<std::uint16_t>(reader.Int16());
  message.formats = reader.Bytes(std::size_t{message.format_count} * 2);
  message.value_count = static_cast<std::uint16_t>(reader.Int16());
  const std::string_view values = reader.rest();
  for (std::uint16_t i = 0; i < message.value_count && reader.ok(); ++i) {
    const std::int32_t length = reader.Int32();
    if (length < -1) return std::nullopt;
    if (length > 0) reader.Bytes(static_cast<std::size_t>(length));
  }
  if (!reader.ok()) return std::nullopt;
  message.values = values.substr(0, values.size() - reader.rest().size());
  message.result_format_count = static_cast<std::uint16_t>(reader.Int16());
  message.result_formats = reader.Bytes(std::size_t{message.result_format_count} * 2);
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return message;
}

std::optional<std::string_view> BindValues::Next() {
  const auto length = static_cast<std::int32_t>(LoadUint32(rest_.data()));
  rest_.remove_prefix(4);
  --left_;
  if (length < 0) return std::nullopt;
  const std::string_view value = rest_.substr(0, static_cast<std::size_t>(length));
  rest_.remove_prefix(static_cast<std::size_t>(length));
  return value;
}

std::optional<NamedMessage> DecodeNamed(std::string_view body) {
  WireReader reader(body);
  NamedMessage message;
  message.kind = static_cast<char>(reader.Byte());
  message.name = reader.String();
  if (!reader.ok() || !reader.AtEnd() || (message.kind != 'S' && message.kind != 'P'))
    return std::nullopt;
  return message;
}

std::optional<ExecuteMessage> DecodeExecute(std::string_view body) {
  WireReader reader(body);
  ExecuteMessage message;
  message.portal = reader.String();
  message.rows_max = reader.Int32();
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return message;
}

std::optional<std::string_view> DecodeQuery(std::string_view body) {
  WireReader reader(body);
  const std::string_view sql = reader.String();
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return sql;
}

}  // namespace foreshard::pg
