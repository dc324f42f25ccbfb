#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// What a client says after startup, decoded in place. nullopt: the body is not what the protocol
// allows (08P01).

namespace foreshard::pg {

struct ParseMessage {
  std::string_view name;
  std::string_view sql;
  std::string_view types;  // type_count OIDs of four bytes
  std::uint16_t type_count = 0;

  std::uint32_t Type(std::size_t index) const;
};
std::optional<ParseMessage> DecodeParse(std::string_view body);

struct BindMessage {
  std::string_view portal;
  std::string_view statement;
  std::string_view after_names;  // formats, values and result formats, to forward under other names
  std::uint16_t format_count = 0;
  std::string_view formats;  // format_count times two bytes
  std::uint16_t value_count = 0;
  std::string_view values;  // value_count times length and bytes
  std::uint16_t result_format_count = 0;
  std::string_view result_formats;  // result_format_count times two bytes

  // 0 text, 1 binary; as the protocol says: none means text, one means all.
  std::int16_t Format(std::size_t parameter) const;
};
std::optional<BindMessage> DecodeBind(std::string_view body);

// Walks the values of a Bind. A null value is nullopt.
class BindValues {
 public:
  explicit BindValues(const BindMessage& bind) : rest_(bind.values), left_(bind.value_count) {}
  bool Done() const { return left_ == 0; }
  std::optional<std::string_view> Next();  // REQUIRES: !Done(), of a decoded Bind

 private:
  std::string_view rest_;
  std::uint16_t left_;
};

// Describe and Close.
struct NamedMessage {
  char kind = 0;  // 'S' statement, 'P' portal
  std::string_view name;
};
std::optional<NamedMessage> DecodeNamed(std::string_view body);

struct ExecuteMessage {
  std::string_view portal;
  std::int32_t rows_max = 0;  // 0: all
};
std::optional<ExecuteMessage> DecodeExecute(std::string_view body);

// The text of a Query, without the zero byte.
std::optional<std::string_view> DecodeQuery(std::string_view body);

}  // namespace foreshard::pg
