#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "router/classify_tree.h"
#include "router/key_graph.h"

// Private to classify*.cpp: reads a query and all its sub-selects, finds every table, and writes
// what it proves about keys into a KeyGraph.
//
// A barrier is a sub-select whose result over all shards is not the union of its results on each
// (LIMIT, aggregates that do not group by the key, set operations): constants go out of it, never
// in, and several shards cannot answer it.

namespace foreshard::router {

class QueryReader {
 public:
  QueryReader(Source& source, Statement& out) : source_(source), out_(out) {}

  void ReadTop(const Json& node);

  bool refused() const { return out_.kind == StatementKind::kRefused; }

 private:
  // What a sub-select shows of its tables' keys.
  struct Export {
    std::vector<std::optional<int>> columns;  // by position, as long as no star came before
    std::vector<std::string> column_names;
    bool star = false;
    std::map<std::string, int> names;
    std::set<int> drivers;  // keys of the tables whose rows make its rows
    bool barrier = false;
  };
  struct Item {
    std::string name;    // how its columns are qualified
    std::string schema;  // of a table without alias
    std::map<std::string, int> keys;
    bool reference = false;
  };
  struct Cte {
    Export shows;
    bool used_once = false;
    bool opaque = false;  // recursive, or column names changed beyond what we follow
  };
  struct Scope {
    Scope* outer = nullptr;
    int first_variable = 0;  // older ones belong to what is outside
    std::vector<Item> items;
    std::map<std::string, Cte> ctes;
    std::map<std::string, int>
        merged;  // by USING: which of several same-named keys an unqualified name means
    std::set<int> drivers;
    std::set<int> own;  // variables of this scope's FROM
  };
  struct From {
    std::set<int> variables;
    std::set<int> drivers;
  };
  // What holds if an expression is true.
  struct Facts {
    std::map<int, KeyList> lists;
    std::vector<std::pair<int, int>> equal;
    std::vector<std::pair<int, int>> within;  // first IN (SELECT second …)
    std::set<int> unknown;

    // Each list is a superset of the truth, so the smaller one is as right.
    void Restrict(int variable, KeyList list) {
      const auto [at, fresh] = lists.try_emplace(variable, list);
      if (!fresh && list.size() < at->second.size()) at->second = std::move(list);
    }
  };

  static Export NothingShown();  // of a set operation or a recursive WITH
  Export ReadSelect(const Json& body, Scope* outer, bool top);
  void ReadInsert(const Json& body, Scope* outer, bool top);
  void ReadUpdate(const Json& body, Scope* outer, bool top);
  void ReadDelete(const Json& body, Scope* outer, bool top);

  void ReadWith(const Json& body, Scope& scope);
  From ReadFrom(const Json& node, Scope& scope);
  From ReadTable(const Json& body, Scope& scope);
  From ReadJoin(const Json& body, Scope& scope);
  From ReadSubselect(const Json& body, Scope& scope);
  From UseCte(const Cte& cte, const Json& body, Scope& scope);
  int AddTable(const TableInfo& info);
  void AddSpot(const TableInfo& info, const Json& body);
  void ReadColumns(const Json& alias, Export& shows);

  std::optional<int> Resolve(const Json& column_ref, const Scope& scope) const;
  void Collect(const Json& expr, Scope& scope, Facts& facts);
  void CollectComparison(const Json& body, Scope& scope, Facts& facts);
  void CollectOr(const Json& body, Scope& scope, Facts& facts);
  void CollectSublink(const Json& body, Scope& scope, Facts& facts);
  void Apply(const Facts& facts, const Scope& scope);
  void ApplyOuterJoin(const Facts& facts, const std::set<int>& nullable);
  void Visit(const Json& node, Scope& scope);  // reads the sub-selects in an expression
  void ReadSublink(const Json& body, Scope& scope);

  Export ExportOf(const Json& body, Scope& scope, bool barrier);
  bool GroupsByKey(const Json& body, const Scope& scope);
  bool IsBarrier(const Json& body, const Scope& scope, bool* grouped_by_key);

  struct Target {
    std::optional<int> variable;
    TableInfo info;
  };
  Target ReadTarget(const Json& body, Scope& scope, bool top);
  void ReadValues(const Json& insert, Scope& scope, const Target& target, bool top);
  void ReadInsertSelect(const Json& insert, Scope& scope, const Target& target, bool top);
  std::optional<std::size_t> KeyPosition(const Json& insert, const TableInfo& info);
  std::vector<TokenSpan> RowSpans(std::size_t rows) const;
  void RefuseKeyChange(const Json& targets, const TableInfo& info);
  void ReadKeyChange(const Json& update, const Target& target, const Item& item, bool top);
  void AddWhereSpot(const Json& body, const Item& item, const TableInfo& info);

  void CheckFunctions(const Json& node);
  void CheckFunction(const std::string& name);
  void CheckLearned(const std::string& name);
  void OnOneShard(Refusal why);
  void CheckLocks(const Json& clauses, const Scope& scope);
  void CheckReferenceWrite(const Json& node);
  void Finish(const Json& node);
  void Refuse(Refusal refusal);

  Source& source_;
  Statement& out_;
  KeyGraph graph_;
  Scope top_;
  std::set<const Json*> read_sublinks_;
  std::size_t tables_seen_ = 0;
  std::set<int> top_drivers_;
  bool top_grouped_by_key_ = false;
  bool nested_write_ = false;
  bool locks_reference_ = false;
  std::string not_joined_ = "tables that are not joined on their sharding columns";
};

// Walks every node below `node`, itself included; `enter` says whether to go into a node.
void WalkTree(const Json& node,
              const std::function<bool(std::string_view type, const Json& body)>& enter);

}  // namespace foreshard::router
