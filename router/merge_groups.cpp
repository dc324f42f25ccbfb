#include "router/merge_groups.h"

#include <fmt/format.h>

#include "base/check.h"

namespace foreshard::router {

namespace {

Result<Value> Sum(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<Decimal>(&a)) return Value(x->Plus(std::get<Decimal>(b)));
  std::int64_t sum = 0;
  if (__builtin_add_overflow(std::get<std::int64_t>(a), std::get<std::int64_t>(b), &sum)) {
    return Error::GiveUp("bigint out of range", "", "22003");
  }
  return Value(sum);
}

Decimal AsDecimal(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return Decimal::FromInteger(*number);
  return std::get<Decimal>(value);
}

}  // namespace

std::string WriteNumber(ColumnType type, const Value& value) {
  if (const auto* decimal = std::get_if<Decimal>(&value)) {
    return type.format == 1 ? decimal->ToBinary() : decimal->ToText();
  }
  const std::int64_t number = std::get<std::int64_t>(value);
  if (type.oid == kOidBool)
    return type.format == 1 ? std::string(1, number != 0 ? '\1' : '\0') : number != 0 ? "t" : "f";
  if (type.format == 0) return std::to_string(number);
  std::string bytes;
  for (int shift = type.oid == kOidInt4 ? 24 : 56; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff);
  }
  return bytes;
}

Status Groups::AddCell(std::size_t column, Cell cell, Partial& partial) const {
  const Combine combine = columns_[column].combine;
  if (combine == Combine::kKeep) {
    if (!partial.seen && cell) partial.raw = std::string(*cell);
    partial.seen = true;
    return Ok();
  }
  if (!cell) return Ok();
  Result<Value> value = DecodeValue(types_[column].oid, types_[column].format, *cell);
  if (!value) return value.error();
  const bool first = !partial.seen;
  partial.seen = true;
  switch (combine) {
    case Combine::kKeep:
      return Ok();
    case Combine::kCount:
    case Combine::kSum:
    case Combine::kAverage: {
      if (first) {
        partial.value = std::move(*value);
        return Ok();
      }
      Result<Value> sum = Sum(partial.value, *value);
      if (!sum) return sum.error();
      partial.value = std::move(*sum);
      return Ok();
    }
    case Combine::kMin:
    case Combine::kMax: {
      const int order = first ? 0 : CompareValues(*value, partial.value);
      if (first || (combine == Combine::kMin ? order < 0 : order > 0)) {
        partial.value = std::move(*value);
        partial.raw = std::string(*cell);
      }
      return Ok();
    }
    case Combine::kAnd:
    case Combine::kOr: {
      const std::int64_t now = std::get<std::int64_t>(*value);
      const std::int64_t before = first ? now : std::get<std::int64_t>(partial.value);
      partial.value = combine == Combine::kAnd ? std::int64_t{before != 0 && now != 0}
                                               : std::int64_t{before != 0 || now != 0};
      return Ok();
    }
  }
  Unreachable(combine);
}

Status Groups::Add(const std::vector<Cell>& row) {
  std::string key;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (columns_[i].combine != Combine::kKeep) continue;
    Value value;
    if (row[i]) {
      Result<Value> decoded = DecodeValue(types_[i].oid, types_[i].format, *row[i]);
      if (!decoded) return decoded.error();
      value = std::move(*decoded);
    }
    AppendCanonical(value, key);
  }
  const auto [at, fresh] = places_.try_emplace(key, rows_.size());
  if (fresh) {
    rows_.emplace_back(row.size());
    bytes_ += 2 * key.size() + row.size() * sizeof(Partial) + 128;
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Status added = AddCell(i, row[i], rows_[at->second][i]);
    if (!added) return added;
  }
  return Ok();
}

std::optional<std::string> Groups::Written(std::size_t column,
                                           const std::vector<Partial>& row) const {
  const Partial& partial = row[column];
  const Combine combine = columns_[column].combine;
  if (!partial.seen) return std::nullopt;
  if (combine == Combine::kKeep || combine == Combine::kMin || combine == Combine::kMax)
    return partial.raw;
  if (combine != Combine::kAverage) return WriteNumber(types_[column], partial.value);
  const Partial& count = row[columns_[column].partner];
  const std::int64_t rows = count.seen ? std::get<std::int64_t>(count.value) : 0;
  if (rows <= 0) return std::nullopt;
  return WriteNumber({kOidNumeric, types_[column].format},
                     Value(AsDecimal(partial.value).DividedBy(rows)));
}

Result<std::vector<std::vector<std::optional<std::string>>>> Groups::Rows() const {
  std::vector<std::vector<std::optional<std::string>>> out;
  for (const std::vector<Partial>& row : rows_) {
    std::vector<std::optional<std::string>> cells;
    for (std::size_t i = 0; i < row.size(); ++i) cells.push_back(Written(i, row));
    out.push_back(std::move(cells));
  }
  return out;
}

}  // namespace foreshard::router
