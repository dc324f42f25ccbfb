#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "router/merge_value.h"
#include "router/statement.h"

// The grouped half of a merge: partial aggregates of several shards become one row a group.
//
// Threads: one owner. Memory: the caller bounds bytes().

namespace foreshard::router {

struct ColumnType {
  std::uint32_t oid = 0;
  int format = 0;
};

using Cell = std::optional<std::string_view>;

class Groups {
 public:
  Groups(const std::vector<OutputColumn>& columns, std::vector<ColumnType> types)
      : columns_(columns), types_(std::move(types)) {}

  // Errors: kGiveUp with a SQLSTATE (22003 overflow, 0A000 a spelling we do not read).
  Status Add(const std::vector<Cell>& row);

  // Rows in order of first appearance; all columns, hidden ones included.
  Result<std::vector<std::vector<std::optional<std::string>>>> Rows() const;

  std::size_t bytes() const { return bytes_; }

 private:
  struct Partial {
    std::optional<std::string> raw;  // kKeep, kMin, kMax: as it came
    Value value;                     // decoded; of sums the running total
    bool seen = false;
  };

  Status AddCell(std::size_t column, Cell cell, Partial& partial) const;
  std::optional<std::string> Written(std::size_t column, const std::vector<Partial>& row) const;

  const std::vector<OutputColumn>& columns_;
  std::vector<ColumnType> types_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::vector<Partial>> rows_;
  std::size_t bytes_ = 0;
};

// Integer or numeric as a shard of this type and format would write it.
std::string WriteNumber(ColumnType type, const Value& value);

}  // namespace foreshard::router
