#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/plugin/history.h"

namespace foreshard::plugin {
namespace {

using testing::HasSubstr;

model::RoutingTable Table() {
  model::RoutingTable table;
  table.key_space = {model::Strategy::kHash, model::KeyType::kBigint};
  table.ranges = {{{"", "40"}, {"s-a"}}, {{"40", "c0"}, {"s-b"}}, {{"c0", ""}, {"s-a"}}};
  table.shards = {{{"s-a"}, "a", "a"}, {{"s-b"}, "b", "b"}, {{"s-c"}, "c", "c"}};
  return table;
}

std::map<std::string, double> Shares(const model::RoutingTable& table,
                                     const std::vector<std::string>& given) {
  const auto shares = SharesOf(table, given);
  EXPECT_TRUE(shares) << shares.error().message;
  std::map<std::string, double> found;
  if (!shares) return found;
  for (const LoadShare& share : *shares) found[share.shard.value] = share.share;
  return found;
}

std::string Written(const History& history) {
  std::string text;
  WriteOpenMetrics(history, [&](std::string_view line) { text += line; });
  return text;
}

TEST(PluginHistory, LoadIsSharedByWhatAShardOwns) {
  model::RoutingTable table = Table();
  EXPECT_EQ(Shares(table, {}), (std::map<std::string, double>{{"s-a", 0.5}, {"s-b", 0.5}}));
  table.key_space.strategy = model::Strategy::kRange;  // widths of keys say nothing
  EXPECT_DOUBLE_EQ(Shares(table, {}).at("s-c"), 1.0 / 3);
}

TEST(PluginHistory, LoadIsSharedAsItWasTyped) {
  const auto shares = Shares(Table(), {"s-b=0.7"});
  EXPECT_DOUBLE_EQ(shares.at("s-b"), 0.7);
  EXPECT_DOUBLE_EQ(shares.at("s-a"), 0.15);
  EXPECT_DOUBLE_EQ(shares.at("s-c"), 0.15);
  EXPECT_DOUBLE_EQ(Shares(Table(), {"s-a=1"}).at("s-b"), 0);
}

TEST(PluginHistory, AWrongShareIsNamed) {
  for (const auto& [given, why] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"s-b"}, "--share s-b: no '='"},
           {{"s-x=0.1"}, "--share s-x=0.1: no such shard"},
           {{"s-b=0.1", "s-b=0.2"}, "named twice"},
           {{"s-b=1.1"}, "no number from 0 to 1"},
           {{"s-b=nan"}, "no number from 0 to 1"},
           {{"s-b=0.5x"}, "no number from 0 to 1"},
           {{"s-a=0.7", "s-b=0.7"}, "together 1.4"},
           {{"s-a=0.1", "s-b=0.1", "s-c=0.1"}, "together 0.3"}}) {
    const auto shares = SharesOf(Table(), given);
    ASSERT_FALSE(shares) << given[0];
    EXPECT_THAT(shares.error().message, HasSubstr(why));
  }
}

TEST(PluginHistory, LabelsAreThoseOfTheSelector) {
  EXPECT_EQ(LabelsOf("")->size(), 0);
  EXPECT_EQ(*LabelsOf(R"(cluster="a",zone="")"),
            (std::map<std::string, std::string>{{"cluster", "a"}, {"zone", ""}}));
  for (const char* text : {R"(cluster=~"a.*")", R"(cluster!="a")", "cluster=a", R"(cluster="a)",
                           R"(="a")", R"(cluster="a"zone="b")", R"(a="\"")"}) {
    const auto labels = LabelsOf(text);
    ASSERT_FALSE(labels) << text;
    EXPECT_THAT(labels.error().message, HasSubstr("spec.metrics.selector"));
  }
}

TEST(PluginHistory, ValuesBecomeTheCountersOfTheRouters) {
  const History history{.demand = {{600, 10}, {900, 20}},
                        .shares = {{{"s-a"}, 0.5}},
                        .write_share = 0.2,
                        .bin = std::chrono::seconds(300),
                        .labels = {{"history", "true"}, {"namespace", "shop"}}};
  const std::string labels = R"(,history="true",namespace="shop"} )";
  EXPECT_EQ(
      Written(history), "# TYPE foreshard_router_statements counter\n" + [&] {
        std::string lines;
        const auto series = [&](const char* kind, double part) {
          int at = 600;
          for (const int total : {0, 1000, 2000, 3000, 5000, 7000, 9000}) {
            char number[32];
            std::snprintf(number, sizeof number, "%.3f", total * 0.5 * part);
            lines += std::string("foreshard_router_statements_total{shard=\"s-a\",kind=\"") + kind +
                     "\"" + labels + number + " " + std::to_string(at) + "\n";
            at += 100;
          }
        };
        series("read", 0.8);
        series("write", 0.2);
        return lines;
      }() + "# EOF\n");
}

TEST(PluginHistory, AGapHasNoSamples) {
  History history{.demand = {{0, 1}, {300, 1}, {600, 1}, {3'000, 1}},
                  .shares = {{{"s-a"}, 1}},
                  .write_share = 0,
                  .bin = std::chrono::seconds(300),
                  .labels = {}};
  const std::string text = Written(history);
  EXPECT_THAT(text, HasSubstr("kind=\"read\"} 900.000 900\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr(" 1000\n")));
  EXPECT_THAT(text, HasSubstr("kind=\"read\"} 900.000 3000\n"));
  EXPECT_THAT(text, HasSubstr("kind=\"read\"} 1200.000 3300\n"));
  history.demand = Between(history.demand, 300, 3'000);
  ASSERT_EQ(history.demand.size(), 2);
  EXPECT_EQ(history.demand[0].at, 300);
}

TEST(PluginHistory, SaysWhatWillBeWritten) {
  const History history{.demand = {{0, 10}, {300, 30}},
                        .shares = {{{"s-a"}, 0.25}, {{"s-b"}, 0.75}},
                        .write_share = 0.3,
                        .bin = std::chrono::seconds(300),
                        .labels = {}};
  EXPECT_EQ(
      HistoryText(history),
      "1970-01-01T00:00:00Z to 1970-01-01T00:05:00Z: 2 values, 20.0 statements/s in the mean, "
      "30.0 at most, 30 % writes\n  s-a  25.0 %\n  s-b  75.0 %\n");
}

}  // namespace
}  // namespace foreshard::plugin
