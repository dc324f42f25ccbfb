#include "pg/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace foreshard::pg {
namespace {

using namespace std::chrono_literals;

// A loopback socket that accepts connections in the kernel and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  void Listen() const { EXPECT_EQ(::listen(socket_, 1), 0); }
  std::string conninfo() const {
    return fmt::format("host=127.0.0.1 port={} user=nobody sslmode=disable", port_);
  }

 private:
  int socket_;
  int port_ = 0;
};

TEST(Connection, NothingListensIsRetried) {
  const SystemClock clock;
  const SilentServer closed;  // bound, not listening: refused at once
  const auto connection =
      Connection::Connect({.conninfo = closed.conninfo()}, clock, Deadline::After(clock, 10s));
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().kind, Error::Kind::kRetry);
}

TEST(Connection, AServerThatNeverAnswersEndsAtTheDeadline) {
  const SystemClock clock;
  const SilentServer silent;
  silent.Listen();
  const auto connection =
      Connection::Connect({.conninfo = silent.conninfo()}, clock, Deadline::After(clock, 50ms));
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().kind, Error::Kind::kRetry);
  EXPECT_EQ(connection.error().reason, "ConnectTimedOut");
}

TEST(Connection, UnreadableSettingsAreGivenUp) {
  const SystemClock clock;
  const auto connection =
      Connection::Connect({.conninfo = "no such thing"}, clock, Deadline::After(clock, 1s));
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().kind, Error::Kind::kGiveUp);
}

}  // namespace
}  // namespace foreshard::pg
