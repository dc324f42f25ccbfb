#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The access log of the program: off, on and off again while clients stay, and without a value.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql", "curl"});

std::vector<Json> AccessLines(const std::string& log) {
  std::vector<Json> lines;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && json.value("event", "") == "access") lines.push_back(std::move(json));
  }
  return lines;
}

class AccessLog : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        Create({.shards = 2}, "CREATE TABLE customers(id bigint PRIMARY KEY, name text)"));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    client_ = std::move(*client);
  }
  // Until the router has taken it: each look is a statement of its own.
  void Configure(const std::string& access_log, bool on) {
    bed_->WriteConfig(fmt::format(R"("clientConnections":500,"accessLog":{})", access_log));
    ASSERT_TRUE(WaitFor("the router takes it", 20s, [&] {
      const std::size_t before = AccessLines(bed_->RouterLog()).size();
      (void)client_->Ask("SELECT 1");
      (void)client_->Ask("SELECT 2");  // The line of the first was written before this was read.
      return Seen((AccessLines(bed_->RouterLog()).size() > before) == on, bed_->RouterLog());
    }));
  }
  std::optional<Json> LineOf(const std::string& shape) {
    std::optional<Json> found;
    EXPECT_TRUE(WaitFor(shape, 20s, [&] {
      for (const Json& line : AccessLines(bed_->RouterLog())) {
        if (line.value("shape", "") == shape) found = line;
      }
      return Seen(found.has_value(), bed_->RouterLog());
    }));
    return found;
  }

  std::unique_ptr<WireClient> client_;
};

TEST_F(AccessLog, IsOffThenOnThenOffWhileAClientStays) {
  ASSERT_EQ(FirstError(*client_->Ask("INSERT INTO customers(id, name) VALUES (1, 'hush-hush')")),
            "");
  EXPECT_TRUE(AccessLines(bed_->RouterLog()).empty());
  Configure(R"({"oneIn":1})", true);
  ASSERT_EQ(
      FirstError(*client_->Ask("INSERT INTO customers(id, name) VALUES (77123, 'hush-hush')")), "");
  ASSERT_EQ(FirstValue(*client_->Ask("SELECT name FROM customers WHERE id = 77123")), "hush-hush");
  ASSERT_EQ(
      FirstError(*client_->Ask("INSERT INTO customers(id, name) VALUES (77123, 'hush-hush')")),
      "23505");
  ASSERT_EQ(FirstValue(*client_->Ask("SELECT count(*) FROM customers")), "2");

  const auto read = LineOf("select name from customers where id = ?");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ((*read)["kind"], "read");
  EXPECT_EQ((*read)["tables"], "public.customers");
  EXPECT_EQ((*read)["keys"], 1);
  EXPECT_EQ((*read)["rows"], 1);
  EXPECT_GT((*read)["bytes"], 0);
  EXPECT_GT((*read)["backend_us"], 0);
  EXPECT_EQ((*read)["sqlstate"], "00000");
  EXPECT_TRUE((*read)["shard"] == "s-0" || (*read)["shard"] == "s-1") << *read;
  const auto write = LineOf("insert into customers ( id , name ) values ( ? , ? )");
  ASSERT_TRUE(write.has_value());
  EXPECT_EQ((*write)["sqlstate"], "23505") << "the last one";
  EXPECT_EQ((*write)["write"], true);
  EXPECT_EQ((*write)["key"], (*read)["key"]) << "the same key, by whatever statement";
  EXPECT_EQ((*write)["user"], (*read)["user"]);
  EXPECT_EQ((*LineOf("select count ( * ) from customers"))["keys"], 0);
  for (const Json& line : AccessLines(bed_->RouterLog())) {
    for (const char* secret : {"hush-hush", "77123", "app"})
      EXPECT_EQ(line.dump().find(secret), std::string::npos) << line;
  }
  const auto metrics = bed_->Metrics();
  ASSERT_TRUE(Good(metrics));
  EXPECT_NE(metrics->find("foreshard_router_access_log_total{result=\"written\"}"),
            std::string::npos);

  Configure(R"({"oneIn":1,"users":true,"keys":true})", true);
  EXPECT_TRUE(WaitFor("names, since that is allowed", 20s, [&] {
    (void)client_->Ask("SELECT id FROM customers WHERE id = 77123");
    const std::vector<Json> lines = AccessLines(bed_->RouterLog());
    return Seen(lines.back()["user"] == "app" && lines.back()["key"] == "77123",
                lines.back().dump());
  }));
  Configure(R"({"oneIn":0})", false);
}

// The command line says what holds as long as router.json is silent.
TEST(AccessLogFlag, HoldsUntilTheConfigurationSays) {
  auto bed = RouterBed::Create({.shards = 1, .arguments = {"--access-log-one-in", "1"}});
  ASSERT_TRUE(Good(bed));
  ASSERT_TRUE(Good((*bed)->Psql("SELECT 4711")));
  EXPECT_TRUE(WaitFor("a line", 20s, [&] {
    return Seen(!AccessLines((*bed)->RouterLog()).empty(), (*bed)->RouterLog());
  }));
}

}  // namespace
}  // namespace foreshard::router
