#include "operator/builders/secrets.h"

#include <fmt/format.h>

#include "operator/scram_verifier.h"

namespace foreshard::op {

Value BuildSecret(const SetName& set, const std::string& name, Component component,
                  const std::map<std::string, std::string>& data) {
  Value object = NewObject(
      set,
      {.api_version = "v1", .kind = "Secret", .name = name, .component = component, .shard = {}});
  Value encoded = Value::Object();
  for (const auto& [key, text] : data) encoded.Set(key, EncodeBase64(text));
  object.Set("type", "Opaque").Set("data", std::move(encoded));
  return object;
}

std::map<std::string, std::string> ClientData(const SetName& set, const model::ShardSetSpec& spec,
                                              const std::string& password) {
  const std::string host = fmt::format("{}.{}.svc", RouterName(set), set.name_space);
  const std::string database = spec.postgres.database;
  return {{"username", "app"},
          {"password", password},
          {"database", database},
          {"host", host},
          {"port", std::to_string(spec.router.port)},
          {"uri", fmt::format("postgresql://app:{}@{}:{}/{}", password, host, spec.router.port,
                              database)}};
}

std::map<std::string, std::string> SecretData(const Value& secret) {
  std::map<std::string, std::string> data;
  for (const auto& [key, text] : secret["data"].Fields())
    data.emplace(key, DecodeBase64(text.Text()));
  return data;
}

std::string AuthorityName(const SetName& set) {
  return fmt::format("{}.{} CA", set.name, set.name_space);
}

CertificateRequest RouterCertificate(const SetName& set) {
  return {.common_name = RouterName(set), .dns_names = ServiceDnsNames(set, RouterName(set))};
}

CertificateRequest OperatorCertificate() {
  return {.common_name = "foreshard-operator", .dns_names = {}, .server = false, .client = true};
}

CertificateRequest ShardCertificate(const SetName& set, const std::vector<model::ShardId>& shards) {
  CertificateRequest request{.common_name = ShardAccountName(set),
                             .dns_names = {"localhost"},
                             .server = true,
                             .client = true};
  for (const model::ShardId& shard : shards) {
    for (const std::string& service : {ShardName(set, shard), ReplicasName(set, shard)}) {
      for (std::string& name : ServiceDnsNames(set, service))
        request.dns_names.push_back(std::move(name));
    }
    request.dns_names.push_back(fmt::format("*.{}.{}.svc", PodsName(set, shard), set.name_space));
  }
  return request;
}

}  // namespace foreshard::op
