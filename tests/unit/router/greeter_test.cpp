#include "router/greeter.h"

#include <gtest/gtest.h>

#include "pg/wire_reader.h"
#include "pg/wire_writer.h"

namespace foreshard::router {
namespace {

constexpr const char* kPassword = "secret";
constexpr const char* kSalt = "0123456789abcdef";
const std::string kBinding(32, 'b');

using Next = Greeter::Next;

// A greeter, and a client that says what a test wants.
struct Door {
  explicit Door(Greeter::Options options = Open()) : greeter(std::move(options)) {}

  static Greeter::Options Open() {
    Greeter::Options options;
    options.tls_available = true;
    options.users = *ParseUsers("app " + MakeScramVerifier(kPassword, kSalt, 16) + "\n");
    options.nonce = "of-the-router";
    options.binding_hash = kBinding;
    options.knows_database = [](std::string_view database) { return database == "app"; };
    return options;
  }
  Next Hears(std::string_view bytes) {
    out.clear();
    const Next next = greeter.Receive(&bytes, &out);
    left = bytes;
    return next;
  }
  Next Startup(std::map<std::string, std::string> parameters) {
    std::string packet;
    pg::AppendStartup(&packet, parameters);
    return Hears(packet);
  }
  // After the startup packet. `binding`: of the certificate that the client saw; empty: it does not
  // look.
  Next LogIn(const std::string& password, const std::string& binding) {
    ScramClient scram(DeriveScramIdentity(password, kSalt, 16), "of-the-client", binding);
    std::string said;
    const std::string first = scram.First();
    pg::WireWriter(&said, 'p')
        .String(binding.empty() ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS")
        .Int32(static_cast<std::int32_t>(first.size()))
        .Bytes(first)
        .End();
    if (const Next next = Hears(said); next != Next::kMore) return next;
    const Result<std::string> last = scram.Final(std::string_view(out).substr(9));
    EXPECT_TRUE(last.ok());
    said.clear();
    pg::AppendPassword(&said, *last);
    return Hears(said);
  }

  Greeter greeter;
  std::string out;
  std::string left;
};

std::string Packet(std::uint32_t code, std::string_view body = {}) {
  std::string out;
  for (const std::uint32_t number : {static_cast<std::uint32_t>(body.size() + 8), code})
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
  return out.append(body);
}
constexpr std::uint32_t kSsl = 80'877'103;
constexpr std::uint32_t kGss = 80'877'104;

TEST(Greeter, AsksForTheKindOfEncryptionOneAfterTheOther) {
  Door door;
  EXPECT_EQ(door.Hears(Packet(kGss)), Next::kMore);
  EXPECT_EQ(door.out, "N");
  EXPECT_EQ(door.Hears(Packet(kSsl)), Next::kStartTls);
  EXPECT_EQ(door.out, "S");
  EXPECT_TRUE(door.greeter.TlsStarted(false)) << "who asked before need not say it by ALPN";
  EXPECT_EQ(door.Hears(Packet(kSsl)), Next::kRefuse) << "TLS inside of TLS";
  Door again;
  EXPECT_EQ(again.Hears(Packet(kGss) + Packet(kGss)), Next::kRefuse);
}

TEST(Greeter, WithoutTlsSaysSoAndGoesOn) {
  Greeter::Options options = Door::Open();
  options.tls_available = false;
  Door door(std::move(options));
  EXPECT_EQ(door.Hears(Packet(kSsl)), Next::kMore);
  EXPECT_EQ(door.out, "N");
  EXPECT_EQ(door.Startup({{"user", "app"}}), Next::kMore);
  EXPECT_EQ(door.out[0], 'R');
  EXPECT_EQ(door.out.find("PLUS"), std::string::npos) << "nothing to bind to";
}

// PostgreSQL 17's sslnegotiation=direct.
TEST(Greeter, ATlsHandshakeMayComeFirst) {
  Door door;
  EXPECT_EQ(door.Hears("\x16\x03\x01"), Next::kStartTls);
  EXPECT_EQ(door.out, "");
  EXPECT_EQ(door.left, "\x16\x03\x01") << "the handshake is TLS's";
  EXPECT_FALSE(door.greeter.TlsStarted(false)) << "a client of another protocol";
  EXPECT_TRUE(door.greeter.TlsStarted(true));
}

// CVE-2021-23214: somebody in the middle could have put them there.
TEST(Greeter, BytesBetweenTheRequestAndTheHandshakeAreRefused) {
  Door door;
  EXPECT_EQ(door.Hears(Packet(kSsl) + "x"), Next::kRefuse);
  EXPECT_EQ(door.greeter.refusal_code(), "08P01");
}

TEST(Greeter, ClientsOfNewerMinorsAreToldOurs) {
  std::string body("user\0app\0_pq_.new\0on\0\0", 22);
  for (const std::uint32_t version : {0x00030000U, 0x00030002U}) {
    Door door;
    EXPECT_EQ(door.Hears(Packet(version, body)), Next::kMore);
    pg::WireReader told(std::string_view(door.out).substr(5));
    ASSERT_EQ(door.out[0], 'v');
    EXPECT_EQ(told.Int32(), 0);
    EXPECT_EQ(told.Int32(), 1);
    EXPECT_EQ(told.String(), "_pq_.new");
  }
  Door older;
  EXPECT_EQ(older.Hears(Packet(0x00020000U, body)), Next::kRefuse);
  EXPECT_EQ(older.greeter.refusal_code(), "0A000");
}

TEST(Greeter, CancelRequestsNeedNoLogin) {
  Door door;
  std::string request;
  pg::AppendCancelRequest(&request, 7, 11);
  EXPECT_EQ(door.Hears(request), Next::kCancel);
  EXPECT_EQ(door.greeter.cancel_target().process_id, 7U);
  EXPECT_EQ(door.greeter.cancel_target().secret_key, 11U);
}

TEST(Greeter, RequiredTlsIsRequired) {
  Greeter::Options options = Door::Open();
  options.tls_required = true;
  Door door(std::move(options));
  EXPECT_EQ(door.Startup({{"user", "app"}}), Next::kRefuse);
  EXPECT_EQ(door.greeter.refusal_code(), "28000");
}

TEST(Greeter, OptionsAreSettings) {
  Door door;
  EXPECT_EQ(door.Startup({{"user", "app"},
                          {"application_name", "a"},
                          {"options", "-c work_mem=5MB --search_path=a\\ b -cx.y=1"}}),
            Next::kMore);
  const std::map<std::string, std::string> wanted = {
      {"application_name", "a"}, {"search_path", "a b"}, {"work_mem", "5MB"}, {"x.y", "1"}};
  EXPECT_EQ(door.greeter.settings(), wanted);
  Door bad;
  EXPECT_EQ(bad.Startup({{"user", "app"}, {"options", "-d 5"}}), Next::kRefuse);
  Door walsender;
  EXPECT_EQ(walsender.Startup({{"user", "app"}, {"replication", "database"}}), Next::kRefuse);
  EXPECT_EQ(walsender.greeter.refusal_code(), "0A000");
}

TEST(Greeter, ThePasswordOpensAndNothingElse) {
  Door door;
  EXPECT_EQ(door.Startup({{"user", "app"}, {"database", "app"}}), Next::kMore);
  EXPECT_EQ(door.LogIn(kPassword, ""), Next::kDone);
  Door wrong;
  EXPECT_EQ(wrong.Startup({{"user", "app"}, {"database", "app"}}), Next::kMore);
  EXPECT_EQ(wrong.LogIn("secrets", ""), Next::kRefuse);
  EXPECT_EQ(wrong.greeter.refusal_code(), "28P01");
  Door database;
  EXPECT_EQ(database.Startup({{"user", "app"}, {"database", "other"}}), Next::kMore);
  EXPECT_EQ(database.LogIn(kPassword, ""), Next::kRefuse);
  EXPECT_EQ(database.greeter.refusal_code(), "3D000");
}

// Who does not exist is asked for the password as everybody else, with a salt that stays the same.
TEST(Greeter, UnknownUsersLookLikeKnownOnes) {
  std::string first;
  for (int time = 0; time < 2; ++time) {
    Door door;
    EXPECT_EQ(door.Startup({{"user", "nobody"}, {"database", "app"}}), Next::kMore);
    std::string said;
    pg::WireWriter(&said, 'p').String("SCRAM-SHA-256").Int32(9).Bytes("n,,n=,r=x").End();
    EXPECT_EQ(door.Hears(said), Next::kMore);
    if (time == 0) first = door.out;
    EXPECT_EQ(door.out, first);
    said.clear();
    pg::AppendPassword(&said, "c=biws,r=xof-the-router,p=" + std::string(43, 'A') + "=");
    EXPECT_EQ(door.Hears(said), Next::kRefuse);
    EXPECT_EQ(door.greeter.refusal_code(), "28P01");
  }
}

// Channel binding: a client that saw another certificate talks to somebody in the middle.
TEST(Greeter, AnotherCertificateThanOursIsNotBound) {
  for (const std::string& seen : {kBinding, std::string(32, 'x')}) {
    Door door;
    EXPECT_EQ(door.Hears(Packet(kSsl)), Next::kStartTls);
    EXPECT_TRUE(door.greeter.TlsStarted(false));
    EXPECT_EQ(door.Startup({{"user", "app"}, {"database", "app"}}), Next::kMore);
    EXPECT_NE(door.out.find("SCRAM-SHA-256-PLUS"), std::string::npos);
    EXPECT_EQ(door.LogIn(kPassword, seen), seen == kBinding ? Next::kDone : Next::kRefuse);
  }
}

}  // namespace
}  // namespace foreshard::router
