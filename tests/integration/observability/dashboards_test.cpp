#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "base/clock.h"
#include "operator/metrics/prometheus_http.h"
#include "tests/fakes/metric_samples.h"
#include "tests/support/needs.h"
#include "tests/support/prometheus_server.h"

// Every query of every dashboard, asked of a real Prometheus that holds exactly what the programs
// export: one that does not parse, asks for a metric that nobody exports, or for a label that it
// does not have, finds no data.

namespace foreshard {
namespace {

using Json = nlohmann::json;

const support::Needs kNeeds({"prometheus", "promtool"});
constexpr const char* kFolder = "charts/foreshard/files/dashboards";
constexpr int kTurns = 60;
constexpr double kStepSeconds = 30;

std::map<std::string, Json> Dashboards() {
  std::map<std::string, Json> all;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    all[entry.path().stem()] = Json::parse(support::ReadFile(entry.path()));
  return all;
}

// As Grafana does, with every variable at "All".
std::string Chosen(std::string query) {
  const std::pair<std::regex, const char*> values[] = {{std::regex(R"(\$namespace)"), ".*"},
                                                       {std::regex(R"(\$set)"), ".*"},
                                                       {std::regex(R"(\$shard)"), ".*"},
                                                       {std::regex(R"(\$__rate_interval)"), "5m"}};
  for (const auto& [name, value] : values) query = std::regex_replace(query, name, value);
  return query;
}

class World : public testing::Environment {
 public:
  void SetUp() override {
    end_ = std::chrono::duration<double>(clock_.Wall().time_since_epoch()).count() - 60;
    auto server = support::PrometheusServer::Create(
        {.history = fakes::ScrapedHistory(end_, kTurns, kStepSeconds)});
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    auto metrics = op::PrometheusHttp::Create(server_->url(), clock_);
    ASSERT_TRUE(metrics) << metrics.error().message;
    metrics_ = *std::move(metrics);
  }
  void TearDown() override { server_.reset(); }

  // The newest values; what is no number is no sample.
  Result<std::vector<op::MetricSeries>> Ask(const std::string& query) {
    return metrics_->QueryRange({.expression = query,
                                 .start_seconds = end_ - 10,
                                 .end_seconds = end_,
                                 .step = std::chrono::seconds(5)},
                                Deadline::After(clock_, std::chrono::seconds(20)));
  }
  bool HasData(const std::string& query) {
    const auto answer = Ask(query);
    EXPECT_TRUE(answer) << answer.error().message << "\n" << query;
    return answer && std::any_of(answer->begin(), answer->end(),
                                 [](const op::MetricSeries& one) { return !one.samples.empty(); });
  }

 private:
  SystemClock clock_;
  double end_ = 0;
  std::unique_ptr<support::PrometheusServer> server_;
  std::unique_ptr<op::Metrics> metrics_;
};

World& TheWorld() {
  static World* const world = new World;  // googletest ends it
  return *world;
}
const auto* const kWorld = testing::AddGlobalTestEnvironment(&TheWorld());

// behaviour-24
TEST(Dashboards, EveryPanelHasData) {
  std::size_t queries = 0;
  for (const auto& [name, dashboard] : Dashboards()) {
    for (const Json& panel : dashboard["panels"]) {
      ASSERT_FALSE(panel["targets"].empty()) << name << ": " << panel["title"];
      for (const Json& target : panel["targets"]) {
        EXPECT_TRUE(TheWorld().HasData(Chosen(target["expr"])))
            << name << ": " << panel["title"] << ": no data for " << target["expr"];
        ++queries;
      }
    }
  }
  EXPECT_GE(queries, 70U);
}

// behaviour-24
TEST(Dashboards, EveryVariableHasValues) {
  static const std::regex kValues(R"(label_values\((.*), ([a-z]+)\))");
  for (const auto& [name, dashboard] : Dashboards()) {
    for (const Json& variable : dashboard["templating"]["list"]) {
      if (variable["type"] != "query") continue;
      std::smatch parts;
      const std::string definition = Chosen(variable["definition"]);
      ASSERT_TRUE(std::regex_match(definition, parts, kValues)) << name << ": " << definition;
      EXPECT_TRUE(TheWorld().HasData(parts[1].str() + " != bool 1e300"))
          << name << ": " << definition;
      const auto series = TheWorld().Ask(parts[1]);
      ASSERT_TRUE(series && !series->empty());
      EXPECT_TRUE(series->front().labels.contains(parts[2])) << name << ": " << definition;
    }
  }
}

TEST(Dashboards, AreExplainedAndUseTheDataSourceThatIsChosen) {
  const auto all = Dashboards();
  EXPECT_EQ(all.size(), 4U);
  for (const auto& [name, dashboard] : all) {
    EXPECT_EQ(dashboard["uid"], "foreshard-" + name);
    EXPECT_EQ(dashboard["templating"]["list"][0]["type"], "datasource");
    std::set<std::string> variables;
    for (const Json& variable : dashboard["templating"]["list"]) variables.insert(variable["name"]);
    EXPECT_TRUE(variables.contains("set")) << name;
    EXPECT_EQ(variables.contains("shard"), name != "operator") << name;
    for (const Json& panel : dashboard["panels"]) {
      EXPECT_GE(panel["description"].get<std::string>().size(), 20U)
          << name << ": " << panel["title"];
      EXPECT_EQ(panel["datasource"]["uid"], "${datasource}") << name << ": " << panel["title"];
      for (const Json& target : panel["targets"])
        EXPECT_EQ(target["datasource"]["uid"], "${datasource}") << name << ": " << panel["title"];
    }
  }
}

// The net itself: a wrong name is caught.
TEST(Dashboards, AMetricThatNobodyExportsHasNoData) {
  EXPECT_FALSE(TheWorld().HasData("foreshard_shard_demands"));
  EXPECT_FALSE(TheWorld().HasData("sum(foreshard_shard_demand{set=\"orders\"})"));
  EXPECT_FALSE(TheWorld().Ask("sum(foreshard_shard_demand")) << "does not parse";
}

}  // namespace
}  // namespace foreshard
