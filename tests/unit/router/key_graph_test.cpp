#include "router/key_graph.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

KeyList List(std::initializer_list<std::uint32_t> literals) {
  KeyList list;
  for (const std::uint32_t index : literals)
    list.push_back({ValueSource::From::kLiteral, index, false, ""});
  return list;
}

TEST(KeyGraph, ListsFollowTheirArrows) {
  KeyGraph graph;
  const int a = graph.Add("a", "k");
  const int b = graph.Add("b", "k");
  const int c = graph.Add("c", "k");
  graph.AddList(a, b);
  graph.Equal(b, c);
  graph.Restrict(b, List({1}));
  graph.Propagate();
  EXPECT_FALSE(graph.variable(a).list.has_value());  // not against the arrow
  EXPECT_EQ(graph.variable(c).list, List({1}));
  EXPECT_FALSE(graph.Complete());
  graph.Restrict(a, List({2}));
  graph.Propagate();
  EXPECT_TRUE(graph.Complete());
  EXPECT_EQ(graph.variable(b).list, List({1}));  // what it knew is as small
  EXPECT_EQ(graph.Lists().size(), 2U);
}

TEST(KeyGraph, TheSmallerListWins) {
  KeyGraph graph;
  const int a = graph.Add("a", "k");
  graph.Restrict(a, List({1, 2}));
  graph.Restrict(a, List({3}));
  graph.Restrict(a, List({1, 2, 3}));
  EXPECT_EQ(graph.variable(a).list, List({3}));
}

TEST(KeyGraph, ARootIsADriverThatReachesAll) {
  KeyGraph graph;
  const int a = graph.Add("a", "k");
  const int b = graph.Add("b", "k");
  const int c = graph.Add("c", "k");
  graph.AddJoin(a, b);
  EXPECT_FALSE(graph.Root({a, b, c}).has_value());
  graph.AddJoin(b, c);
  EXPECT_EQ(graph.Root({a, b, c}), a);
  EXPECT_FALSE(graph.Root({b, c}).has_value());
  EXPECT_FALSE(graph.Root({}).has_value());
}

}  // namespace
}  // namespace foreshard::router
