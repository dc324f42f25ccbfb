#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "router/decimal.h"

// Values of shards' rows, decoded far enough to order, compare and add them as PostgreSQL would.

namespace foreshard::router {

// Type OIDs of pg_type.dat that merging knows.
enum : std::uint32_t {
  kOidBool = 16,
  kOidBytea = 17,
  kOidChar = 18,
  kOidName = 19,
  kOidInt8 = 20,
  kOidInt2 = 21,
  kOidInt4 = 23,
  kOidText = 25,
  kOidOid = 26,
  kOidFloat4 = 700,
  kOidFloat8 = 701,
  kOidBpchar = 1042,
  kOidVarchar = 1043,
  kOidDate = 1082,
  kOidTime = 1083,
  kOidTimestamp = 1114,
  kOidTimestamptz = 1184,
  kOidNumeric = 1700,
  kOidUuid = 2950,
};

using Value = std::variant<std::monostate, std::int64_t, double, Decimal, std::string>;

// Text whose order depends on a collation.
bool IsCollatable(std::uint32_t oid);
// Whether we know this type's order (text: by bytes) and equality.
bool IsComparable(std::uint32_t oid);

// `format`: 0 text, 1 binary. REQUIRES: IsComparable(oid). Errors: kGiveUp, code 0A000, for a
// spelling we do not read (a DateStyle other than ISO, bytea_output = escape).
Result<Value> DecodeValue(std::uint32_t oid, int format, std::string_view bytes);

// REQUIRES: both of the same column. NULLs are not compared here.
int CompareValues(const Value& a, const Value& b);

// Equal values give equal bytes.
void AppendCanonical(const Value& value, std::string& out);

}  // namespace foreshard::router
