#include "operator/webhook/request_head.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

constexpr const char* kGood =
    "POST /validate?timeout=3s HTTP/1.1\r\nHost: foreshard-webhook.foreshard-system.svc\r\n"
    "Content-Type: application/json\r\ncontent-length: 17 \r\nAccept: application/json\r\n\r\n";

// The status of the refusal, or 0.
int StatusOf(const std::string& bytes) {
  const auto head = ReadRequestHead(bytes);
  return head ? 0 : std::stoi(head.error().code);
}

std::string WithHeaders(const std::string& headers) {
  return "POST /validate HTTP/1.1\r\n" + headers + "\r\n\r\n";
}

TEST(RequestHead, IsReadWhenItIsWholeWhateverFollows) {
  const std::string good = kGood;
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto head = ReadRequestHead(good.substr(0, size));
    ASSERT_TRUE(head.ok()) << size << ": " << head.error().message;
    EXPECT_FALSE(head->has_value()) << size;
  }
  for (const char* more : {"", "{", "{\"kind\":\"x\"}\r\n\r\nPOST / HTTP/1.1\r\n\r\n"}) {
    const auto head = ReadRequestHead(good + more);
    ASSERT_TRUE(head.ok() && head->has_value());
    EXPECT_EQ((*head)->head_bytes, good.size());
    EXPECT_EQ((*head)->body_bytes, 17U);
  }
}

TEST(RequestHead, RefusesWhatIsNoReviewWithAStatusOfItsOwn) {
  EXPECT_EQ(StatusOf("GET /validate HTTP/1.1\r\n\r\n"), 405);
  EXPECT_EQ(StatusOf("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\n"), 404);
  EXPECT_EQ(StatusOf("POST /validate/../x HTTP/1.1\r\nContent-Length: 1\r\n\r\n"), 404);
  EXPECT_EQ(StatusOf("POST /validate SMTP\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(WithHeaders("Host: x")), 411);
  EXPECT_EQ(StatusOf(WithHeaders("Transfer-Encoding: chunked\r\nContent-Length: 3")), 411);
  EXPECT_EQ(StatusOf(WithHeaders("Content-Length: 3\r\nContent-Length: 4")), 400);
  for (const char* length : {"", "-1", "+3", "3x", "0x10", "3 4", "1e3"})
    EXPECT_EQ(StatusOf(WithHeaders(std::string("Content-Length: ") + length)), 400) << length;
  EXPECT_EQ(StatusOf(WithHeaders("no colon\r\nContent-Length: 3")), 400);
}

TEST(RequestHead, WhatIsTooLargeIsRefusedBeforeItIsRead) {
  const auto length = [](std::size_t bytes) {
    return WithHeaders(fmt::format("Content-Length: {}", bytes));
  };
  EXPECT_EQ(StatusOf(length(kRequestBodyMax)), 0);
  EXPECT_EQ(StatusOf(length(kRequestBodyMax + 1)), 413);
  EXPECT_EQ(StatusOf(WithHeaders("Content-Length: 99999999999999999999999")), 413);
  const std::string long_header = "POST /validate HTTP/1.1\r\nX: " + std::string(9'000, 'x');
  EXPECT_EQ(StatusOf(long_header.substr(0, kRequestHeadMax - 1)), 0) << "it may still end";
  EXPECT_EQ(StatusOf(long_header), 431);
}

TEST(RequestHead, AnAnswerSaysItsLengthAndThatItIsTheLast) {
  EXPECT_EQ(HttpAnswer(413, "text/plain", "no\n"),
            "HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
            "Connection: close\r\n\r\nno\n");
}

}  // namespace
}  // namespace foreshard::op
