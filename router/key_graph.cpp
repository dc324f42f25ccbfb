#include "router/key_graph.h"

#include <algorithm>

namespace foreshard::router {

int KeyGraph::Add(std::string table, std::string column) {
  variables_.push_back({std::move(table), std::move(column), std::nullopt, false});
  return size() - 1;
}

void KeyGraph::Restrict(int variable, const KeyList& list) {
  std::optional<KeyList>& known = at(variable).list;
  if (!known || list.size() < known->size()) known = list;
}

void KeyGraph::Equal(int a, int b) {
  AddList(a, b);
  AddList(b, a);
  AddJoin(a, b);
  AddJoin(b, a);
}

void KeyGraph::Propagate() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Edge& edge : lists_) {
      const std::optional<KeyList>& from = variable(edge.from).list;
      if (!from) continue;
      const std::optional<KeyList>& to = variable(edge.to).list;
      if (to && to->size() <= from->size()) continue;
      at(edge.to).list = *from;
      changed = true;
    }
  }
}

bool KeyGraph::Complete() const {
  return std::all_of(variables_.begin(), variables_.end(), [](const KeyVariable& variable) {
    return variable.table.empty() || variable.list.has_value();
  });
}

std::vector<KeyList> KeyGraph::Lists() const {
  std::vector<KeyList> lists;
  for (const KeyVariable& variable : variables_) {
    if (variable.table.empty() || !variable.list) continue;
    if (std::find(lists.begin(), lists.end(), *variable.list) == lists.end())
      lists.push_back(*variable.list);
  }
  return lists;
}

std::optional<int> KeyGraph::Root(const std::set<int>& drivers) const {
  for (const int root : drivers) {
    std::set<int> reached = {root};
    for (bool changed = true; changed;) {
      changed = false;
      for (const Edge& edge : joins_) {
        if (reached.contains(edge.from)) changed = reached.insert(edge.to).second || changed;
      }
    }
    if (static_cast<int>(reached.size()) == size()) return root;
  }
  return std::nullopt;
}

}  // namespace foreshard::router
