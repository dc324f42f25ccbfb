#include "operator/health_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace foreshard::op {
namespace {

std::string Ask(int port, const std::string& request) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    EXPECT_EQ(send(client, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::array<char, 1024> buffer{};
    for (ssize_t got = 0; (got = recv(client, buffer.data(), buffer.size(), 0)) > 0;) {
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  close(client);
  return answer;
}

std::string Get(int port, const std::string& path) {
  return Ask(port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

class HealthServerTest : public testing::Test {
 protected:
  std::atomic<bool> ready = false;
  std::unique_ptr<HealthServer> server = *HealthServer::Listen(
      "127.0.0.1:0",
      {.ready = [this] { return ready.load(); }, .metrics = [] { return std::string("up 1\n"); }});
  std::jthread thread{[this](std::stop_token stop) { server->Run(stop); }};
};

TEST_F(HealthServerTest, AnswersProbesAndScrapes) {
  EXPECT_EQ(Get(server->port(), "/healthz").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(Get(server->port(), "/readyz").substr(0, 12), "HTTP/1.1 503");
  ready = true;
  EXPECT_EQ(Get(server->port(), "/readyz").substr(0, 12), "HTTP/1.1 200");
  EXPECT_NE(Get(server->port(), "/metrics?x=1").find("\r\n\r\nup 1\n"), std::string::npos);
}

class PageServerTest : public testing::Test {
 protected:
  std::string GetAs(const std::string& host, const std::string& path) {
    return Ask(server->port(), "GET " + path + " HTTP/1.1\r\nHOST: " + host + "\r\n\r\n");
  }

  std::unique_ptr<HealthServer> server = *HealthServer::Listen(
      "127.0.0.1:0", {.pages = [](const std::string& path) {
        return path == "/" ? std::optional<std::string>("<!doctype html>") : std::nullopt;
      }});
  std::jthread thread{[this](std::stop_token stop) { server->Run(stop); }};
};

TEST_F(PageServerTest, APageMayNotLoadOrSendAnything) {
  const std::string answer = GetAs("localhost:8081", "/");
  EXPECT_EQ(answer.substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_NE(answer.find("\r\nContent-Type: text/html; charset=utf-8\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nContent-Security-Policy: default-src 'none'; style-src "
                        "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'\r\n"),
            std::string::npos);
  EXPECT_NE(answer.find("\r\nX-Content-Type-Options: nosniff\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nCache-Control: no-store\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\n\r\n<!doctype html>"), std::string::npos);
}

// A name of somebody else's that he points to this machine: the browser takes our page for his.
TEST_F(PageServerTest, OnlyThisMachinesNamesAreAnswered) {
  for (const char* host : {"localhost", "127.0.0.1", "127.0.0.1:8081", "[::1]", "[::1]:8081"})
    EXPECT_EQ(GetAs(host, "/").substr(0, 12), "HTTP/1.1 200") << host;
  for (const char* host : {"evil.example", "evil.example:8081", "localhost.evil.example", ""})
    EXPECT_EQ(GetAs(host, "/").substr(0, 12), "HTTP/1.1 421") << host;
  EXPECT_EQ(Ask(server->port(), "GET / HTTP/1.1\r\n\r\n").substr(0, 12), "HTTP/1.1 421");
}

TEST_F(PageServerTest, ServesNoMetricsAndChangesNothing) {
  EXPECT_EQ(GetAs("localhost", "/metrics").substr(0, 12), "HTTP/1.1 404");
  EXPECT_EQ(GetAs("localhost", "/readyz").substr(0, 12), "HTTP/1.1 404");
  EXPECT_EQ(Ask(server->port(), "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").substr(0, 12),
            "HTTP/1.1 405");
}

TEST_F(HealthServerTest, RefusesTheRestAndGoesOn) {
  EXPECT_EQ(Get(server->port(), "/secrets").substr(0, 12), "HTTP/1.1 404");
  EXPECT_EQ(Ask(server->port(), "POST /healthz HTTP/1.1\r\n\r\n").substr(0, 12), "HTTP/1.1 405");
  EXPECT_EQ(Ask(server->port(), std::string(8192, 'x')).find("200"), std::string::npos);
  EXPECT_EQ(Get(server->port(), "/healthz").substr(0, 12), "HTTP/1.1 200");
}

TEST(HealthServer, NamesAnAddressThatCannotBe) {
  for (const char* address : {"nowhere", "256.0.0.1:1", "127.0.0.1:x"}) {
    const auto server = HealthServer::Listen(address, {});
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_NE(server.error().message.find(address), std::string::npos);
  }
}

}  // namespace
}  // namespace foreshard::op
