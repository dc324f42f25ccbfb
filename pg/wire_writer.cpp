#include "pg/wire_writer.h"

#include "base/check.h"

namespace foreshard::pg {
namespace {

void StoreUint32(char* at, std::uint32_t value) {
  at[0] = static_cast<char>(value >> 24);
  at[1] = static_cast<char>(value >> 16);
  at[2] = static_cast<char>(value >> 8);
  at[3] = static_cast<char>(value);
}

void AppendFields(std::string* out, char type, const WireError& error) {
  WireWriter message(out, type);
  const auto field = [&message](char name, std::string_view value) {
    if (!value.empty()) message.Byte(name).String(value);
  };
  field('S', error.severity);
  field('V', error.severity);
  field('C', error.code);
  field('M', error.message);
  field('D', error.detail);
  field('H', error.hint);
  message.Byte('\0').End();
}

}  // namespace

WireWriter::WireWriter(std::string* out, char type) : out_(out) {
  out_->push_back(type);
  length_at_ = out_->size();
  out_->append(4, '\0');
}

WireWriter& WireWriter::Byte(char value) {
  out_->push_back(value);
  return *this;
}

WireWriter& WireWriter::Int16(std::int16_t value) {
  const auto bits = static_cast<std::uint16_t>(value);
  out_->push_back(static_cast<char>(bits >> 8));
  out_->push_back(static_cast<char>(bits & 0xff));
  return *this;
}

WireWriter& WireWriter::Int32(std::int32_t value) {
  char bytes[4];
  StoreUint32(bytes, static_cast<std::uint32_t>(value));
  out_->append(bytes, sizeof bytes);
  return *this;
}

WireWriter& WireWriter::String(std::string_view value) {
  CHECK(value.find('\0') == std::string_view::npos, "zero byte inside a string of the protocol");
  out_->append(value);
  out_->push_back('\0');
  return *this;
}

WireWriter& WireWriter::Bytes(std::string_view value) {
  out_->append(value);
  return *this;
}

void WireWriter::End() {
  StoreUint32(out_->data() + length_at_, static_cast<std::uint32_t>(out_->size() - length_at_));
}

void AppendError(std::string* out, const WireError& error) { AppendFields(out, 'E', error); }

void AppendNotice(std::string* out, const WireError& notice) { AppendFields(out, 'N', notice); }

void AppendReadyForQuery(std::string* out, char transaction_status) {
  WireWriter(out, 'Z').Byte(transaction_status).End();
}

void AppendCommandComplete(std::string* out, std::string_view tag) {
  WireWriter(out, 'C').String(tag).End();
}

void AppendParameterStatus(std::string* out, std::string_view name, std::string_view value) {
  WireWriter(out, 'S').String(name).String(value).End();
}

void AppendEmpty(std::string* out, char type) { WireWriter(out, type).End(); }

void AppendRowDescription(std::string* out, std::span<const TextColumn> columns) {
  WireWriter message(out, 'T');
  message.Int16(static_cast<std::int16_t>(columns.size()));
  for (const TextColumn& column : columns) {
    message.String(column.name)
        .Int32(0)
        .Int16(0)
        .Int32(column.type_oid)
        .Int16(column.type_bytes)
        .Int32(-1)
        .Int16(0);
  }
  message.End();
}

void AppendTextRow(std::string* out, std::span<const std::string_view> values) {
  WireWriter message(out, 'D');
  message.Int16(static_cast<std::int16_t>(values.size()));
  for (const std::string_view value : values)
    message.Int32(static_cast<std::int32_t>(value.size())).Bytes(value);
  message.End();
}

void AppendQuery(std::string* out, std::string_view sql) { WireWriter(out, 'Q').String(sql).End(); }

void AppendParse(std::string* out, std::string_view name, std::string_view sql,
                 std::span<const std::int32_t> types) {
  WireWriter message(out, 'P');
  message.String(name).String(sql).Int16(static_cast<std::int16_t>(types.size()));
  for (const std::int32_t type : types) message.Int32(type);
  message.End();
}

void AppendClose(std::string* out, char kind, std::string_view name) {
  WireWriter(out, 'C').Byte(kind).String(name).End();
}

void AppendDescribe(std::string* out, char kind, std::string_view name) {
  WireWriter(out, 'D').Byte(kind).String(name).End();
}

void AppendPassword(std::string* out, std::string_view text) {
  WireWriter(out, 'p').Bytes(text).End();
}

}  // namespace foreshard::pg
