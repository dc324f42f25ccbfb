#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "kube/kinds.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"
#include "tests/api/crds_rules.h"
#include "tests/support/api_server.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The schemas of crds/ on a real API server: what they refuse and with which words, what kubectl
// shows of an object, and that the examples are accepted as they are written.

namespace foreshard::api_tests {
namespace {

using Json = nlohmann::json;
using kube::Object;
using kube::ObjectRef;
using support::ApiServer;
using support::Good;

const support::Needs kNeeds({"kube-apiserver", "etcd", "kubectl"});

class Server final : public testing::Environment {
 public:
  void SetUp() override {
    Result<std::unique_ptr<ApiServer>> server = ApiServer::Create();
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
    ASSERT_TRUE(Good(server_->Kubectl({"apply", "-f", "crds/"})));
    ASSERT_TRUE(Good(
        server_->Kubectl({"wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"})));
    ASSERT_TRUE(Good(server_->Kubectl({"create", "namespace", "shop"})));
    const Result<kube::ApiAccess> access = kube::ReadKubeconfig(server_->kubeconfig_file());
    ASSERT_TRUE(Good(access));
    Result<std::unique_ptr<kube::KubeApi>> api =
        kube::MakeRestApi({.access = *access, .clock = clock_});
    ASSERT_TRUE(Good(api));
    api_ = *std::move(api);
  }
  void TearDown() override {
    api_.reset();
    server_.reset();
  }
  bool ready() const { return api_ != nullptr; }
  kube::KubeApi& api() { return *api_; }
  std::string Kubectl(std::vector<std::string> arguments, const std::string& input = {}) {
    const Result<std::string> said = server_->Kubectl(std::move(arguments), input);
    EXPECT_TRUE(Good(said));
    return said ? *said : std::string();
  }
  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(20)); }

 private:
  SystemClock clock_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<kube::KubeApi> api_;
};

Server* const kServer = dynamic_cast<Server*>(testing::AddGlobalTestEnvironment(new Server));

struct Case {
  const RulesOfKind* kind;
  const SchemaRule* rule;
  bool status = false;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const RulesOfKind& kind : AllRules()) {
    for (const SchemaRule& rule : kind.spec_rules) cases.push_back({&kind, &rule, false});
    for (const SchemaRule& rule : kind.status_rules) cases.push_back({&kind, &rule, true});
  }
  return cases;
}

// Messages of the API server itself, of which the table has the beginning.
bool IsTheServersOwn(const std::string& message) {
  for (const char* begin :
       {"Duplicate value", "Too many", "should match", "should be ", "must be of type"}) {
    if (message.starts_with(begin)) return true;
  }
  return false;
}

class Schema : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { ASSERT_TRUE(kServer->ready()); }

  // The base object, changed by merge patches.
  static Json Built(const RulesOfKind& kind, const std::string& name,
                    std::initializer_list<std::string> patches) {
    Json object = Json::parse(kind.base);
    object["metadata"] = {{"name", name}, {"namespace", "shop"}};
    for (const std::string& patch : patches) object.merge_patch(Json::parse(patch));
    return object;
  }

  Result<Object> Create(const Json& object) {
    return kServer->api().Create(GetParam().kind->kind, {"shop", object["metadata"]["name"]},
                                 object.dump(), kServer->Soon());
  }

  // `before` is made, then becomes `after`: created with it if the rule is about creation.
  Result<Object> Try(const std::string& name, const std::string& after) {
    const SchemaRule& rule = *GetParam().rule;
    const RulesOfKind& kind = *GetParam().kind;
    if (rule.before.empty()) return Create(Built(kind, name, {after}));
    const Result<Object> made =
        Create(GetParam().status ? Built(kind, name, {}) : Built(kind, name, {rule.before}));
    EXPECT_TRUE(Good(made));
    if (!made) return made;
    const ObjectRef ref = made->ref();
    if (GetParam().status) {
      EXPECT_TRUE(Good(kServer->api().Patch(kind.kind, ref, rule.before, {.subresource = "status"},
                                            kServer->Soon())));
      return kServer->api().Patch(kind.kind, ref, after, {.subresource = "status"},
                                  kServer->Soon());
    }
    Json changed = Built(kind, name, {rule.before, after});
    changed["metadata"]["resourceVersion"] = made->metadata.resource_version;
    return kServer->api().Replace(kind.kind, ref, changed.dump(), "", kServer->Soon());
  }

  static std::string NameFor(const std::string& what) {
    static int number = 0;
    return fmt::format("{}-{}", what, ++number);
  }
};

// behaviour-06
TEST_P(Schema, AcceptsOneAndRefusesOne) {
  const SchemaRule& rule = *GetParam().rule;
  EXPECT_TRUE(Good(Try(NameFor("good"), rule.accepted)));

  const Result<Object> refused = Try(NameFor("bad"), rule.refused);
  ASSERT_FALSE(refused) << "accepted: " << rule.refused.substr(0, 500);
  EXPECT_EQ(refused.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(refused.error().code, "422");
  const std::string& said = refused.error().message;
  // A rule about the name stands at the root, and its words name the field.
  const bool at_the_root = rule.path == "metadata.name";
  const std::string path = rule.path + (at_the_root || IsTheServersOwn(rule.message) ? "" : ": ");
  EXPECT_NE(said.find(path), std::string::npos) << said;
  const std::size_t at = said.find(rule.message);
  ASSERT_NE(at, std::string::npos) << said;
  // Word by word: nothing of the message is left out at its end, and nothing stands behind it.
  const std::string rest = said.substr(at + rule.message.size());
  EXPECT_TRUE(IsTheServersOwn(rule.message) || rest.starts_with(" (HTTP 422)") ||
              rest.starts_with(", ") || rest.starts_with("]"))
      << said;
}

INSTANTIATE_TEST_SUITE_P(Crds, Schema, testing::ValuesIn(AllCases()),
                         [](const auto& one) { return one.param.rule->name; });

// Calls `look` for every object schema below `schema`.
void Walk(const Json& schema, const std::string& path,
          const std::function<void(const Json&, const std::string&)>& look) {
  look(schema, path);
  if (const auto properties = schema.find("properties"); properties != schema.end()) {
    for (const auto& [name, child] : properties->items()) Walk(child, path + "." + name, look);
  }
  if (const auto items = schema.find("items"); items != schema.end())
    Walk(*items, path + "[]", look);
}

Json SchemaOf(const std::string& plural) {
  const Json crd = Json::parse(
      kServer->Kubectl({"get", "crd", plural + ".foreshard.dev", "-o", "json"}), nullptr, false);
  return crd.value("/spec/versions/0/schema/openAPIV3Schema"_json_pointer, Json::object());
}

TEST(Crds, EveryRuleIsInTheTable) {
  for (const RulesOfKind& kind : AllRules()) {
    std::set<std::string> tested;
    for (const SchemaRule& rule : kind.spec_rules) tested.insert(rule.message);
    for (const SchemaRule& rule : kind.status_rules) tested.insert(rule.message);
    int rules = 0;
    Walk(SchemaOf(kind.kind.plural), "", [&](const Json& schema, const std::string& path) {
      for (const Json& rule : schema.value("x-kubernetes-validations", Json::array())) {
        ++rules;
        EXPECT_TRUE(tested.contains(rule.value("message", "")))
            << kind.kind.kind << path << ": " << rule.dump();
      }
    });
    EXPECT_GT(rules, 0) << kind.kind.kind;
  }
}

TEST(Crds, EveryFieldIsDescribed) {
  for (const RulesOfKind& kind : AllRules()) {
    int fields = 0;
    Walk(SchemaOf(kind.kind.plural), "", [&](const Json& schema, const std::string& path) {
      ++fields;
      if (path == ".metadata") return;
      EXPECT_FALSE(schema.value("description", "").empty()) << kind.kind.kind << path;
    });
    EXPECT_GT(fields, 10) << kind.kind.kind;
  }
}

TEST(Crds, ExamplesAreAcceptedAsTheyAreWritten) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("deploy/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    // Strict: a field that no schema knows is an error, not pruned.
    EXPECT_NE(kServer->Kubectl(
                  {"apply", "--server-side", "--validate=strict", "-f", entry.path().string()}),
              "");
  }
  EXPECT_GE(files, 5);
}

// The status that the example shows, through the subresource, comes back as it is.
TEST(Crds, StatusOfTheExamplesIsAcceptedAsItIsWritten) {
  for (const char* file : {"shardset", "shardmigration"}) {
    const std::string path = fmt::format("deploy/examples/{}.yaml", file);
    kServer->Kubectl({"apply", "--server-side", "--validate=strict", "-f", path});
    const Json written = Json::parse(kServer->Kubectl(
        {"create", "--dry-run=client", "--validate=false", "-o", "json", "-f", path}));
    const Json stored =
        Json::parse(kServer->Kubectl({"apply", "--server-side", "--validate=strict",
                                      "--subresource=status", "-o", "json", "-f", path}));
    ASSERT_TRUE(stored.contains("status")) << file;
    EXPECT_EQ(stored["status"], written["status"]) << file;
  }
}

TEST(Crds, DefaultsAreFilledIn) {
  const Json made = Json::parse(kServer->Kubectl(
      {"apply", "--server-side", "-o", "json", "-f", "deploy/examples/quickstart.yaml"}));
  const auto at = [&](const char* pointer) {
    const Json::json_pointer where(pointer);
    return made.contains(where) ? made[where].dump() : std::string();
  };
  EXPECT_EQ(at("/spec/postgres/version"), R"("15")");
  EXPECT_EQ(at("/spec/postgres/database"), R"("app")");
  EXPECT_EQ(at("/spec/router/service/port"), "5432");
  EXPECT_EQ(at("/spec/router/tls/mode"), R"("Prefer")");
  EXPECT_EQ(at("/spec/scaling/planQuantilePercent"), "75");
  EXPECT_EQ(at("/spec/scaling/seasons"), R"(["24h","168h"])");
  EXPECT_EQ(at("/spec/metrics/history"), R"("28d")");
  EXPECT_EQ(at("/spec/deletionPolicy"), R"("Retain")");
}

// The words of one line that kubectl prints, without the age.
std::string Columns(const std::string& kind, const std::string& name, bool wide) {
  std::vector<std::string> arguments = {"get", kind, name, "-n", "shop"};
  if (wide) arguments.insert(arguments.end(), {"-o", "wide"});
  std::istringstream words(kServer->Kubectl(arguments));
  std::string line;
  std::string word;
  while (words >> word) line += (line.empty() ? "" : " ") + word;
  return line;
}

// behaviour-05
TEST(Crds, PrinterColumnsOfAShardSet) {
  kServer->Kubectl({"apply", "--server-side", "-f", "deploy/examples/shardset.yaml"});
  kServer->Kubectl({"patch", "shs", "orders", "-n", "shop", "--subresource=status", "--type=merge",
                    "-p", R"({"status":{
      "shards":3,"epoch":12,"endpoint":"orders-router.shop.svc:5432","forecastPeakPercent":88,
      "plan":{"decision":"Waiting"},
      "conditions":[{"type":"Resharding","status":"False","reason":"Idle","message":"",
      "lastTransitionTime":"2026-05-01T09:10:00Z"},
                    {"type":"Ready","status":"True","reason":"AllShardsReady","message":"",
      "lastTransitionTime":"2026-05-01T09:10:00Z"}]}})"});
  const std::string shown = Columns("shs", "orders", true);
  EXPECT_TRUE(shown.starts_with(
      "NAME SHARDS READY REASON RESHARDING EPOCH MODE AGE ENDPOINT PEAK (%) PLAN orders 3 True "
      "AllShardsReady False 12 Recommend "))
      << shown;
  EXPECT_TRUE(shown.ends_with(" orders-router.shop.svc:5432 88 Waiting")) << shown;
  EXPECT_TRUE(Columns("shardsets", "orders", false)
                  .starts_with("NAME SHARDS READY REASON RESHARDING EPOCH MODE AGE orders "));
}

// behaviour-05
TEST(Crds, PrinterColumnsOfTheOthers) {
  kServer->Kubectl({"apply", "--server-side", "-f", "deploy/examples/"});
  kServer->Kubectl({"patch", "smig", "orders-split-4kq7", "-n", "shop", "--subresource=status",
                    "--type=merge", "-p",
                    R"({"status":{"phase":"Copying","progress":{"copyPercent":40}}})"});
  EXPECT_TRUE(Columns("smig", "orders-split-4kq7", false)
                  .starts_with("NAME SHARDSET TYPE SOURCE DESTINATION PHASE COPIED (%) AGE "
                               "orders-split-4kq7 orders Split "
                               "s-4kq7 Copying 40 "));
  EXPECT_TRUE(
      Columns("rtab", "orders", false)
          .starts_with("NAME SHARDSET EPOCH MOVING AGE orders orders 12 orders-split-4kq7 "));
  EXPECT_TRUE(Columns("le", "black-friday", false)
                  .starts_with("NAME SHARDSET CLASS START DURATION READY AGE black-friday "
                               "orders Campaign 2026-11-27T06:00:00Z 18h "));
}

// behaviour-21
TEST(Crds, RoutersScaleByTheSubresource) {
  kServer->Kubectl({"apply", "--server-side", "-f", "deploy/examples/shardset.yaml"});
  kServer->Kubectl(
      {"patch", "shs", "orders", "-n", "shop", "--subresource=status", "--type=merge", "-p",
       R"({"status":{"routerReplicas":2,"routerSelector":"foreshard.dev/shardset=orders"}})"});
  const Json scale = Json::parse(kServer->Kubectl(
      {"get", "--raw", "/apis/foreshard.dev/v1alpha1/namespaces/shop/shardsets/orders/scale"}));
  EXPECT_EQ(scale["spec"]["replicas"], 2);
  EXPECT_EQ(scale["status"]["replicas"], 2);
  EXPECT_EQ(scale["status"]["selector"], "foreshard.dev/shardset=orders");
  kServer->Kubectl({"scale", "shardset/orders", "-n", "shop", "--replicas=5"});
  const auto seen = kServer->api().Get(kube::kShardSets, {"shop", "orders"}, kServer->Soon());
  ASSERT_TRUE(seen && seen->has_value());
  EXPECT_EQ(Json::parse((*seen)->json)["spec"]["router"]["replicas"], 5);
}

TEST(Crds, AStatusIsNotWrittenThroughTheSpec) {
  kServer->Kubectl({"apply", "--server-side", "-f", "deploy/examples/loadevent.yaml"});
  kServer->Kubectl({"patch", "le", "black-friday", "-n", "shop", "--type=merge", "-p",
                    R"({"status":{"observedGeneration":9}})"});
  const auto seen =
      kServer->api().Get(kube::kLoadEvents, {"shop", "black-friday"}, kServer->Soon());
  ASSERT_TRUE(seen && seen->has_value());
  EXPECT_FALSE(Json::parse((*seen)->json).contains("status"));
}

}  // namespace
}  // namespace foreshard::api_tests
