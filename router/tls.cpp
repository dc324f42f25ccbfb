#include "router/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/check.h"

namespace foreshard::router {
namespace {

constexpr unsigned char kAlpn[] = "\x0apostgresql";

Error TlsError(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return Error::GiveUp(fmt::format("{}: {}", what, reason != nullptr ? reason : "unknown reason"),
                       "TlsError");
}

// RFC 5929: the hash of the certificate's signature, but SHA-256 instead of MD5 and SHA-1.
std::string EndPointHash(X509* certificate) {
  int digest_id = NID_undef;
  if (X509_get_signature_info(certificate, &digest_id, nullptr, nullptr, nullptr) != 1) return {};
  if (digest_id == NID_md5 || digest_id == NID_sha1) digest_id = NID_sha256;
  const EVP_MD* digest = EVP_get_digestbynid(digest_id);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (digest == nullptr || X509_digest(certificate, digest, bytes, &length) != 1) return {};
  return std::string(reinterpret_cast<const char*>(bytes), length);
}

int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
               unsigned in_length, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kAlpn, sizeof kAlpn - 1, in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

struct TlsContext::Impl {
  SSL_CTX* context = nullptr;
  ~Impl() { SSL_CTX_free(context); }
};

TlsContext::TlsContext() : impl_(std::make_unique<Impl>()) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::ForServer(const Options& options) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  SSL_CTX* context = made->impl_->context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr, "no TLS context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  const std::string certificate = options.directory + "/tls.crt";
  const std::string key = options.directory + "/tls.key";
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return TlsError(certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return TlsError(key);
  if (SSL_CTX_check_private_key(context) != 1) return TlsError(key);
  if (options.require_client) {
    const std::string ca = options.directory + "/ca.crt";
    if (SSL_CTX_load_verify_locations(context, ca.c_str(), nullptr) != 1) return TlsError(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (options.alpn_postgresql) SSL_CTX_set_alpn_select_cb(context, ChooseAlpn, nullptr);
  made->certificate_hash_ = EndPointHash(SSL_CTX_get0_certificate(context));
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::ForClient(const std::string& ca_file) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  SSL_CTX* context = made->impl_->context = SSL_CTX_new(TLS_client_method());
  CHECK(context != nullptr, "no TLS context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (!ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1)
      return TlsError(ca_file);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

struct TlsStream::Impl {
  SSL* ssl = nullptr;
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl
  ~Impl() { SSL_free(ssl); }
};

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, Role role)
    : impl_(std::make_unique<Impl>()), context_(std::move(context)) {
  impl_->ssl = SSL_new(context_->impl_->context);
  impl_->in = BIO_new(BIO_s_mem());
  impl_->out = BIO_new(BIO_s_mem());
  CHECK(impl_->ssl != nullptr && impl_->in != nullptr && impl_->out != nullptr, "no TLS stream");
  SSL_set_bio(impl_->ssl, impl_->in, impl_->out);
  role == Role::kServer ? SSL_set_accept_state(impl_->ssl) : SSL_set_connect_state(impl_->ssl);
}

TlsStream::~TlsStream() = default;

void TlsStream::Drain(std::string* encrypted) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(impl_->out, &bytes);
  if (length <= 0) return;
  encrypted->append(bytes, static_cast<std::size_t>(length));
  (void)BIO_reset(impl_->out);
}

bool TlsStream::speaks_postgresql() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(impl_->ssl, &name, &length);
  return length > 0;  // We choose no other.
}

Status TlsStream::Fail(int code) {
  const int reason = SSL_get_error(impl_->ssl, code);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return Ok();
  if (reason == SSL_ERROR_ZERO_RETURN) {
    peer_closed_ = true;
    return Ok();
  }
  return TlsError("TLS");
}

Status TlsStream::Start(std::string* encrypted) {
  ERR_clear_error();
  const int done = SSL_do_handshake(impl_->ssl);
  Drain(encrypted);
  return done == 1 ? Ok() : Fail(done);
}

Status TlsStream::Receive(std::string_view from_network, std::string* plain,
                          std::string* encrypted) {
  ERR_clear_error();
  if (!from_network.empty())
    BIO_write(impl_->in, from_network.data(), static_cast<int>(from_network.size()));
  if (!handshake_done_) {
    const int done = SSL_do_handshake(impl_->ssl);
    Drain(encrypted);
    if (done != 1) return Fail(done);
    handshake_done_ = true;
  }
  char buffer[16'384];  // One TLS record at most.
  for (;;) {
    const int length = SSL_read(impl_->ssl, buffer, sizeof buffer);
    if (length > 0) {
      plain->append(buffer, static_cast<std::size_t>(length));
      continue;
    }
    Drain(encrypted);
    return Fail(length);
  }
}

Status TlsStream::Send(std::string_view plain, std::string* encrypted) {
  CHECK(handshake_done_, "TLS data before the handshake");
  ERR_clear_error();
  while (!plain.empty()) {
    const std::size_t part = std::min<std::size_t>(plain.size(), 1 << 20);
    const int written = SSL_write(impl_->ssl, plain.data(), static_cast<int>(part));
    if (written <= 0) return TlsError("TLS");
    plain.remove_prefix(static_cast<std::size_t>(written));
  }
  Drain(encrypted);
  return Ok();
}

void TlsStream::Close(std::string* encrypted) {
  if (!handshake_done_) return;
  ERR_clear_error();
  SSL_shutdown(impl_->ssl);
  Drain(encrypted);
  ERR_clear_error();
}

std::string TlsStream::PeerCommonName() const {
  X509* certificate = SSL_get0_peer_certificate(impl_->ssl);
  if (certificate == nullptr) return {};
  char name[256] = {};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                               name, sizeof name);
  return length > 0 ? std::string(name, static_cast<std::size_t>(length)) : std::string();
}

std::string TlsStream::PeerCertificateHash() const {
  X509* certificate = SSL_get0_peer_certificate(impl_->ssl);
  return certificate == nullptr ? std::string() : EndPointHash(certificate);
}

}  // namespace foreshard::router
