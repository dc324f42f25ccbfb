#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "operator/certificates.h"
#include "operator/routers/https_router_control.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/scram.h"
#include "tests/integration/router/bed_test.h"
#include "tests/integration/router/raw_peer.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// What nobody should send: garbage, impossible lengths, halves of messages, wrong users, old
// certificates, and nothing at all. Each case ends with the router working as before, and with
// nothing secret in its log.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});
constexpr std::uint64_t kSeed = 60'417;
constexpr const char* kSecret = "hunter2-of-a-client";

std::string Message(char type, std::string_view body) {
  std::string out;
  pg::WireWriter(&out, type).Bytes(body).End();
  return out;
}
// A header whose length says what the test wants.
std::string Header(char type, std::uint32_t length) {
  std::string out(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  return out;
}
std::string Startup(const std::string& user, const std::string& database = "app") {
  std::string out;
  pg::AppendStartup(&out, {{"user", user}, {"database", database}});
  return out;
}
std::string Noise(Random& random, std::size_t bytes_max) {
  std::string bytes(static_cast<std::size_t>(random.Below(bytes_max + 1)), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

class BadInput : public BedTest {
 protected:
  void SetUp() override {
    Certify(clock_.Wall());
    ASSERT_NO_FATAL_FAILURE(Create({.tls_directory = certificates_.path().string()}));
    ASSERT_TRUE(Good(Psql("CREATE TABLE customers(id bigint PRIMARY KEY, name text)")));
    steady_ = Client();
  }
  void TearDown() override {
    if (bed_ == nullptr) return;
    ASSERT_TRUE(bed_->router().Running()) << bed_->RouterLog();
    EXPECT_EQ(FirstValue(*steady_->Ask("SELECT 1")), "1");
    EXPECT_EQ(FirstValue(*Client()->Ask("SELECT 2")), "2");
    const std::string verifier = MakeScramVerifier(RouterBed::kPassword, RouterBed::kSalt, 4096);
    const std::string keys = verifier.substr(verifier.rfind('$') + 1);
    const std::string log = bed_->RouterLog();
    for (const std::string& secret :
         {std::string(RouterBed::kPassword), keys.substr(0, keys.find(':')),
          keys.substr(keys.find(':') + 1), std::string(kSecret), std::string("PRIVATE KEY")}) {
      EXPECT_EQ(log.find(secret), std::string::npos) << secret << " in\n" << log;
    }
  }
  // A certificate for the router that was given at `when`.
  void Certify(WallTime when) {
    if (authority_.key_pem.empty()) authority_ = *op::MakeAuthority("bed", when);
    const auto made = op::IssueCertificate(
        authority_, {.common_name = "localhost", .dns_names = {"localhost"}}, when);
    ASSERT_TRUE(Good(made));
    certificates_.Write("ca.crt", authority_.certificate_pem);
    certificates_.Write("tls.crt", made->certificate_pem);
    certificates_.Write("tls.key", made->key_pem);
  }
  Result<std::string> Psql(const std::string& sql, const std::string& more = "") {
    return bed_->Psql(sql, more);
  }
  RawPeer Peer() const { return RawPeer(bed_->port()); }

  SystemClock clock_;
  support::TemporaryDirectory certificates_{"bad-input"};
  op::KeyPair authority_;
  std::unique_ptr<WireClient> steady_;
};

// As much as anybody likes, with the sender's end closed or not said.
TEST_F(BadInput, GarbageBeforeTheLoginEndsTheConnection) {
  Random random(kSeed);
  std::string ssl;
  pg::AppendSslRequest(&ssl);
  const std::string beginnings[] = {"",
                                    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                    ssl,
                                    Startup("app"),
                                    std::string("\x16\x03\x01\x02\x00\x01", 6),
                                    Startup("app").substr(0, 12)};
  const std::int64_t before_kb = bed_->ResidentKb();
  for (int i = 0; i < 600; ++i) {
    SCOPED_TRACE(fmt::format("seed {}, connection {}", kSeed, i));
    RawPeer peer = Peer();
    peer.Say(beginnings[i % std::size(beginnings)] + Noise(random, 2'000));
    peer.EndSaying();
    ASSERT_TRUE(peer.IsClosed());
  }
  EXPECT_LT(bed_->ResidentKb() - before_kb, 8 * 1024);
}

// Without waiting for the bytes that the length promises.
TEST_F(BadInput, ImpossibleLengthsOfTheStartupAreRefusedAtOnce) {
  for (const std::uint32_t length : {0U, 3U, 7U, 10'001U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    RawPeer peer = Peer();
    peer.Say(Header('x', length).substr(1) + std::string("\0\3\0\0", 4));
    EXPECT_NE(peer.Rest().find("C08P01"), std::string::npos) << length;
  }
  for (const std::uint32_t length : {0U, 3U, 10'001U, 0x7fffffffU, 0xffffffffU}) {
    RawPeer peer = Peer();
    peer.Say(Startup("app") + Header('p', length));
    EXPECT_NE(peer.Rest().find("C08P01"), std::string::npos) << length;
  }
}

TEST_F(BadInput, ImpossibleLengthsOfMessagesEndTheSession) {
  for (const char type : {'Q', 'P', 'B', 'E', 'D', 'd', 'f', 'X', 'S', '\0'}) {
    for (const std::uint32_t length : {0U, 3U, (64U << 20) + 1, 0x7fffffffU, 0x80000000U, ~0U}) {
      SCOPED_TRACE(fmt::format("{} of {} bytes", type, length));
      const auto client = Client();
      ASSERT_TRUE(Good(client->Send(Header(type, length))));
      const auto last = client->Receive();
      ASSERT_TRUE(Good(last));
      EXPECT_EQ(FirstError({*last}), "08P01");
      EXPECT_EQ(client->Receive().error().message, "closed");
    }
  }
}

// Counts and lengths inside of messages.
TEST_F(BadInput, ImpossibleCountsInsideOfMessagesAreErrors) {
  const auto text = [](const char* name) { return std::string(name) + '\0'; };
  const std::string minus("\xff\xff\xff\xff", 4);
  const std::string many("\x7f\xff", 2);
  const std::string bodies[] = {
      Message('P', text("") + "SELECT 1"),
      Message('P', text("") + text("SELECT 1") + "\xff\xff"),
      Message('P', text("") + text("SELECT 1") + many),
      Message('P', ""),
      Message('B', text("") + text("") + many),
      Message('B', text("") + text("") + std::string("\0\0\0\1", 4) + "\xff\xff\xff\xfe"),
      Message('B', text("") + text("") + std::string("\0\0\0\1\x7f\xff\xff\xff", 8)),
      Message('E', text("")),
      Message('E', text("nothing") + minus),
      Message('D', "Z"),
      Message('D', "S"),
      Message('C', text("?")),
      Message('Q', "SELECT 1"),
      Message('Q', ""),
      Message('F', minus),
      Message('p', "again"),
      Message('Z', "I"),
      Message('d', "nothing is copied")};
  for (const std::string& body : bodies) {
    SCOPED_TRACE(fmt::format("{} with {} bytes", body[0], body.size()));
    const auto client = Client();
    std::string sync;
    pg::AppendEmpty(&sync, 'S');
    ASSERT_TRUE(Good(client->Send(body + sync)));
    const auto heard =
        client->ReceiveUntilReady();  // Or the session ends, which is its own answer.
    if (!heard) {
      EXPECT_NE(heard.error().message.find("08P01"), std::string::npos);
    }
  }
}

TEST_F(BadInput, GarbageInASessionHurtsNobodyElse) {
  Random random(kSeed);
  const std::int64_t before_kb = bed_->ResidentKb();
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(fmt::format("seed {}, session {}", kSeed, i));
    const auto client = Client();
    std::string said;
    for (int messages = 0; messages < 20; ++messages)
      said += Message("QPBEDCSHdcfFp"[random.Below(13)], Noise(random, 60));
    (void)client->Send(said + Noise(random, 200));
    client->EndSaying();
    ASSERT_TRUE(WaitFor("the session ends", 20s, [&] {
      const auto message = client->Receive(100ms);
      return Seen(!message && message.error().message == "closed");
    }));
    ASSERT_EQ(FirstValue(*steady_->Ask("SELECT 1")), "1");
  }
  EXPECT_LT(bed_->ResidentKb() - before_kb, 16 * 1024);
}

// A client that is gone in the middle lets go of what it held.
TEST_F(BadInput, HalfOfAMessageAndThenNothingMoreLetsGo) {
  ASSERT_EQ(FirstError(*steady_->Ask("INSERT INTO customers VALUES (1, 'a')")), "");
  for (const bool politely : {true, false}) {
    const auto client = Client();
    for (const char* sql : {"BEGIN", "UPDATE customers SET name = 'b' WHERE id = 1"})
      ASSERT_EQ(FirstError(*client->Ask(sql)), "");
    ASSERT_TRUE(Good(client->Send(Header('Q', 100) + "SELECT")));
    politely ? client->EndSaying() : client->Reset();
    EXPECT_EQ(FirstError(*steady_->Ask("UPDATE customers SET name = 'c' WHERE id = 1")), "");
  }
}

// Of the established connections to `port` of this machine, how many there are, and those without a
// running keepalive timer (the column "tr" of /proc/net/tcp is 02 for one that runs).
std::pair<int, std::string> NotProbed(int port) {
  std::istringstream lines(support::ReadFile("/proc/net/tcp"));
  const std::string local = fmt::format(":{:04X}", port);
  int established = 0;
  std::string not_probed;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string slot;
    std::string from;
    std::string to;
    std::string state;
    std::string queues;
    std::string timer;
    words >> slot >> from >> to >> state >> queues >> timer;
    if (!from.ends_with(local) || state != "01") continue;
    ++established;
    if (!timer.starts_with("02:")) not_probed += line + "\n";
  }
  return {established, not_probed};
}

// A peer that vanished without a word is found by the kernel: each accepted socket has a running
// keepalive timer. While bytes are on their way the kernel shows the timer of their acknowledgement
// in its place, so the quiet is waited for.
TEST_F(BadInput, ConnectionsWhoseOtherHalfIsGoneAreProbed) {
  std::string not_probed;
  EXPECT_TRUE(WaitFor("each connection is probed", 20s, [&] {
    int established = 0;
    std::tie(established, not_probed) = NotProbed(bed_->port());
    return Seen(established >= 1 && not_probed.empty());
  })) << not_probed;
}

TEST_F(BadInput, WrongUsersAreRefusedAndNothingIsTold) {
  const std::string names[] = {
      "nobody",  "postgres", "app'; DROP TABLE customers; --", "a\nb", std::string(9'000, 'u'),
      "\xff\xfe"};
  for (const std::string& name : names) {
    const auto client = WireClient::Connect({.port = bed_->port(),
                                             .user = name,
                                             .database = "app",
                                             .password = kSecret,
                                             .salt = RouterBed::kSalt,
                                             .iterations = 4096,
                                             .hurry = {}});
    ASSERT_FALSE(client.ok());
    EXPECT_EQ(client.error().message, "28P01") << name;
  }
  RawPeer nobody = Peer();
  nobody.Say(Startup(""));
  EXPECT_NE(nobody.Rest().find("C28000"), std::string::npos);
  // A password that is none: also as a plain text that no mechanism asked for.
  for (const std::string& answer :
       {std::string("SCRAM-SHA-256") + '\0' + std::string("\0\0\0\4n,,n", 8),
        std::string(kSecret) + '\0', std::string("SCRAM-SHA-1") + '\0' + std::string(4, '\xff'),
        std::string("SCRAM-SHA-256-PLUS") + '\0' + std::string(4, '\xff'), std::string()}) {
    RawPeer peer = Peer();
    peer.Say(Startup("app") + Message('p', answer));
    EXPECT_NE(peer.Rest().find("SFATAL"), std::string::npos) << answer.size();
  }
  EXPECT_FALSE(Psql("SELECT 1", fmt::format("password={}", kSecret)).ok());
}

// What statements and their errors say of a client's data stays between it and PostgreSQL.
TEST_F(BadInput, StatementsLeaveNoTraceInTheLog) {
  for (const std::string sql :
       {"INSERT INTO customers VALUES (7, '{}')", "INSERT INTO customers VALUES (7, '{}')",
        "SELECT '{}'::int", "SELECT no_such FROM customers WHERE name = '{}'", "SELEC '{}'",
        "CREATE ROLE other PASSWORD '{}'", "SET application_name = '{}'",
        "PREPARE p AS SELECT '{}'", "LISTEN \"{}\"", "SELECT * FROM \"{}\""}) {
    (void)steady_->Ask(fmt::format(fmt::runtime(sql), kSecret));
  }
  const auto client = Client();
  ASSERT_EQ(FirstError(*client->Ask("BEGIN")), "");
  (void)client->Ask(fmt::format("INSERT INTO customers VALUES (8, '{}')", kSecret));
  ASSERT_TRUE(Good(bed_->postgres().Sql(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'")));
  EXPECT_NE(FirstError(*client->Ask("COMMIT")), "");
}

// Whoever checks it does not connect; the next certificate is taken without a restart.
TEST_F(BadInput, AnExpiredCertificateIsRefusedByClientsUntilItIsRenewed) {
  const WallTime now = clock_.Wall();
  const std::string checked = fmt::format(
      "host=localhost hostaddr=127.0.0.1 sslmode=verify-full "
      "sslrootcert={}",
      certificates_.File("ca.crt"));
  EXPECT_EQ(*Psql("SELECT 1", checked), "1\n");
  Certify(now - op::kCertificateLifetime - 24h);
  EXPECT_TRUE(WaitFor("the expired one is refused", 20s, [&] {
    const auto answer = Psql("SELECT 1", checked);
    return Seen(
        !answer && answer.error().message.find("certificate verify failed") != std::string::npos,
        answer ? *answer : answer.error().message);
  }));
  Certify(now);
  EXPECT_TRUE(WaitFor("the new one is taken", 20s, [&] {
    const auto answer = Psql("SELECT 1", checked);
    return Seen(answer && *answer == "1\n", answer ? *answer : answer.error().message);
  }));
}

// The admin port asks the operator for a certificate of the set's authority.
TEST_F(BadInput, AnExpiredCertificateOfTheOperatorIsRefused) {
  const auto table_of = [this](WallTime when) {
    const auto made = op::IssueCertificate(
        authority_,
        {.common_name = "foreshard-operator", .dns_names = {}, .server = false, .client = true},
        when);
    certificates_.Write("operator.crt", made->certificate_pem);
    certificates_.Write("operator.key", made->key_pem);
    auto context = op::TlsContext::Load({.ca_file = certificates_.File("ca.crt"),
                                         .certificate_file = certificates_.File("operator.crt"),
                                         .key_file = certificates_.File("operator.key")});
    EXPECT_TRUE(Good(context));
    op::HttpsRouterControl control(std::move(*context), clock_);
    control.SetRouters({{"bed", "127.0.0.1", bed_->admin_port(), "localhost"}});
    return control.ReadTable({"bed"}, Deadline::After(clock_, 5s)).front().answer;
  };
  EXPECT_TRUE(Good(table_of(clock_.Wall())));
  EXPECT_FALSE(table_of(clock_.Wall() - op::kCertificateLifetime - 24h).ok());
  EXPECT_TRUE(Good(table_of(clock_.Wall())));
}

// One byte now and then: others get in meanwhile, and nothing grows.
class SlowLoris : public BadInput {
 protected:
  void Open(std::size_t count) {
    const std::string startup = Startup("app");
    for (std::size_t i = 0; i < count; ++i) {
      peers_.push_back(Peer());
      peers_.back().Say(startup.substr(0, i % startup.size()));
    }
  }
  std::vector<RawPeer> peers_;
};

TEST_F(SlowLoris, ManyHalfStartupsKeepNobodyOut) {
  const std::int64_t before_kb = bed_->ResidentKb();
  Open(700);  // More than the 500 clients that may be logged in.
  for (int i = 0; i < 20; ++i) ASSERT_EQ(FirstValue(*Client()->Ask("SELECT 1")), "1");
  EXPECT_LT(bed_->ResidentKb() - before_kb, 700 * 32);
}

// kStartupTimeout is a minute: for `make test-long`.
TEST_F(SlowLoris, LongWhoNeverFinishesIsSentAway) {
  Open(60);
  EXPECT_TRUE(WaitFor("all are sent away", 120s, [&] {
    int open = 0;
    for (RawPeer& peer : peers_) {
      if (peer.ClosedByNow()) continue;
      ++open;
      peer.Say(std::string_view("\0", 1));  // Busy all the time.
    }
    return Seen(open == 0, std::to_string(open));
  }));
}

}  // namespace
}  // namespace foreshard::router
