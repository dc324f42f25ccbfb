#include "operator/routers/https_client.h"

#include <gtest/gtest.h>

#include "operator/certificates.h"
#include "tests/fakes/tls_web_server.h"
#include "tests/support/port.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

namespace foreshard::op {
namespace {

using fakes::TlsWebServer;
using fakes::TlsWebServerOptions;
using support::Good;

constexpr const char* kRouter = "orders-router";

class HttpsClientTest : public testing::Test {
 protected:
  KeyPair Issue(const KeyPair& authority, const char* name) {
    const CertificateRequest request{
        .common_name = name, .dns_names = {name}, .server = true, .client = true};
    return *IssueCertificate(authority, request, clock_.Wall());
  }

  // A router's admin port; `answer` as in TlsWebServerOptions.
  void Serve(std::function<std::optional<std::string>(const std::string&)> answer,
             std::size_t piece_bytes = 0, const char* certificate_name = kRouter) {
    const KeyPair own = Issue(authority_, certificate_name);
    auto server = TlsWebServer::Start({.certificate_pem = own.certificate_pem,
                                       .key_pem = own.key_pem,
                                       .client_authority_pem = authority_.certificate_pem,
                                       .piece_bytes = piece_bytes,
                                       .answer = std::move(answer)});
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
  }

  std::shared_ptr<const TlsContext> Context(const KeyPair& trusted, const KeyPair& signer) {
    const KeyPair own = Issue(signer, "operator");
    const auto context =
        TlsContext::Load({.ca_file = files_.Write("ca.crt", trusted.certificate_pem),
                          .certificate_file = files_.Write("tls.crt", own.certificate_pem),
                          .key_file = files_.Write("tls.key", own.key_pem)});
    EXPECT_TRUE(Good(context));
    return context ? *context : nullptr;
  }

  HttpsClient Client(std::shared_ptr<const TlsContext> context) {
    return HttpsClient({.host = "127.0.0.1", .port = server_->port(), .server_name = kRouter},
                       std::move(context), clock_);
  }
  HttpsClient Client() { return Client(Context(authority_, authority_)); }

  Deadline Within(std::chrono::milliseconds limit) { return Deadline::After(clock_, limit); }
  Deadline Soon() { return Within(std::chrono::seconds(20)); }

  SystemClock clock_;
  KeyPair authority_ = *MakeAuthority("orders CA", clock_.Wall());
  support::TemporaryDirectory files_{"https-client"};
  std::unique_ptr<TlsWebServer> server_;
};

TEST_F(HttpsClientTest, AsksOverOneConnectionThatStaysOpen) {
  Serve([](const std::string& request) {
    return TlsWebServer::Reply(request.starts_with("GET") ? 200 : 409, "you asked");
  });
  HttpsClient client = Client();
  const auto read = client.Request("GET", "/v1/table", "", Soon());
  ASSERT_TRUE(Good(read));
  EXPECT_EQ(read->status, 200);
  EXPECT_EQ(read->body, "you asked");
  const auto hold = client.Request("POST", "/v1/hold", R"({"epoch":3})", Soon());
  ASSERT_TRUE(Good(hold));
  EXPECT_EQ(hold->status, 409);

  EXPECT_EQ(server_->connections(), 1);
  const std::vector<std::string> requests = server_->requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[1].starts_with("POST /v1/hold HTTP/1.1\r\nHost: orders-router\r\n"))
      << requests[1];
  EXPECT_TRUE(
      requests[1].ends_with("Content-Length: 11\r\nConnection: keep-alive\r\n\r\n"
                            R"({"epoch":3})"))
      << requests[1];
}

TEST_F(HttpsClientTest, AnAnswerIsTheSameHoweverItIsCut) {
  std::string body(700, 'x');
  body += "\r\n\r\nend";
  for (const std::size_t piece : {1U, 2U, 7U, 64U, 500U}) {
    Serve([&](const std::string&) { return TlsWebServer::Reply(200, body); }, piece);
    HttpsClient client = Client();
    const auto reply = client.Request("GET", "/", "", Soon());
    ASSERT_TRUE(Good(reply)) << piece;
    EXPECT_EQ(reply->body, body) << piece;
  }
}

TEST_F(HttpsClientTest, AConnectionThatTheServerClosedMeanwhileIsOpenedAgain) {
  Serve([](const std::string&) { return TlsWebServer::Reply(200, "here"); });
  HttpsClient client = Client();
  ASSERT_TRUE(Good(client.Request("GET", "/", "", Soon())));
  server_->CloseConnection();
  const auto again = client.Request("GET", "/", "", Soon());
  ASSERT_TRUE(Good(again));
  EXPECT_EQ(again->body, "here");
  EXPECT_EQ(server_->connections(), 2);
}

TEST_F(HttpsClientTest, AServerThatSaysItClosesIsNotAskedOverTheSameConnection) {
  Serve(
      [](const std::string&) { return TlsWebServer::Reply(200, "bye", "Connection: close\r\n"); });
  HttpsClient client = Client();
  ASSERT_TRUE(Good(client.Request("GET", "/", "", Soon())));
  ASSERT_TRUE(Good(client.Request("GET", "/", "", Soon())));
  EXPECT_EQ(server_->connections(), 2);
  EXPECT_EQ(server_->requests().size(), 2U);
}

// Somebody else at the router's address must not be believed.
// behaviour-22
TEST_F(HttpsClientTest, ACertificateOfAnotherAuthorityIsRefused) {
  Serve([](const std::string&) { return TlsWebServer::Reply(200, "trust me"); });
  const KeyPair other = *MakeAuthority("orders CA", clock_.Wall());
  HttpsClient client = Client(Context(other, authority_));
  const auto reply = client.Request("GET", "/", "", Soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(reply.error().reason, "BadCertificate");
  EXPECT_TRUE(server_->requests().empty()) << "nothing was told to it";
}

TEST_F(HttpsClientTest, ACertificateForAnotherNameIsRefused) {
  Serve([](const std::string&) { return TlsWebServer::Reply(200, "trust me"); }, 0, "other-router");
  HttpsClient client = Client();
  const auto reply = client.Request("GET", "/", "", Soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, "BadCertificate") << reply.error().message;
  EXPECT_NE(reply.error().message.find("ostname mismatch"), std::string::npos)
      << reply.error().message;
}

TEST_F(HttpsClientTest, AServerThatDoesNotKnowUsGetsNoFurther) {
  Serve([](const std::string&) { return TlsWebServer::Reply(200, "come in"); });
  const KeyPair other = *MakeAuthority("somebody", clock_.Wall());
  HttpsClient client = Client(Context(authority_, other));
  const auto reply = client.Request("GET", "/", "", Soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Error::Kind::kReobserve) << reply.error().message;
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(HttpsClientTest, WhereNobodyListensNothingHappened) {
  HttpsClient client({.host = "127.0.0.1", .port = support::FreePort(), .server_name = kRouter},
                     Context(authority_, authority_), clock_);
  const auto reply = client.Request("GET", "/", "", Soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Error::Kind::kRetry);
  EXPECT_NE(reply.error().message.find("127.0.0.1"), std::string::npos) << reply.error().message;
}

TEST_F(HttpsClientTest, SilenceEndsAtTheDeadlineAndIsNeitherDoneNorNot) {
  Serve([](const std::string&) { return std::nullopt; });
  HttpsClient client = Client();
  const auto reply =
      client.Request("POST", "/v1/hold", "{}", Within(std::chrono::milliseconds(300)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Error::Kind::kReobserve) << reply.error().message;
}

TEST_F(HttpsClientTest, AnAnswerThatIsNoneIsNotTakenForOne) {
  for (const char* answer :
       {"", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "SPDY/9 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nshort"}) {
    Serve([answer](const std::string&) {
      // A second try gets the same.
      return std::optional<std::string>(answer);
    });
    HttpsClient client = Client();
    const auto reply = client.Request("GET", "/", "", Soon());
    ASSERT_FALSE(reply) << answer;
    EXPECT_EQ(reply.error().kind, Error::Kind::kReobserve) << answer;
  }
}

TEST_F(HttpsClientTest, AFileThatCannotBeUsedIsNamed) {
  const KeyPair own = Issue(authority_, "operator");
  const KeyPair another = Issue(authority_, "operator");
  const TlsFiles good{.ca_file = files_.Write("ca.crt", authority_.certificate_pem),
                      .certificate_file = files_.Write("tls.crt", own.certificate_pem),
                      .key_file = files_.Write("tls.key", own.key_pem)};
  ASSERT_TRUE(Good(TlsContext::Load(good)));
  const std::string other_key = files_.Write("other.key", another.key_pem);
  const std::string garbage = files_.Write("garbage", "not PEM");
  for (const auto& [files, bad] :
       {std::pair{TlsFiles{garbage, good.certificate_file, good.key_file}, garbage},
        std::pair{TlsFiles{good.ca_file, "nowhere", good.key_file}, std::string("nowhere")},
        std::pair{TlsFiles{good.ca_file, good.certificate_file, other_key}, other_key}}) {
    const auto context = TlsContext::Load(files);
    ASSERT_FALSE(context) << bad;
    EXPECT_EQ(context.error().kind, Error::Kind::kGiveUp);
    EXPECT_NE(context.error().message.find("'" + bad + "'"), std::string::npos)
        << context.error().message;
    EXPECT_EQ(context.error().message.find("PRIVATE"), std::string::npos);
  }
}

}  // namespace
}  // namespace foreshard::op
