#include "operator/webhook/review_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "operator/routers/https_client.h"
#include "operator/webhook/request_head.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

namespace foreshard::op {
namespace {

using support::Good;
using support::Seen;
using support::WaitFor;

constexpr const char* kName = "foreshard-webhook.system.svc";

// Moves when told, also while the server's thread reads it.
class SharedClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override {
    return MonotonicTime(std::chrono::seconds(1'000 + seconds_));
  }
  WallTime Wall() const override { return WallTime(std::chrono::seconds(1'000 + seconds_)); }
  void Advance(std::chrono::seconds duration) { seconds_ += duration.count(); }

 private:
  std::atomic<std::int64_t> seconds_ = 0;
};

// A client that does not speak TLS.
class RawClient {
 public:
  explicit RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Send(const std::string& bytes) { send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // The server closed; whatever it said before.
  bool IsCutOff() {
    char bytes[256];
    for (;;) {
      const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) continue;
      return got == 0 || (errno != EAGAIN && errno != EINTR);
    }
  }

 private:
  int fd_;
};

class ReviewServerTest : public testing::Test {
 protected:
  void Start(std::size_t connections = 64, std::size_t body_bytes = 16 << 20) {
    auto listening = ReviewServer::Listen(
        "127.0.0.1:0", {.clock = server_clock,
                        .review =
                            [](std::string_view body) {
                              return ReviewAnswer{body == "no"  ? ReviewAnswer::Verdict::kRefused
                                                  : body == "?" ? ReviewAnswer::Verdict::kUnreadable
                                                                : ReviewAnswer::Verdict::kAllowed,
                                                  "answer to " + std::to_string(body.size())};
                            },
                        .count =
                            [this](std::string_view answer) {
                              const std::scoped_lock lock(mutex);
                              ++counts[std::string(answer)];
                            },
                        .connections = connections,
                        .body_bytes = body_bytes});
    ASSERT_TRUE(Good(listening));
    server = *std::move(listening);
    thread = std::jthread([this](std::stop_token stop) { server->Run(stop); });
  }
  KeyPair Issue(const KeyPair& by) {
    return *IssueCertificate(by, {.common_name = kName, .dns_names = {kName}, .client = true},
                             clock.Wall());
  }
  Result<HttpReply> Ask(const std::string& body, const std::string& method = "POST",
                        const std::string& path = "/validate?timeout=3s") {
    return AskTrusting(authority, body, method, path);
  }
  Result<HttpReply> AskTrusting(const KeyPair& trusted, const std::string& body,
                                const std::string& method = "POST",
                                const std::string& path = "/validate") {
    const KeyPair own = Issue(trusted);
    const auto context =
        TlsContext::Load({.ca_file = files.Write("ca.crt", trusted.certificate_pem),
                          .certificate_file = files.Write("tls.crt", own.certificate_pem),
                          .key_file = files.Write("tls.key", own.key_pem)});
    if (!context) return context.error();
    HttpsClient client({.host = "127.0.0.1", .port = server->port(), .server_name = kName},
                       *context, clock);
    return client.Request(method, path, body, Deadline::After(clock, std::chrono::seconds(20)));
  }
  int StatusOf(const Result<HttpReply>& reply) {
    EXPECT_TRUE(Good(reply));
    return reply ? reply->status : 0;
  }
  int Count(const std::string& answer) {
    const std::scoped_lock lock(mutex);
    return counts[answer];
  }
  void ExpectCutOff(RawClient& client) {
    EXPECT_TRUE(WaitFor("it is cut off", std::chrono::seconds(20),
                        [&] { return Seen(client.IsCutOff()); }));
  }

  SystemClock clock;
  SharedClock server_clock;
  support::TemporaryDirectory files{"review-server"};
  KeyPair authority = *MakeAuthority("CA", clock.Wall());
  std::mutex mutex;
  std::map<std::string, int> counts;
  std::unique_ptr<ReviewServer> server;
  std::jthread thread;
};

TEST_F(ReviewServerTest, AnswersAndCountsEachReview) {
  Start();
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  const auto reply = Ask("yes");
  ASSERT_TRUE(Good(reply));
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "answer to 3");
  EXPECT_EQ(StatusOf(Ask("no")), 200);
  EXPECT_EQ(StatusOf(Ask("?")), 400);
  EXPECT_EQ(StatusOf(Ask(std::string(3 << 20, 'x'))), 200) << "as large as two objects";
  EXPECT_EQ(Count("allowed"), 2);
  EXPECT_EQ(Count("refused"), 1);
  EXPECT_EQ(Count("unreadable"), 1);
}

TEST_F(ReviewServerTest, OtherPathsMethodsAndSizesAreRefused) {
  Start();
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  EXPECT_EQ(StatusOf(Ask("", "GET")), 405);
  EXPECT_EQ(StatusOf(Ask("", "POST", "/metrics")), 404);
  const auto large = Ask(std::string(kRequestBodyMax + 1, 'x'));
  EXPECT_TRUE(!large.ok() || large->status == 413) << "it may be closed while it is still sent";
  EXPECT_EQ(StatusOf(Ask("yes")), 200) << "and goes on";
  EXPECT_EQ(Count("unreadable"), 3);
}

TEST_F(ReviewServerTest, AllBodiesTogetherHaveALimit) {
  Start(64, 100);
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  EXPECT_EQ(StatusOf(Ask(std::string(101, 'x'))), 503);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(StatusOf(Ask(std::string(100, 'x'))), 200) << "what was reserved is given back";
}

// behaviour-06
TEST_F(ReviewServerTest, ANewCertificateIsShownFromTheNextConnectionOn) {
  Start();
  RawClient early(server->port());
  ExpectCutOff(early);  // there is none yet
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  EXPECT_EQ(StatusOf(Ask("yes")), 200);
  const KeyPair next = *MakeAuthority("next CA", clock.Wall());
  EXPECT_FALSE(AskTrusting(next, "yes").ok());
  ASSERT_TRUE(server->Use(Issue(next)).ok());
  EXPECT_EQ(StatusOf(AskTrusting(next, "yes")), 200);
  EXPECT_FALSE(AskTrusting(authority, "yes").ok());
}

TEST_F(ReviewServerTest, ACertificateThatCannotBeUsedLeavesTheOneBefore) {
  Start();
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  const KeyPair one = Issue(authority);
  for (const KeyPair& wrong : {KeyPair{"garbage", one.key_pem}, KeyPair{one.certificate_pem, ""},
                               KeyPair{one.certificate_pem, Issue(authority).key_pem}}) {
    const Status used = server->Use(wrong);
    ASSERT_FALSE(used.ok());
    EXPECT_EQ(used.error().message.find("PRIVATE"), std::string::npos);
  }
  EXPECT_EQ(StatusOf(Ask("yes")), 200);
}

TEST_F(ReviewServerTest, WhoDoesNotSpeakTlsIsCutOff) {
  Start();
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  RawClient plain(server->port());
  plain.Send("POST /validate HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
  ExpectCutOff(plain);
  EXPECT_EQ(StatusOf(Ask("yes")), 200);
  EXPECT_EQ(Count("cut_off"), 1);
}

TEST_F(ReviewServerTest, WhoSaysNothingIsCutOffInTime) {
  Start();
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  RawClient silent(server->port());
  EXPECT_EQ(StatusOf(Ask("yes")), 200) << "nobody waits for him, and he was accepted before";
  EXPECT_FALSE(silent.IsCutOff());
  server_clock.Advance(std::chrono::seconds(5));
  ExpectCutOff(silent);
}

TEST_F(ReviewServerTest, TheOldestGoesWhenThereAreTooMany) {
  Start(2);
  ASSERT_TRUE(server->Use(Issue(authority)).ok());
  RawClient first(server->port());
  RawClient second(server->port());
  EXPECT_EQ(StatusOf(Ask("yes")), 200) << "a crowd of silent ones keeps nobody out";
  ExpectCutOff(first);
  EXPECT_FALSE(second.IsCutOff());
}

}  // namespace
}  // namespace foreshard::op
