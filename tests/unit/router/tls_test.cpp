#include "router/tls.h"

#include <gtest/gtest.h>

#include "operator/certificates.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::router {
namespace {

// An authority, and what it signs.
struct Parties {
  Parties() : authority(*op::MakeAuthority("set", clock.Wall())) {}
  // A folder with ca.crt, tls.crt and tls.key. `age`: how long ago it was signed.
  std::string Certified(const std::string& name, std::chrono::hours age) {
    const auto made = op::IssueCertificate(authority, {.common_name = name, .dns_names = {name}},
                                           clock.Wall() - age);
    EXPECT_TRUE(made.ok());
    folder.Write("ca.crt", authority.certificate_pem);
    folder.Write("tls.crt", made->certificate_pem);
    folder.Write("tls.key", made->key_pem);
    return folder.path().string();
  }

  SystemClock clock;
  op::KeyPair authority;
  support::TemporaryDirectory folder{"tls"};
};

// What each side said in the end; empty: it has shaken hands.
struct Ends {
  std::string server;
  std::string client;
};

Ends ShakeHands(const std::shared_ptr<const TlsContext>& server_context,
                const std::shared_ptr<const TlsContext>& client_context) {
  TlsStream server(server_context, TlsStream::Role::kServer);
  TlsStream client(client_context, TlsStream::Role::kClient);
  Ends ends;
  std::string to_server;
  std::string to_client;
  std::string plain;
  EXPECT_TRUE(client.Start(&to_server).ok());
  for (int round = 0; round < 8; ++round) {  // What is said after an error is the alert.
    const Status heard = server.Receive(std::exchange(to_server, {}), &plain, &to_client);
    if (!heard && ends.server.empty()) ends.server = heard.error().message;
    const Status answered = client.Receive(std::exchange(to_client, {}), &plain, &to_server);
    if (!answered && ends.client.empty()) ends.client = answered.error().message;
  }
  if (!server.handshake_done() && ends.server.empty()) ends.server = "unfinished";
  if (!client.handshake_done() && ends.client.empty()) ends.client = "unfinished";
  return ends;
}

constexpr std::chrono::hours kFresh{1};
constexpr std::chrono::hours kExpired = op::kCertificateLifetime + std::chrono::hours(24);

Ends Meet(std::chrono::hours age) {
  Parties parties;
  const std::string router = parties.Certified("router", age);
  const auto server = TlsContext::ForServer(
      {.directory = router, .require_client = false, .alpn_postgresql = true});
  EXPECT_TRUE(server.ok());
  const auto client = TlsContext::ForClient(router + "/ca.crt");
  EXPECT_TRUE(client.ok());
  return ShakeHands(*server, *client);
}

TEST(TlsStream, WhoChecksTheAuthorityBelievesWhatItSigned) {
  const Ends ends = Meet(kFresh);
  EXPECT_EQ(ends.client, "");
  EXPECT_EQ(ends.server, "");
}

// As the router does with shards under --shard-tls require.
TEST(TlsStream, AnExpiredCertificateIsNotBelievedAndTheReasonIsSaid) {
  const Ends ends = Meet(kExpired);
  EXPECT_NE(ends.client.find("certificate verify failed"), std::string::npos) << ends.client;
  EXPECT_NE(ends.server.find("expired"), std::string::npos) << ends.server;
}

}  // namespace
}  // namespace foreshard::router
