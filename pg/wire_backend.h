#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// What a server says, decoded in place. nullopt: not what the protocol allows; the connection
// cannot go on.

namespace foreshard::pg {

// ErrorResponse and NoticeResponse.
struct ErrorFields {
  std::string_view severity;  // 'V', never translated
  std::string_view code;
  std::string_view message;
  std::string_view detail;
  std::string_view hint;
};
std::optional<ErrorFields> DecodeError(std::string_view body);

struct ParameterStatus {
  std::string_view name;
  std::string_view value;
};
std::optional<ParameterStatus> DecodeParameterStatus(std::string_view body);

struct ColumnDescription {
  std::string_view name;
  std::uint32_t type_oid = 0;
  std::int16_t type_bytes = 0;
  std::int16_t format = 0;
};
std::optional<std::vector<ColumnDescription>> DecodeRowDescription(std::string_view body);

// Walks the values of a DataRow.
class RowValues {
 public:
  explicit RowValues(std::string_view body);
  std::uint16_t count() const { return count_; }
  // False at the end or if the body lies about its lengths (then bad() is true). A null value is
  // nullopt.
  bool Next(std::optional<std::string_view>* value);
  bool bad() const { return bad_; }

 private:
  std::string_view rest_;
  std::uint16_t count_ = 0;
  std::uint16_t left_ = 0;
  bool bad_ = false;
};

// The number at the end of a command tag: "INSERT 0 5" is 5; 0 where there is none.
std::uint64_t RowsOfTag(std::string_view tag);
// The tag without the zero byte.
std::optional<std::string_view> DecodeCommandComplete(std::string_view body);

}  // namespace foreshard::pg
