#include <fmt/format.h>

#include <tuple>

#include "operator/certificates.h"
#include "operator/routers/https_router_control.h"
#include "pg/wire_writer.h"
#include "router/table_feed.h"
#include "tests/contract/router_control_contract.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/await.h"
#include "tests/support/needs.h"
#include "tests/support/port.h"

namespace foreshard::contract {
namespace {

using namespace std::chrono_literals;

const support::Needs kNeeds({"postgres", "initdb", "psql"});

constexpr model::KeySpace kSpace{model::Strategy::kHash, model::KeyType::kBigint};

// The authority of the set in ca.crt with what it signs: the router's certificate in tls.*, the
// operator's in operator.*, one of somebody else in guest.*; in forged.* what another authority
// signs in the operator's name.
Status WriteCertificates(const support::TemporaryDirectory& directory, WallTime now) {
  const Result<op::KeyPair> authority = op::MakeAuthority("bed", now);
  if (!authority) return authority.error();
  const Result<op::KeyPair> other = op::MakeAuthority("bed", now);
  if (!other) return other.error();
  directory.Write("ca.crt", authority->certificate_pem);
  const auto client = [](const char* name) {
    return op::CertificateRequest{
        .common_name = name, .dns_names = {}, .server = false, .client = true};
  };
  const op::CertificateRequest router{.common_name = "bed-router", .dns_names = {"bed-router"}};
  const std::vector<std::tuple<std::string, const op::KeyPair*, op::CertificateRequest>> all = {
      {"tls", &*authority, router},
      {"operator", &*authority, client("foreshard-operator")},
      {"guest", &*authority, client("bed-router")},
      {"forged", &*other, client("foreshard-operator")}};
  for (const auto& [file, signer, request] : all) {
    const Result<op::KeyPair> issued = op::IssueCertificate(*signer, request, now);
    if (!issued) return issued.error();
    directory.Write(file + ".crt", issued->certificate_pem);
    directory.Write(file + ".key", issued->key_pem);
  }
  return Ok();
}

// The router's program before two databases, and the operator's way to its admin port.
class RealRouters final : public RouterWorld {
 public:
  static Result<std::unique_ptr<RouterWorld>> Make() {
    auto world = std::unique_ptr<RealRouters>(new RealRouters());
    if (const Status started = world->Start(); !started) return started.error();
    return std::unique_ptr<RouterWorld>(std::move(world));
  }

  op::RouterControl& control() override { return *control_; }
  std::string awake() const override { return "bed"; }
  std::string silent() const override { return "gone"; }
  model::RoutingTable Table(std::int64_t epoch) const override {
    auto table = router::ParseRoutingTableSpec(bed_->TableJson(static_cast<int>(epoch)), kSpace);
    EXPECT_TRUE(table.ok());
    return *std::move(table);
  }

  int Write(const std::string& key) override {
    writers_.push_back({Client(), false});
    EXPECT_TRUE(writers_.back().client->Send(Update(key)).ok());
    return static_cast<int>(writers_.size()) - 1;
  }
  bool IsAnswered(int write) override {
    Writer& writer = writers_.at(static_cast<std::size_t>(write));
    writer.answered = writer.answered || writer.client->ReceiveUntilReady(20ms).ok();
    return writer.answered;
  }
  void BeginTransaction(const std::string& key) override {
    transaction_ = Client();
    EXPECT_TRUE(transaction_->Ask("BEGIN").ok());
    EXPECT_TRUE(transaction_->Send(Update(key)).ok());
    EXPECT_TRUE(transaction_->ReceiveUntilReady().ok());
  }
  void EndTransaction() override { EXPECT_TRUE(transaction_->Ask("COMMIT").ok()); }
  bool Await(const std::function<bool()>& look) override {
    return support::Await("the claim", 20s, [&] { return support::Seen(look()); }).ok();
  }
  Deadline Soon() const override { return Deadline::After(clock_, 5s); }

  // The way to the admin port of who shows this certificate.
  Result<std::unique_ptr<op::HttpsRouterControl>> ControlBy(const std::string& certificate) const {
    auto context = op::TlsContext::Load({.ca_file = directory_.File("ca.crt"),
                                         .certificate_file = directory_.File(certificate + ".crt"),
                                         .key_file = directory_.File(certificate + ".key")});
    if (!context) return context.error();
    auto control = std::make_unique<op::HttpsRouterControl>(std::move(*context), clock_);
    control->SetRouters({{"bed", "127.0.0.1", bed_->admin_port(), "bed-router"},
                         {"gone", "127.0.0.1", support::FreePort(), "bed-router"}});
    return control;
  }

  router::RouterBed& bed() { return *bed_; }

 private:
  struct Writer {
    std::unique_ptr<router::WireClient> client;
    bool answered = false;
  };

  RealRouters() = default;

  Status Start() {
    if (const Status made = WriteCertificates(directory_, clock_.Wall()); !made) return made;
    auto bed = router::RouterBed::Create({.tls_directory = directory_.path().string()});
    if (!bed) return bed.error();
    bed_ = std::move(*bed);
    std::string rows;
    for (int key = 0; key < 16; ++key) rows += fmt::format("{}({}, 0)", key == 0 ? "" : ",", key);
    const auto filled =
        bed_->Psql(fmt::format("CREATE TABLE customers (id bigint PRIMARY KEY, v bigint);\n"
                               "INSERT INTO customers VALUES {};\n",
                               rows));
    if (!filled) return filled.error();
    auto control = ControlBy("operator");
    if (!control) return control.error();
    control_ = std::move(*control);
    bed_->WriteTable(bed_->TableJson(static_cast<int>(kKnown)));
    return support::Await("the router has read its table", 20s, [this] {
      const auto replies = control_->ReadTable({"bed"}, Soon());
      const auto& answer = replies.front().answer;
      return support::Seen(
          answer && answer->epoch.value == kKnown,
          answer ? fmt::format("epoch {}", answer->epoch.value) : answer.error().message);
    });
  }
  std::unique_ptr<router::WireClient> Client() const {
    auto client = bed_->Client();
    CHECK(client.ok(), "a client connects");
    return *std::move(client);
  }
  static std::string Update(const std::string& key) {
    std::string bytes;
    pg::AppendQuery(&bytes, fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", key));
    return bytes;
  }

  SystemClock clock_;
  support::TemporaryDirectory directory_{"router-control"};
  std::unique_ptr<router::RouterBed> bed_;
  std::unique_ptr<op::HttpsRouterControl> control_;
  std::vector<Writer> writers_;
  std::unique_ptr<router::WireClient> transaction_;
};

std::unique_ptr<RouterWorld> MakeReal() {
  auto world = RealRouters::Make();
  EXPECT_TRUE(world.ok()) << (world.ok() ? "" : world.error().message);
  if (!world) return nullptr;
  return *std::move(world);
}

op::HoldRequest HoldOfAll(const RouterWorld& world) {
  op::HoldRequest hold{.migration = "m",
                       .number = {7},
                       .ranges = {},
                       .keys = {},
                       .epoch = {RouterWorld::kKnown},
                       .deadline = 20s,
                       .drain = 0ms};
  for (const auto& range : world.Table(RouterWorld::kKnown).ranges)
    hold.ranges.push_back(range.range);
  return hold;
}

// Work that is parked has begun nothing: nobody misses the servers that end meanwhile.
TEST(RealRouters, ServersMayEndWhileWorkIsParked) {
  auto made = RealRouters::Make();
  ASSERT_TRUE(made.ok()) << made.error().message;
  auto& world = static_cast<RealRouters&>(**made);
  const op::HoldRequest hold = HoldOfAll(world);
  for (const char* key : {"1", "2", "3", "4"}) {  // The router has a server of each shard.
    ASSERT_TRUE(world.bed().Psql(fmt::format("SELECT v FROM customers WHERE id = {}", key)).ok());
  }
  const auto held = world.control().Hold({world.awake()}, hold, world.Soon()).front().answer;
  ASSERT_TRUE(held.ok()) << held.error().message;
  const int write = world.Write("3");
  ASSERT_TRUE(world.Await([&] {
    const auto replies = world.control().ReadTable({world.awake()}, world.Soon());
    return replies.front().answer && replies.front().answer->parked == 1;
  }));
  const auto ended = world.bed().postgres().Sql(
      "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE usename = 'app'");
  ASSERT_TRUE(ended.ok() && *ended == "t\n");
  EXPECT_FALSE(world.IsAnswered(write));
  op::ReleaseRequest release{.migration = "m", .number = {7}, .table = {}};
  const auto released =
      world.control().Release({world.awake()}, release, world.Soon()).front().answer;
  ASSERT_TRUE(released.ok()) << released.error().message;
  EXPECT_TRUE(world.Await([&] { return world.IsAnswered(write); }));
  EXPECT_EQ(*world.bed().Psql("SELECT v FROM customers WHERE id = 3"), "1\n");
}

// And who waits may give up: it has done nothing, and its session goes on.
TEST(RealRouters, WorkThatIsParkedCanBeCancelled) {
  auto made = RealRouters::Make();
  ASSERT_TRUE(made.ok()) << made.error().message;
  auto& world = static_cast<RealRouters&>(**made);
  const op::HoldRequest hold = HoldOfAll(world);
  const auto held = world.control().Hold({world.awake()}, hold, world.Soon()).front().answer;
  ASSERT_TRUE(held.ok()) << held.error().message;
  const auto parked = [&] {
    const auto replies = world.control().ReadTable({world.awake()}, world.Soon());
    return replies.front().answer ? replies.front().answer->parked : -1;
  };
  auto client = world.bed().Client();
  auto other = world.bed().Client();
  ASSERT_TRUE(client.ok() && other.ok());
  std::string write;
  pg::AppendQuery(&write, "UPDATE customers SET v = v + 1 WHERE id = 3");
  ASSERT_TRUE((*client)->Send(write).ok());
  ASSERT_TRUE((*other)->Send(write).ok());
  ASSERT_TRUE(world.Await([&] { return parked() == 2; }));
  ASSERT_TRUE(
      router::SendCancel(world.bed().port(), (*client)->process_id(), (*client)->secret_key())
          .ok());
  const auto heard = (*client)->ReceiveUntilReady();
  ASSERT_TRUE(heard.ok()) << heard.error().message;
  EXPECT_EQ(router::FirstError(*heard), "57014");
  EXPECT_EQ(parked(), 1) << "the other one waits on";
  EXPECT_EQ(router::FirstValue(*(*client)->Ask("SELECT 7")), "7");
  op::ReleaseRequest release{.migration = "m", .number = {7}, .table = {}};
  ASSERT_TRUE(world.control().Release({world.awake()}, release, world.Soon()).front().answer.ok());
  const auto done = (*other)->ReceiveUntilReady();
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(router::FirstError(*done), "");
  EXPECT_EQ(*world.bed().Psql("SELECT v FROM customers WHERE id = 3"), "1\n");
}

// Who has the router's own certificate, another one of the set's authority, or forges the
// operator's, moves nothing.
TEST(RealRouters, OnlyTheOperatorIsHeard) {
  auto made = RealRouters::Make();
  ASSERT_TRUE(made.ok()) << made.error().message;
  auto& world = static_cast<RealRouters&>(**made);
  for (const char* certificate : {"tls", "guest", "forged"}) {
    SCOPED_TRACE(certificate);
    auto stranger = world.ControlBy(certificate);
    ASSERT_TRUE(stranger.ok()) << stranger.error().message;
    EXPECT_FALSE((*stranger)->ReadTable({world.awake()}, world.Soon()).front().answer.ok());
    EXPECT_FALSE(
        (*stranger)->Hold({world.awake()}, HoldOfAll(world), world.Soon()).front().answer.ok());
    const int write = world.Write("3");
    EXPECT_TRUE(world.Await([&] { return world.IsAnswered(write); })) << "nothing is held";
    ASSERT_TRUE(
        world.control().Hold({world.awake()}, HoldOfAll(world), world.Soon()).front().answer.ok());
    op::ReleaseRequest release{.migration = "m", .number = {7}, .table = {}};
    EXPECT_FALSE((*stranger)->Release({world.awake()}, release, world.Soon()).front().answer.ok());
    const int held = world.Write("3");
    ASSERT_TRUE(world.Await([&] {
      const auto replies = world.control().ReadTable({world.awake()}, world.Soon());
      return replies.front().answer && replies.front().answer->parked == 1;
    })) << "still held";
    ASSERT_TRUE(
        world.control().Release({world.awake()}, release, world.Soon()).front().answer.ok());
    EXPECT_TRUE(world.Await([&] { return world.IsAnswered(held); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Program, RouterControlContract,
                         testing::Values(RouterWorldFactory{"real", MakeReal}),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
