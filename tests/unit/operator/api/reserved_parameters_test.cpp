#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "operator/api/shard_set_json.h"

namespace foreshard::op {
namespace {

// The names in the rule of crds/shardsets.yaml that ends with this message.
std::vector<std::string> NamesInTheSchema() {
  std::ifstream file("crds/shardsets.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const std::string schema = text.str();
  const std::size_t end = schema.find("message: is set by the operator and cannot be changed here");
  const std::size_t begin = schema.rfind("- rule:", end);
  EXPECT_NE(end, std::string::npos);
  const std::string rule = schema.substr(begin, end - begin);
  std::vector<std::string> names;
  const std::regex quoted("'([a-z_]+)'");
  for (std::sregex_iterator at(rule.begin(), rule.end(), quoted), none; at != none; ++at)
    names.push_back((*at)[1]);
  return names;
}

Result<model::ShardSet> With(const std::string& parameter) {
  return ParseShardSet(fmt::format(
      R"({{"metadata":{{"name":"a"}},"spec":{{"postgres":{{"parameters":
         [{{"name":"{}","value":"1"}}]}},
         "sharding":{{"tables":[{{"name":"public.a","column":"id"}}]}},
         "shardTemplate":{{"storage":{{"size":"1Gi"}}}}}}}})",
      parameter));
}

// Where the schema is older than the operator, or the other way round, the loop must say the same.
TEST(ReservedParameters, TheLoopRefusesWhatTheSchemaRefuses) {
  const std::vector<std::string> names = NamesInTheSchema();
  ASSERT_GT(names.size(), 30U);
  for (const std::string& name : names) {
    const auto set = With(name);
    ASSERT_FALSE(set) << name;
    EXPECT_EQ(set.error().message,
              fmt::format("spec.postgres.parameters[0].name: '{}' is not accepted; give a setting "
                          "that the operator does not set itself",
                          name));
  }
  EXPECT_TRUE(With("work_mem").ok());
  EXPECT_TRUE(With("shared_buffers").ok());
}

TEST(ReservedParameters, TheSchemaRefusesWhatReplicationAndTheGateRelyOn) {
  const std::vector<std::string> names = NamesInTheSchema();
  for (const char* name :
       {"wal_level", "max_replication_slots", "max_wal_senders", "max_prepared_transactions",
        "synchronous_commit", "synchronous_standby_names", "fsync", "full_page_writes", "ssl",
        "session_replication_role", "archive_command", "restore_command", "hba_file"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

// Found by fuzz.operator.objects: a text here once ended the operator when it built the pods.
TEST(PodFields, WhatIsNoAffinityOrTolerationIsRefused) {
  for (const auto& [field, bad] : {std::pair{"affinity", R"("zone-a")"},
                                   {"affinity", "[1]"},
                                   {"tolerations", R"({"key":"a"})"},
                                   {"tolerations", "7"}}) {
    const auto set = ParseShardSet(fmt::format(
        R"({{"metadata":{{"name":"a"}},"spec":{{
           "sharding":{{"tables":[{{"name":"public.a","column":"id"}}]}},
           "shardTemplate":{{"storage":{{"size":"1Gi"}},"{}":{}}}}}}})",
        field, bad));
    ASSERT_FALSE(set) << field << bad;
    EXPECT_NE(set.error().message.find(std::string("spec.shardTemplate.") + field),
              std::string::npos)
        << set.error().message;
  }
}

}  // namespace
}  // namespace foreshard::op
