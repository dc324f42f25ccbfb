#include "operator/plans/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace foreshard::op {

struct Tree {
  std::string name;
  int age = 0;
  std::vector<double> heights;
  std::vector<Tree> children;
};

template <typename Archive>
void Describe(Archive& archive, Tree& tree) {
  archive.Text("name", tree.name, {1, 8});
  archive.Whole("age", tree.age, {0, 900});
  archive.NumberList("heights", tree.heights, {0, 120}, {0, 3});
  archive.ObjectList("children", tree.children, {0, 2});
}

namespace {

std::string ProblemsOf(const std::string& json) {
  Problems problems;
  Tree tree;
  ReadArchive::Read(*ParseJson(json), "", problems, tree);
  return problems.none() ? "" : problems.AsError().message;
}

TEST(Archive, OneDescriptionWritesAndReads) {
  Tree acorn;
  acorn.name = "acorn";
  Tree tree{.name = "oak", .age = 300, .heights = {0.1, 20}, .children = {acorn}};
  const std::string json = ToJson(WriteArchive::Written(tree));
  EXPECT_EQ(json, R"({"age":300,"children":[{"age":0,"children":[],"heights":[],"name":"acorn"}],)"
                  R"("heights":[0.1,20.0],"name":"oak"})");
  EXPECT_EQ(ProblemsOf(json), "");
}

TEST(Archive, EachLimitIsKept) {
  const std::string good = R"({"age":3,"children":[],"heights":[],"name":"oak"})";
  EXPECT_EQ(ProblemsOf(good), "");
  const auto with = [&good](const std::string& from, const std::string& to) {
    std::string text = good;
    return ProblemsOf(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_THAT(with("3", "901"), testing::StartsWith("age: '901'"));
  EXPECT_THAT(with("3", "9000000000"), testing::StartsWith("age: '9000000000'"));
  EXPECT_THAT(with("3", "\"3\""), testing::StartsWith("age: '3'"));
  EXPECT_THAT(with("oak", "sycamore tree"), testing::HasSubstr("a text of 1 to 8 bytes"));
  EXPECT_THAT(with("\"heights\":[]", "\"heights\":[1,2,3,4]"), testing::HasSubstr("a list of 4"));
  EXPECT_THAT(with("\"heights\":[]", "\"heights\":[1,121]"), testing::HasSubstr("heights[1]"));
  EXPECT_THAT(with("\"children\":[]", "\"children\":[7]"),
              testing::HasSubstr("children[0]: '7' is not accepted; give an object"));
}

}  // namespace
}  // namespace foreshard::op
