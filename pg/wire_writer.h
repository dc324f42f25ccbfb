#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// Encoders append whole messages to a string that the caller reuses, so that the hot path allocates
// nothing once it is warm.

namespace foreshard::pg {

// One message: type, fields, End(). The length is filled in at the end.
//
//   WireWriter message(&out, 'C');
//   message.String("SELECT 1").End();
class WireWriter {
 public:
  WireWriter(std::string* out, char type);

  WireWriter& Byte(char value);
  WireWriter& Int16(std::int16_t value);
  WireWriter& Int32(std::int32_t value);
  WireWriter& String(std::string_view value);  // with the zero byte; REQUIRES: none inside
  WireWriter& Bytes(std::string_view value);
  void End();

 private:
  std::string* out_;
  std::size_t length_at_;
};

// What a server says of an error or a notice. Empty fields are not sent.
struct WireError {
  std::string severity = "ERROR";  // ERROR, FATAL, PANIC, WARNING, NOTICE
  std::string code;                // SQLSTATE
  std::string message;
  std::string detail;
  std::string hint;
};

// Messages of a server.
void AppendError(std::string* out, const WireError& error);
void AppendNotice(std::string* out, const WireError& notice);
void AppendReadyForQuery(std::string* out, char transaction_status);
void AppendCommandComplete(std::string* out, std::string_view tag);
void AppendParameterStatus(std::string* out, std::string_view name, std::string_view value);
void AppendEmpty(std::string* out,
                 char type);  // '1', '2', '3', 'n', 's', 'I', 'S', 'H', 'c' and the like: no body

struct TextColumn {
  std::string_view name;
  std::int32_t type_oid = 25;
  std::int16_t type_bytes = -1;
};
// All columns in text format.
void AppendRowDescription(std::string* out, std::span<const TextColumn> columns);
void AppendTextRow(std::string* out, std::span<const std::string_view> values);

// Messages of a client.
void AppendQuery(std::string* out, std::string_view sql);
void AppendParse(std::string* out, std::string_view name, std::string_view sql,
                 std::span<const std::int32_t> types);
void AppendClose(std::string* out, char kind,
                 std::string_view name);  // kind: 'S' statement, 'P' portal
void AppendDescribe(std::string* out, char kind, std::string_view name);
void AppendPassword(std::string* out, std::string_view text);  // also SASLResponse

}  // namespace foreshard::pg
