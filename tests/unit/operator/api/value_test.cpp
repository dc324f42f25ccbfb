#include "operator/api/value.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

Value Parsed(const char* text) {
  Result<Value> value = ParseJson(text);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? *value : Value();
}

TEST(Value, SurvivesTextBothWays) {
  const char* text = R"({"a":[1,-2,2.5,true,null,"x\n\"y\""],"b":{},"c":[]})";
  EXPECT_EQ(ToJson(Parsed(text)), text);
}

TEST(Value, MembersAreOrderedSoThatEqualValuesHaveEqualText) {
  EXPECT_EQ(ToJson(Parsed(R"({"b":1,"a":2})")), ToJson(Parsed(R"({"a":2,"b":1})")));
}

TEST(Value, AnswersTheDefaultForWhatIsNotThereOrOfAnotherKind) {
  const Value value = Parsed(R"({"a":{"b":{"c":"deep"}},"n":7})");
  EXPECT_EQ(value.At("a.b.c").Text(), "deep");
  EXPECT_EQ(value.At("a.x.c").Text("none"), "none");
  EXPECT_EQ(value["n"].Text("none"), "none");
  EXPECT_EQ(value["a"].Int(3), 3);
  EXPECT_TRUE(value["n"]["deeper"].is_null());
}

TEST(Value, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "\"\xff\""}) {
    const Result<Value> value = ParseJson(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.error().kind, Error::Kind::kGiveUp);
  }
}

struct Case {
  const char* seen;
  const char* wanted;
  bool covers;
};

TEST(Covers, KnowsWhatTheServerRewritesFromWhatSomebodyChanged) {
  const Case cases[] = {
      {R"({"a":1,"b":2})", R"({"a":1})", true},
      {R"({"a":1})", R"({"a":1,"b":2})", false},
      {R"({"cpu":"1"})", R"({"cpu":"1000m"})", true},
      {R"({"cpu":"1"})", R"({"cpu":"1100m"})", false},
      {R"({"memory":"1Gi"})", R"({"memory":"1024Mi"})", true},
      {R"({})", R"({"emptyDir":{},"list":[],"off":false,"text":""})", true},
      {R"({})", R"({"on":true})", false},
      {R"({"c":[{"name":"b","x":1},{"name":"a","x":2}]})", R"({"c":[{"name":"a","x":2}]})", true},
      {R"({"c":[{"name":"a","x":2}]})", R"({"c":[{"name":"a","x":3}]})", false},
      {R"({"v":["get","list"]})", R"({"v":["get"]})", false},
      {R"({"v":["get","list"]})", R"({"v":["list","get"]})", false},
      {R"({"v":["get","list"]})", R"({"v":["get","list"]})", true},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(Covers(Parsed(one.seen), Parsed(one.wanted)), one.covers)
        << one.seen << " / " << one.wanted;
  }
}

}  // namespace
}  // namespace foreshard::op
