#include "tests/integration/router/wire_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pg/wire_backend.h"
#include "pg/wire_reader.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/scram.h"

namespace foreshard::router {
namespace {

Result<int> Open(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return Error::Retry("connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

Result<std::unique_ptr<WireClient>> WireClient::Connect(const Options& options) {
  std::unique_ptr<WireClient> client(new WireClient());
  const Result<int> fd = Open(options.port);
  if (!fd) return fd.error();
  client->fd_ = *fd;
  if (const Status in = client->LogIn(options); !in) return in.error();
  return client;
}

WireClient::~WireClient() {
  if (fd_ >= 0) ::close(fd_);
}

Status WireClient::LogIn(const Options& options) {
  std::string out;
  pg::AppendStartup(&out, {{"user", options.user}, {"database", options.database}});
  if (const Status sent = Send(out); !sent) return sent;
  ScramClient scram(DeriveScramIdentity(options.password, options.salt, options.iterations),
                    RandomNonce(), "");
  while (true) {
    const Result<WireMessage> message = Receive();
    if (!message) return message.error();
    if (message->type == 'E') return Error::GiveUp(FirstError({*message}));
    if (message->type == 'Z') return Ok();
    pg::WireReader reader(message->body);
    if (message->type == 'K') {
      process_id_ = static_cast<std::uint32_t>(reader.Int32());
      secret_key_ = static_cast<std::uint32_t>(reader.Int32());
    }
    if (message->type != 'R') continue;
    out.clear();
    const std::int32_t kind = reader.Int32();
    if (kind == 10) {
      const std::string first = scram.First();
      pg::WireWriter(&out, 'p')
          .String("SCRAM-SHA-256")
          .Int32(static_cast<std::int32_t>(first.size()))
          .Bytes(first)
          .End();
    } else if (kind == 11) {
      const Result<std::string> last = scram.Final(reader.rest());
      if (!last) return last.error();
      pg::AppendPassword(&out, *last);
      out += options.hurry;
    } else if (kind == 12) {
      if (const Status good = scram.Verify(reader.rest()); !good) return good;
    }
    if (const Status sent = Send(out); !sent) return sent;
  }
}

Status WireClient::Send(std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    const std::size_t part = piece == 0 ? bytes.size() : std::min(piece, bytes.size());
    const ssize_t sent = ::send(fd_, bytes.data(), part, MSG_NOSIGNAL);
    if (sent <= 0) return Error::Retry("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return Ok();
}

Result<WireMessage> WireClient::Receive(std::chrono::milliseconds limit) {
  pg::WireFrame frame;
  while (pg::NextFrame(buffer_, 1 << 30, &frame) != pg::WireFrameState::kComplete) {
    pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&poll_fd, 1, static_cast<int>(limit.count())) <= 0)
      return Error::Retry("nothing came in time");
    char bytes[65'536];
    const ssize_t length = ::recv(fd_, bytes, sizeof bytes, 0);
    if (length <= 0) return Error::Retry("closed");
    buffer_.append(bytes, static_cast<std::size_t>(length));
  }
  WireMessage message{.type = frame.type, .body = std::string(frame.body)};
  buffer_.erase(0, frame.whole.size());
  return message;
}

Result<std::vector<WireMessage>> WireClient::ReceiveUntilReady(std::chrono::milliseconds limit) {
  std::vector<WireMessage> messages;
  do {
    Result<WireMessage> message = Receive(limit);
    if (!message) return Error::Retry(message.error().message + " after " + Trace(messages));
    messages.push_back(std::move(*message));
  } while (messages.back().type != 'Z');
  return messages;
}

Result<std::vector<WireMessage>> WireClient::Ask(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  if (const Status sent = Send(out); !sent) return sent.error();
  return ReceiveUntilReady();
}

void WireClient::EndSaying() { ::shutdown(fd_, SHUT_WR); }

void WireClient::Reset() {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(std::exchange(fd_, -1));
}

Status SendCancel(int port, std::uint32_t process_id, std::uint32_t secret_key) {
  const Result<int> fd = Open(port);
  if (!fd) return fd.error();
  std::string out;
  pg::AppendCancelRequest(&out, process_id, secret_key);
  char byte = 0;
  const bool good =
      ::send(*fd, out.data(), out.size(), MSG_NOSIGNAL) > 0 && ::recv(*fd, &byte, 1, 0) == 0;
  ::close(*fd);
  return good ? Ok() : Status(Error::Retry("the cancel request was not taken"));
}

std::string Trace(const std::vector<WireMessage>& messages) {
  std::string trace;
  for (const WireMessage& message : messages) {
    if (message.type == 'S' || message.type == 'K') continue;
    trace += message.type;
    if (message.type == 'E' || message.type == 'N') {
      const auto error = pg::DecodeError(message.body);
      trace += error ? fmt::format(" {} {} {}", error->severity, error->code, error->message)
                     : " malformed";
    } else if (message.type == 'T') {
      // Names, types and formats; the table's number is that of one database.
      const auto columns = pg::DecodeRowDescription(message.body);
      for (const pg::ColumnDescription& column : *columns) {
        trace += fmt::format(" {}:{}:{}", column.name, column.type_oid, column.format);
      }
    } else {
      for (const char c : message.body)
        trace += c >= ' ' && c < 127 ? std::string(1, c) : fmt::format("\\{:02x}", c & 0xff);
    }
    trace += '\n';
  }
  return trace;
}

std::string FirstError(const std::vector<WireMessage>& messages) {
  for (const WireMessage& message : messages) {
    if (message.type != 'E') continue;
    const auto error = pg::DecodeError(message.body);
    return error ? std::string(error->code) : "malformed";
  }
  return {};
}

std::string FirstValue(const std::vector<WireMessage>& messages) {
  for (const WireMessage& message : messages) {
    if (message.type != 'D') continue;
    pg::RowValues values(message.body);
    std::optional<std::string_view> value;
    if (values.Next(&value) && value) return std::string(*value);
  }
  return {};
}

}  // namespace foreshard::router
