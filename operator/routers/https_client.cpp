#include "operator/routers/https_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>

namespace foreshard::op {
namespace {

constexpr std::size_t kReplyBytesMax = 16 << 20;
constexpr std::size_t kReadBytes = 16 << 10;

std::string OpenSslReason() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  if (code == 0) return "no reason given";
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

// Waits until `events` come. False: the deadline passed.
bool WaitFor(int fd, short events, const Clock& clock, Deadline deadline) {
  for (;;) {
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const auto rest = deadline.Remaining(clock);
    if (rest.count() <= 0) return false;
    const int ready =
        poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(rest.count(), 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

std::optional<std::size_t> HeaderNumber(std::string_view headers, std::string_view name) {
  std::string lower(headers);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t at = lower.find(std::string("\r\n") + std::string(name) + ":");
  if (at == std::string::npos) return std::nullopt;
  std::size_t begin = at + 3 + name.size();
  while (begin < lower.size() && lower[begin] == ' ') ++begin;
  std::size_t value = 0;
  const auto [end, error] =
      std::from_chars(lower.data() + begin, lower.data() + lower.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

bool SaysClose(std::string_view headers) {
  return headers.find("onnection: close") != std::string_view::npos;
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Load(const TlsFiles& files) {
  // OpenSSL writes with write(2): a router that went away must be an error, not the end of the
  // process.
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* native = SSL_CTX_new(TLS_client_method());
  if (native == nullptr) return Error::GiveUp("TLS cannot be set up: " + OpenSslReason());
  std::shared_ptr<const TlsContext> context(new TlsContext(native));
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  const auto refuse = [](const std::string& file) {
    return Error::GiveUp(fmt::format("'{}' cannot be used for TLS: {}", file, OpenSslReason()));
  };
  if (SSL_CTX_load_verify_locations(native, files.ca_file.c_str(), nullptr) != 1) {
    return refuse(files.ca_file);
  }
  if (SSL_CTX_use_certificate_chain_file(native, files.certificate_file.c_str()) != 1) {
    return refuse(files.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(native, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(native) != 1) {
    return refuse(files.key_file);
  }
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(static_cast<SSL_CTX*>(native_)); }

// A socket with TLS on it. Everything ends at a deadline.
class HttpsClient::Connection {
 public:
  explicit Connection(const Clock& clock) : clock_(clock) {}
  ~Connection() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status Open(const HttpsServer& server, const TlsContext& context, Deadline deadline) {
    if (const Status connected = ConnectSocket(server, deadline); !connected) return connected;
    ssl_ = SSL_new(static_cast<SSL_CTX*>(context.native()));
    if (ssl_ == nullptr) return Error::Retry("TLS: " + OpenSslReason());
    SSL_set_fd(ssl_, fd_);
    SSL_set_tlsext_host_name(ssl_, server.server_name.c_str());
    X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl_), server.server_name.c_str(), 0);
    for (;;) {
      const int result = SSL_connect(ssl_);
      if (result == 1) return Ok();
      if (const Status waited = Wait(result, deadline); !waited) return waited;
    }
  }

  Status Write(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
      const int written = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (written > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
        continue;
      }
      if (const Status waited = Wait(written, deadline); !waited) return waited;
    }
    return Ok();
  }

  // Appends what comes. 0: the peer closed.
  Result<std::size_t> Read(std::string& into, Deadline deadline) {
    std::array<char, kReadBytes> bytes;
    for (;;) {
      const int got = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (got > 0) {
        into.append(bytes.data(), static_cast<std::size_t>(got));
        return static_cast<std::size_t>(got);
      }
      if (SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (const Status waited = Wait(got, deadline); !waited) return waited.error();
    }
  }

 private:
  Status ConnectSocket(const HttpsServer& server, Deadline deadline) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    AddressList addresses;
    if (getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints,
                    &addresses.first) != 0) {
      return Error::Retry(fmt::format("router '{}' has no address", server.host));
    }
    const addrinfo& address = *addresses.first;
    fd_ = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return Error::Retry(fmt::format("socket: {}", std::strerror(errno)));
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return Ok();
    int error = errno;
    if (error == EINPROGRESS) {
      if (!WaitFor(fd_, POLLOUT, clock_, deadline)) {
        return Error::Retry(fmt::format("router '{}' does not answer", server.host));
      }
      socklen_t size = sizeof error;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) return Ok();
    return Error::Retry(fmt::format("router '{}': {}", server.host, std::strerror(error)));
  }

  Status Wait(int result, Deadline deadline) {
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      if (WaitFor(fd_, events, clock_, deadline)) return Ok();
      return Error::Reobserve("the router did not answer in time");
    }
    const long verified = SSL_get_verify_result(ssl_);
    if (verified != X509_V_OK) {
      return Error::GiveUp(fmt::format("the router's certificate is refused: {}",
                                       X509_verify_cert_error_string(verified)),
                           "BadCertificate");
    }
    return Error::Reobserve("the connection to the router broke: " + OpenSslReason());
  }

  const Clock& clock_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

HttpsClient::HttpsClient(HttpsServer server, std::shared_ptr<const TlsContext> context,
                         const Clock& clock)
    : server_(std::move(server)), context_(std::move(context)), clock_(clock) {}

HttpsClient::~HttpsClient() = default;

Result<HttpReply> HttpsClient::Request(std::string_view method, std::string_view path,
                                       std::string_view body, Deadline deadline) {
  const std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: keep-alive\r\n\r\n{}",
      method, path, server_.server_name, body.size(), body);
  const bool reused = connection_ != nullptr;
  Result<HttpReply> reply = Try(request, deadline);
  if (reply || !reused || deadline.Passed(clock_)) return reply;
  return Try(
      request,
      deadline);  // The server may have closed while we were silent. All requests may be repeated.
}

Result<HttpReply> HttpsClient::Try(std::string_view request, Deadline deadline) {
  std::unique_ptr<Connection> connection = std::move(connection_);
  if (!connection) {
    connection = std::make_unique<Connection>(clock_);
    const Status opened = connection->Open(server_, *context_, deadline);
    if (!opened) return opened.error();
  }
  if (const Status written = connection->Write(request, deadline); !written) return written.error();
  std::string bytes;
  std::size_t headers_end = std::string::npos;
  std::size_t wanted = 0;
  for (;;) {
    if (headers_end == std::string::npos) {
      headers_end = bytes.find("\r\n\r\n");
      if (headers_end != std::string::npos) {
        const auto length =
            HeaderNumber(std::string_view(bytes).substr(0, headers_end), "content-length");
        if (!length || *length > kReplyBytesMax) {
          return Error::Reobserve("the router's answer has no usable length");
        }
        wanted = headers_end + 4 + *length;
      }
    }
    if (headers_end != std::string::npos && bytes.size() >= wanted) break;
    if (bytes.size() > kReplyBytesMax) return Error::Reobserve("the router's answer is too long");
    const Result<std::size_t> got = connection->Read(bytes, deadline);
    if (!got) return got.error();
    if (*got == 0) return Error::Reobserve("the router closed before it answered");
  }
  HttpReply reply;
  const std::string_view head = std::string_view(bytes).substr(0, headers_end);
  const std::size_t space = head.find(' ');
  if (!head.starts_with("HTTP/1.1 ") || head.size() < space + 4) {
    return Error::Reobserve("the router's answer is not HTTP/1.1");
  }
  std::from_chars(head.data() + space + 1, head.data() + space + 4, reply.status);
  reply.body = bytes.substr(headers_end + 4, wanted - headers_end - 4);
  if (!SaysClose(head)) connection_ = std::move(connection);
  return reply;
}

}  // namespace foreshard::op
