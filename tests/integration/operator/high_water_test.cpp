#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "kube/kinds.h"
#include "operator/builders/secrets.h"
#include "operator/shards/kube_shard_directory.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/needs.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

// What a shard tells of its past before a migration gets its number, asked as the operator asks: on
// PostgreSQL's own port, over checked TLS. Played are the cluster's DNS and the Service, a
// forwarder.

namespace foreshard::op {
namespace {

const support::Needs kNeeds({"postgres"});

// A loopback address of this process alone: others may have theirs on the same port.
std::string OwnAddress() {
  const int pid = getpid();
  return fmt::format("127.{}.{}.{}", 60 + pid / 65'536 % 30, pid / 256 % 256, 1 + pid % 250);
}

sockaddr_in At(const std::string& address, int port) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &place.sin_addr);
  return place;
}

// One connection after the other, from `address` to a port of 127.0.0.1, until it is shut.
class Forwarder {
 public:
  Forwarder(const std::string& address, int port, int target) : target_(target) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const sockaddr_in place = At(address, port);
    good_ = bind(listener_, reinterpret_cast<const sockaddr*>(&place), sizeof(place)) == 0 &&
            listen(listener_, 4) == 0;
    thread_ = std::jthread([this] { Run(); });
  }
  ~Forwarder() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  bool good() const { return good_; }

 private:
  void Run() const {
    for (int inside = accept(listener_, nullptr, nullptr); inside >= 0;
         inside = accept(listener_, nullptr, nullptr)) {
      const int outside = socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in place = At("127.0.0.1", target_);
      if (connect(outside, reinterpret_cast<const sockaddr*>(&place), sizeof(place)) == 0)
        Carry(inside, outside);
      close(outside);
      close(inside);
    }
  }
  static void Carry(int inside, int outside) {
    std::array<char, 65'536> bytes{};
    for (std::array<pollfd, 2> ends{{{inside, POLLIN, 0}, {outside, POLLIN, 0}}};;) {
      if (poll(ends.data(), ends.size(), -1) < 0) return;
      for (std::size_t i = 0; i < 2; ++i) {
        if (ends[i].revents == 0) continue;
        const ssize_t count = read(ends[i].fd, bytes.data(), bytes.size());
        if (count <= 0) return;
        if (write(ends[1 - i].fd, bytes.data(), static_cast<std::size_t>(count)) != count) return;
      }
    }
  }

  const int target_;
  int listener_ = -1;
  bool good_ = false;
  std::jthread thread_;
};

class KubeShardDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    support::PostgresOptions options;
    options.tls = true;
    auto made = support::PostgresServer::Create(options);
    ASSERT_TRUE(made.ok()) << made.error().message;
    server = std::move(*made);
    for (const char* sql : {"CREATE ROLE foreshard LOGIN SUPERUSER PASSWORD 'secret'",
                            "CREATE DATABASE app", "CREATE DATABASE ledger"})
      ASSERT_TRUE(server->Sql(sql).ok());
    const std::string address = OwnAddress();
    forwarder.emplace(address, kPostgresPort, server->port());
    ASSERT_TRUE(forwarder->good());
    Create(kube::kSecrets, "orders-internal", {{"foreshard", "secret"}});
    Create(kube::kSecrets, "orders-shard-tls",
           {{"ca.crt", support::ReadFile(server->certificate_file())}});
  }
  void TearDown() override { unsetenv("PGHOSTADDR"); }

  void Create(const kube::ResourceKind& kind, const std::string& name,
              const std::map<std::string, std::string>& data) {
    const SetName set{.name_space = "shop", .name = "orders", .uid = {}};
    ASSERT_TRUE(kube.Create(kind, {"shop", name},
                            ToJson(BuildSecret(set, name, Component::kShard, data)), Soon())
                    .ok());
  }
  void Fill(const std::string& database, int number, int epoch) {
    const auto made = server->Sql(
        fmt::format("CREATE SCHEMA foreshard; CREATE TABLE foreshard.migration (migration_id int); "
                    "CREATE TABLE foreshard.range (epoch bigint); "
                    "INSERT INTO foreshard.migration VALUES ({}); "
                    "INSERT INTO foreshard.range VALUES ({})",
                    number, epoch),
        database);
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(20)); }

  const SystemClock clock;
  fakes::FakeKubeApi kube{clock};
  support::TemporaryDirectory directory{"high-water"};
  CaFiles files{directory.File("ca")};
  KubeShardDirectory shards{kube, clock, files};
  std::unique_ptr<support::PostgresServer> server;
  std::optional<Forwarder> forwarder;
};

// Database app is there too, with another past: what was read of the set must be all of it.
TEST_F(KubeShardDirectoryTest, TheHighWaterIsThatOfTheSetsOwnDatabase) {
  Fill("app", 3, 4);
  Fill("ledger", 17, 23);
  ASSERT_TRUE(kube.Create(kube::kShardSets, {"shop", "orders"},
                          R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
      "metadata":{"name":"orders","namespace":"shop"},"spec":{"postgres":{"database":"ledger"},
      "sharding":{"tables":[{"name":"public.orders","column":"id"}],"initialShards":1},
      "shardTemplate":{"members":2,"storage":{"size":"1Gi"}},"router":{"replicas":1}}})",
                          Soon())
                  .ok());
  // What DNS would say of the Service; psql must not hear it.
  setenv("PGHOSTADDR", OwnAddress().c_str(), 1);
  const auto high = shards.ReadHighWater("shop", "orders", {"s-aaaa"}, Soon());
  ASSERT_TRUE(high.ok()) << high.error().message;
  EXPECT_EQ(high->number.value, 17);
  EXPECT_EQ(high->epoch.value, 23);
}

}  // namespace
}  // namespace foreshard::op
