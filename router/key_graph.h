#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "router/statement.h"

// What is provable about the sharding columns of one statement.
//
// A variable is the key of one sharded table, or of one use of a sub-select. Two relations connect
// them:
//
//   lists   what one variable can be, another can be at most: the constants of `from` hold for `to`
//   joins   the rows of `to` that matter for a row of `from` have the same key: they lie on the
//   same shard
//
// They differ where a constant may not be pushed into a sub-select (LIMIT inside) or out of an
// outer join.

namespace foreshard::router {

struct KeyVariable {
  std::string table;  // qualified; empty: the use of a sub-select
  std::string column;
  std::optional<KeyList> list;
  bool compared_with_unknown = false;
};

class KeyGraph {
 public:
  int Add(std::string table, std::string column);
  void Restrict(int variable,
                const KeyList& list);  // a smaller list wins; each is a superset of the truth
  void MarkUnknown(int variable) { at(variable).compared_with_unknown = true; }
  void AddList(int from, int to) { lists_.push_back({from, to}); }
  void AddJoin(int from, int to) { joins_.push_back({from, to}); }
  // k = k under AND of an inner join or WHERE.
  void Equal(int a, int b);

  // Spreads the lists until nothing changes.
  void Propagate();

  bool Complete() const;               // every table has a list
  std::vector<KeyList> Lists() const;  // of tables, each once
  // A variable of `drivers` from which all others are reached by joins.
  std::optional<int> Root(const std::set<int>& drivers) const;

  const KeyVariable& variable(int index) const {
    return variables_[static_cast<std::size_t>(index)];
  }
  int size() const { return static_cast<int>(variables_.size()); }

 private:
  struct Edge {
    int from;
    int to;
  };

  KeyVariable& at(int index) { return variables_[static_cast<std::size_t>(index)]; }

  std::vector<KeyVariable> variables_;
  std::vector<Edge> lists_;
  std::vector<Edge> joins_;
};

}  // namespace foreshard::router
