#include "operator/certificates.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

namespace foreshard::op {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freer<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

Error Failed(std::string_view what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return Error::GiveUp(
      fmt::format("certificate: cannot {}: {}", what, reason != nullptr ? reason : "unknown"),
      "CertificateError");
}

std::string TextOf(const Memory& memory) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(std::max(length, 0L))};
}

Memory MemoryOf(std::string_view text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate ParseCertificate(std::string_view pem) {
  const Memory memory = MemoryOf(pem);
  return Certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
}

Key ParseKey(std::string_view pem) {
  const Memory memory = MemoryOf(pem);
  return Key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
}

Result<KeyPair> Written(X509* certificate, EVP_PKEY* key) {
  const Memory text(BIO_new(BIO_s_mem()));
  const Memory key_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(text.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("write it");
  }
  return KeyPair{TextOf(text), TextOf(key_text)};
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& text) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, text.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  const BigNumber number(BN_new());
  // 127 bits: positive and not to be guessed.
  return number != nullptr &&
         BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetName(X509_NAME* name, std::string_view common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

std::time_t Seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// Version, serial, times, subject and public key; what differs follows.
Certificate NewCertificate(std::string_view common_name, EVP_PKEY* key, WallTime now,
                           std::chrono::hours lifetime) {
  Certificate certificate(X509_new());
  if (certificate == nullptr) return nullptr;
  X509* raw = certificate.get();
  const bool good =
      X509_set_version(raw, X509_VERSION_3) == 1 && SetSerial(raw) &&
      ASN1_TIME_set(X509_getm_notBefore(raw), Seconds(now - kCertificateClockSkew)) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(raw), Seconds(now + lifetime)) != nullptr &&
      SetName(X509_get_subject_name(raw), common_name) && X509_set_pubkey(raw, key) == 1;
  if (!good) return nullptr;
  return certificate;
}

std::string AlternativeNames(const std::vector<std::string>& dns_names) {
  std::string text;
  for (const std::string& name : dns_names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  return text;
}

std::string KeyUsages(const CertificateRequest& request) {
  if (request.server && request.client) return "serverAuth,clientAuth";
  return request.client ? "clientAuth" : "serverAuth";
}

WallTime ToWall(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

std::vector<std::string> DnsNamesOf(X509* certificate) {
  std::vector<std::string> found;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    found.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<KeyPair> MakeAuthority(std::string_view common_name, WallTime now,
                              std::chrono::hours lifetime) {
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  const Certificate certificate = NewCertificate(common_name, key.get(), now, lifetime);
  if (certificate == nullptr) return Failed("fill it");
  X509* raw = certificate.get();
  const bool good = X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
                    AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    AddExtension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    AddExtension(raw, raw, NID_subject_key_identifier, "hash") &&
                    X509_sign(raw, key.get(), EVP_sha256()) > 0;
  if (!good) return Failed("sign it");
  return Written(raw, key.get());
}

Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request,
                                 WallTime now, std::chrono::hours lifetime) {
  const Certificate issuer = ParseCertificate(authority.certificate_pem);
  const Key issuer_key = ParseKey(authority.key_pem);
  if (issuer == nullptr || issuer_key == nullptr) return Failed("read the authority");
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  const Certificate certificate = NewCertificate(request.common_name, key.get(), now, lifetime);
  if (certificate == nullptr) return Failed("fill it");
  X509* raw = certificate.get();
  const bool good =
      X509_set_issuer_name(raw, X509_get_subject_name(issuer.get())) == 1 &&
      AddExtension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(raw, issuer.get(), NID_ext_key_usage, KeyUsages(request)) &&
      AddExtension(raw, issuer.get(), NID_subject_key_identifier, "hash") &&
      AddExtension(raw, issuer.get(), NID_authority_key_identifier, "keyid") &&
      (request.dns_names.empty() || AddExtension(raw, issuer.get(), NID_subject_alt_name,
                                                 AlternativeNames(request.dns_names))) &&
      X509_sign(raw, issuer_key.get(), EVP_sha256()) > 0;
  if (!good) return Failed("sign it");
  return Written(raw, key.get());
}

Result<CertificateFacts> ReadCertificate(std::string_view pem) {
  const Certificate certificate = ParseCertificate(pem);
  if (certificate == nullptr) return Failed("read it");
  CertificateFacts facts;
  facts.not_before = ToWall(X509_get0_notBefore(certificate.get()));
  facts.not_after = ToWall(X509_get0_notAfter(certificate.get()));
  facts.dns_names = DnsNamesOf(certificate.get());
  std::string name(256, '\0');
  const int length =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                name.data(), static_cast<int>(name.size()));
  name.resize(static_cast<std::size_t>(std::max(length, 0)));
  facts.common_name = name;
  return facts;
}

std::vector<std::string> SplitCertificates(std::string_view pem) {
  std::vector<std::string> certificates;
  for (std::size_t at = pem.find(kBegin); at != std::string_view::npos; at = pem.find(kBegin)) {
    const std::size_t end = pem.find(kEnd, at);
    if (end == std::string_view::npos) break;
    certificates.push_back(std::string(pem.substr(at, end + kEnd.size() - at)) + "\n");
    pem.remove_prefix(end + kEnd.size());
  }
  return certificates;
}

std::string JoinCertificates(const std::vector<std::string>& certificates) {
  std::string joined;
  for (const std::string& one : certificates) joined += one;
  return joined;
}

bool BelongTogether(const KeyPair& pair) {
  const Certificate certificate = ParseCertificate(pair.certificate_pem);
  const Key key = ParseKey(pair.key_pem);
  const bool good = certificate != nullptr && key != nullptr &&
                    X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return good;
}

std::optional<CertificateFacts> ReadSigned(std::string_view certificate_pem,
                                           std::string_view authority_pem) {
  const Certificate certificate = ParseCertificate(certificate_pem);
  const Certificate issuer = ParseCertificate(authority_pem);
  const Result<CertificateFacts> facts = ReadCertificate(certificate_pem);
  if (certificate == nullptr || issuer == nullptr || !facts) {
    ERR_clear_error();
    return std::nullopt;
  }
  const Key issuer_key(X509_get_pubkey(issuer.get()));
  if (X509_verify(certificate.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return *facts;
}

bool IsCurrent(const CertificateFacts& facts, const CertificateRequest& request, WallTime now) {
  std::vector<std::string> wanted = request.dns_names;
  std::ranges::sort(wanted);
  return facts.common_name == request.common_name && facts.dns_names == wanted &&
         now < facts.renew_at();
}

bool IsCurrent(std::string_view certificate_pem, std::string_view authority_pem,
               const CertificateRequest& request, WallTime now) {
  const std::optional<CertificateFacts> facts = ReadSigned(certificate_pem, authority_pem);
  return facts && IsCurrent(*facts, request, now);
}

}  // namespace foreshard::op
