#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"

// HTTP/1.1 with keep-alive over mutual TLS: one connection to one server, as the routers' admin
// port speaks it.

namespace foreshard::op {

struct TlsFiles {
  std::string ca_file;
  std::string certificate_file;  // PEM, ours
  std::string key_file;
};

// Certificates once read; shared by the connections. Immutable, so any thread may use it.
class TlsContext {
 public:
  // Errors: kGiveUp naming the file and OpenSSL's reason.
  static Result<std::shared_ptr<const TlsContext>> Load(const TlsFiles& files);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  void* native() const { return native_; }  // SSL_CTX

 private:
  explicit TlsContext(void* native) : native_(native) {}
  void* native_;
};

struct HttpsServer {
  std::string host;  // address or name to connect to
  int port = 8443;
  std::string server_name;  // what its certificate must be for
};

struct HttpReply {
  int status = 0;
  std::string body;
};

// Owner:   whoever made it. Threads: one at a time.
class HttpsClient {
 public:
  HttpsClient(HttpsServer server, std::shared_ptr<const TlsContext> context, const Clock& clock);
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  // Connects when needed. A connection that the server closed between two requests is opened again
  // once. Errors: kRetry if nothing was sent, kReobserve if the answer did not come whole; the
  // connection is closed then.
  Result<HttpReply> Request(std::string_view method, std::string_view path, std::string_view body,
                            Deadline deadline);

 private:
  class Connection;

  Result<HttpReply> Try(std::string_view request, Deadline deadline);

  HttpsServer server_;
  std::shared_ptr<const TlsContext> context_;
  const Clock& clock_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace foreshard::op
