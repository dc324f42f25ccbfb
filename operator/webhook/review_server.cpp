#include "operator/webhook/review_server.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <vector>

#include "operator/listener.h"
#include "operator/webhook/request_head.h"

namespace foreshard::op {
namespace {

constexpr int kBacklog = 32;
constexpr int kPollMillis = 200;
constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";

using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Memory MemoryOf(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

SSL_CTX* Native(const std::shared_ptr<void>& context) {
  return static_cast<SSL_CTX*>(context.get());
}

std::string_view ToText(ReviewAnswer::Verdict verdict) {
  switch (verdict) {
    case ReviewAnswer::Verdict::kAllowed:
      return "allowed";
    case ReviewAnswer::Verdict::kRefused:
      return "refused";
    case ReviewAnswer::Verdict::kUnreadable:
      return "unreadable";
  }
  return "unreadable";
}

}  // namespace

// A socket, TLS on it, and how far it came. Nothing here blocks.
class ReviewServer::Connection {
 public:
  Connection(int fd, SSL_CTX* context, MonotonicTime until)
      : fd_(fd), ssl_(SSL_new(context)), until_(until) {
    CHECK(ssl_ != nullptr, "no TLS stream");
    SSL_set_fd(ssl_, fd_);
    SSL_set_accept_state(ssl_);
  }
  ~Connection() {
    SSL_free(ssl_);
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  MonotonicTime until() const { return until_; }
  short waits_for() const { return waits_for_; }
  bool over() const { return over_; }

  // Bytes that came, appended to `in`; 0: none now, or over().
  std::size_t Read() {
    std::array<char, kReadBytes> bytes;
    const int got = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) {
      Wait(got);
      return 0;
    }
    in.append(bytes.data(), static_cast<std::size_t>(got));
    return static_cast<std::size_t>(got);
  }

  // As much of `out` as goes; over() when all of it went.
  void Write() {
    while (sent_ < out.size()) {
      const int sent = SSL_write(ssl_, out.data() + sent_, static_cast<int>(out.size() - sent_));
      if (sent <= 0) return Wait(sent);
      sent_ += static_cast<std::size_t>(sent);
    }
    SSL_shutdown(ssl_);
    ERR_clear_error();
    over_ = true;
  }

  std::string in;
  std::optional<RequestHead> head;
  std::string out;                 // not empty: the answer
  std::size_t reserved_bytes = 0;  // of the server's, for the body
  bool counted = false;

 private:
  void Wait(int result) {
    const int error = SSL_get_error(ssl_, result);
    ERR_clear_error();
    over_ = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    waits_for_ = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
  }

  const int fd_;
  SSL* const ssl_;
  const MonotonicTime until_;
  short waits_for_ = POLLIN;
  std::size_t sent_ = 0;
  bool over_ = false;
};

Result<std::unique_ptr<ReviewServer>> ReviewServer::Listen(const std::string& address,
                                                           Options options) {
  // OpenSSL writes with write(2): a client that went away must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  const Result<int> listener = ListenAt(address, kBacklog);
  if (!listener) return listener.error();
  return std::unique_ptr<ReviewServer>(
      new ReviewServer(*listener, PortOf(*listener), std::move(options)));
}

ReviewServer::ReviewServer(int listener, int port, Options options)
    : listener_(listener), port_(port), options_(std::move(options)) {}

ReviewServer::~ReviewServer() { close(listener_); }

Status ReviewServer::Use(const KeyPair& pair) {
  const std::shared_ptr<void> made(SSL_CTX_new(TLS_server_method()),
                                   [](void* old) { SSL_CTX_free(static_cast<SSL_CTX*>(old)); });
  SSL_CTX* const native = Native(made);
  const Memory text = MemoryOf(pair.certificate_pem);
  const Memory key_text = MemoryOf(pair.key_pem);
  const Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                X509_free);
  const Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const bool good = native != nullptr && certificate != nullptr && key != nullptr &&
                    SSL_CTX_use_certificate(native, certificate.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(native, key.get()) == 1;
  ERR_clear_error();
  if (!good) return Error::GiveUp("the webhook's certificate or its key cannot be used");
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const std::scoped_lock lock(mutex_);
  context_ = made;
  return Ok();
}

std::shared_ptr<void> ReviewServer::context() const {
  const std::scoped_lock lock(mutex_);
  return context_;
}

void ReviewServer::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> waiting = {{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Connection& one : connections_)
      waiting.push_back({.fd = one.fd(), .events = one.waits_for(), .revents = 0});
    poll(waiting.data(), waiting.size(), kPollMillis);
    const MonotonicTime now = options_.clock.Monotonic();
    std::size_t place = 1;
    for (auto one = connections_.begin(); one != connections_.end(); ++place) {
      const auto connection = one++;
      if (waiting[place].revents != 0) Serve(*connection);
      if (connection->over() || now >= connection->until()) End(connection);
    }
    if (waiting[0].revents != 0) Accept();
  }
  while (!connections_.empty()) End(connections_.begin());
}

void ReviewServer::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const std::shared_ptr<void> context = this->context();
  if (context == nullptr) {
    close(client);
    options_.count("cut_off");
    return;
  }
  if (connections_.size() >= options_.connections) End(connections_.begin());
  connections_.emplace_back(client, Native(context),
                            options_.clock.Monotonic() + options_.time_limit);
}

void ReviewServer::Serve(Connection& connection) {
  while (connection.out.empty() && connection.Read() > 0) Read(connection);
  if (!connection.out.empty()) connection.Write();
}

void ReviewServer::Read(Connection& connection) {
  if (!connection.head) {
    Result<std::optional<RequestHead>> head = ReadRequestHead(connection.in);
    if (!head) return Refuse(connection, head.error());
    if (!*head) return;
    if ((*head)->body_bytes > options_.body_bytes - reserved_bytes_)
      return Refuse(connection, Error::Retry("too many requests at a time", "Busy", "503"));
    connection.head = **head;
    connection.reserved_bytes = connection.head->body_bytes;
    reserved_bytes_ += connection.reserved_bytes;
  }
  if (connection.in.size() >= connection.head->head_bytes + connection.head->body_bytes)
    Answer(connection);
}

void ReviewServer::Answer(Connection& connection) {
  const ReviewAnswer answer =
      options_.review(std::string_view(connection.in)
                          .substr(connection.head->head_bytes, connection.head->body_bytes));
  const bool readable = answer.verdict != ReviewAnswer::Verdict::kUnreadable;
  connection.out = HttpAnswer(readable ? 200 : 400, readable ? kJson : kText, answer.body);
  connection.in = {};
  connection.counted = true;
  options_.count(ToText(answer.verdict));
}

void ReviewServer::Refuse(Connection& connection, const Error& error) {
  connection.out = HttpAnswer(std::stoi(error.code), kText, error.message + "\n");
  connection.in = {};
  connection.counted = true;
  options_.count("unreadable");
}

void ReviewServer::End(std::list<Connection>::iterator connection) {
  reserved_bytes_ -= connection->reserved_bytes;
  if (!connection->counted) options_.count("cut_off");
  connections_.erase(connection);
}

}  // namespace foreshard::op
