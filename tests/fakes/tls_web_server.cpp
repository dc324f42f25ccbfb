#include "tests/fakes/tls_web_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace foreshard::fakes {
namespace {

constexpr int kLookMillis = 5;  // how soon a stop or a wish to close is noticed

X509* ReadCertificate(const std::string& pem) {
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  CHECK(certificate != nullptr, "the test's certificate cannot be read");
  return certificate;
}

SSL_CTX* MakeContext(const TlsWebServerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr, "no TLS");
  X509* certificate = ReadCertificate(options.certificate_pem);
  CHECK(SSL_CTX_use_certificate(context, certificate) == 1, "the test's certificate is refused");
  X509_free(certificate);
  BIO* memory = BIO_new_mem_buf(options.key_pem.data(), static_cast<int>(options.key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  CHECK(key != nullptr && SSL_CTX_use_PrivateKey(context, key) == 1, "the test's key is refused");
  EVP_PKEY_free(key);
  if (!options.client_authority_pem.empty()) {
    X509* authority = ReadCertificate(options.client_authority_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

std::size_t RequestSize(const std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  const std::size_t at = bytes.find("Content-Length:");
  const std::size_t length = at < end ? std::stoul(bytes.substr(at + 15)) : 0;
  return bytes.size() >= end + 4 + length ? end + 4 + length : 0;
}

}  // namespace

class TlsWebServer::Connection {
 public:
  Connection(int fd, void* context) : fd_(fd) {
    if (context == nullptr) return;
    ssl_ = SSL_new(static_cast<SSL_CTX*>(context));
    SSL_set_fd(ssl_, fd_);
    SSL_set_accept_state(ssl_);
  }
  ~Connection() {
    if (ssl_ != nullptr) {
      SSL_shutdown(ssl_);
      SSL_free(ssl_);
    }
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Bytes that came; 0: none now; -1: the end.
  int Read(std::string& into) {
    std::array<char, 4096> bytes;
    if (ssl_ != nullptr) {
      const int got = SSL_read(ssl_, bytes.data(), bytes.size());
      if (got > 0) into.append(bytes.data(), static_cast<std::size_t>(got));
      if (got > 0) return got;
      const int error = SSL_get_error(ssl_, got);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
    if (got > 0) into.append(bytes.data(), static_cast<std::size_t>(got));
    if (got > 0) return static_cast<int>(got);
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
  }

  // False: the peer is gone.
  bool Write(const char* bytes, std::size_t size) {
    while (size > 0) {
      const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_, bytes, static_cast<int>(size))
                                           : send(fd_, bytes, size, MSG_NOSIGNAL);
      if (sent > 0) {
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
        continue;
      }
      const bool busy = ssl_ != nullptr
                            ? SSL_get_error(ssl_, static_cast<int>(sent)) == SSL_ERROR_WANT_WRITE
                            : errno == EAGAIN;
      if (!busy) return false;
      pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
      poll(&waiting, 1, kLookMillis);
    }
    return true;
  }

  void WaitForBytes() const {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    poll(&waiting, 1, kLookMillis);
  }

 private:
  int fd_;
  SSL* ssl_ = nullptr;
};

Result<std::unique_ptr<TlsWebServer>> TlsWebServer::Start(TlsWebServerOptions options) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  std::unique_ptr<TlsWebServer> server(new TlsWebServer(std::move(options)));
  if (const Status listening = server->Listen(); !listening) return listening.error();
  if (!server->options_.certificate_pem.empty()) server->context_ = MakeContext(server->options_);
  server->thread_ = std::jthread([raw = server.get()](std::stop_token stop) { raw->Serve(stop); });
  return server;
}

TlsWebServer::~TlsWebServer() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) close(listener_);
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

std::string TlsWebServer::Reply(int status, const std::string& body,
                                const std::string& more_headers) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                     more_headers, body);
}

Status TlsWebServer::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
  CHECK(inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) == 1, "no address");
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 8) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Error::Retry(fmt::format("{}:{}: {}", options_.host, options_.port, strerror(errno)));
  }
  port_ = ntohs(address.sin_port);
  return Ok();
}

std::vector<std::string> TlsWebServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void TlsWebServer::CloseConnection() {
  close_ = true;
  close_.wait(true);
}

std::optional<std::string> TlsWebServer::Answer(const std::string& request) {
  {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(request);
  }
  return options_.answer(request);
}

void TlsWebServer::Talk(Connection& connection, const std::stop_token& stop) {
  std::string bytes;
  while (!stop.stop_requested() && !close_) {
    const int got = connection.Read(bytes);
    if (got < 0) return;
    const std::size_t size = RequestSize(bytes);
    if (size == 0) {
      if (got == 0) connection.WaitForBytes();
      continue;
    }
    const std::optional<std::string> answer = Answer(bytes.substr(0, size));
    bytes.erase(0, size);
    if (!answer) continue;
    if (answer->empty()) return;
    const std::size_t piece = options_.piece_bytes > 0 ? options_.piece_bytes : answer->size();
    for (std::size_t at = 0; at < answer->size(); at += piece) {
      if (!connection.Write(answer->data() + at, std::min(piece, answer->size() - at))) return;
    }
    if (answer->find("\r\nConnection: close\r\n") != std::string::npos) return;
  }
}

void TlsWebServer::Serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (close_.exchange(false)) close_.notify_all();
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kLookMillis) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    Connection connection(fd, context_);
    Talk(connection, stop);
  }
}

}  // namespace foreshard::fakes
