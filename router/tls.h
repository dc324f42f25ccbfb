#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// TLS 1.2 and 1.3 as plain functions from bytes to bytes (OpenSSL's memory BIOs): the event loop
// moves the bytes.

namespace foreshard::router {

// Certificates and keys, read once; replaced as a whole when files change. Threads: any, immutable
// after its factory.
class TlsContext {
 public:
  struct Options {
    std::string directory;         // with tls.crt, tls.key and, to check the other side, ca.crt
    bool require_client = false;   // a server that asks for a certificate of ca.crt
    bool alpn_postgresql = false;  // a server that speaks direct TLS
  };
  // Errors: kGiveUp with the file and OpenSSL's reason.
  static Result<std::shared_ptr<const TlsContext>> ForServer(const Options& options);
  // `directory` may be empty: encrypt, but believe any certificate. With ca.crt: check chain, and
  // the name if asked.
  static Result<std::shared_ptr<const TlsContext>> ForClient(const std::string& ca_file);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Of our certificate, for tls-server-end-point (RFC 5929); raw bytes.
  const std::string& certificate_hash() const { return certificate_hash_; }

 private:
  friend class TlsStream;
  struct Impl;
  TlsContext();
  std::unique_ptr<Impl> impl_;
  std::string certificate_hash_;
};

// One connection's side. Threads: one owner.
class TlsStream {
 public:
  enum class Role { kServer, kClient };
  TlsStream(std::shared_ptr<const TlsContext> context, Role role);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Bytes from the network. Appends what they mean to `*plain`, and what must be sent in answer to
  // `*encrypted`. Errors: kGiveUp with OpenSSL's reason; the connection must end (what is in
  // `*encrypted`, an alert, may still be sent).
  Status Receive(std::string_view from_network, std::string* plain, std::string* encrypted);
  // REQUIRES: handshake_done().
  Status Send(std::string_view plain, std::string* encrypted);
  // The first bytes of a client.
  Status Start(std::string* encrypted);
  void Close(std::string* encrypted);

  bool handshake_done() const { return handshake_done_; }
  bool peer_closed() const { return peer_closed_; }
  // Both sides agreed on "postgresql" by ALPN.
  bool speaks_postgresql() const;
  // Common name of the peer's certificate; empty if it showed none.
  std::string PeerCommonName() const;
  // Hash of the peer's certificate for channel binding; empty if its signature algorithm has none.
  std::string PeerCertificateHash() const;

 private:
  Status Fail(int code);
  void Drain(std::string* encrypted);

  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<const TlsContext> context_;
  bool handshake_done_ = false;
  bool peer_closed_ = false;
};

}  // namespace foreshard::router
