#pragma once

#include <map>
#include <string>

#include "operator/api/value.h"
#include "operator/builders/names.h"
#include "operator/certificates.h"

namespace foreshard::op {

// A Secret with these texts, without a hash: that of a secret must not stand in an annotation.
Value BuildSecret(const SetName& set, const std::string& name, Component component,
                  const std::map<std::string, std::string>& data);

// What the client needs to connect, all but the password.
std::map<std::string, std::string> ClientData(const SetName& set, const model::ShardSetSpec& spec,
                                              const std::string& password);

// The texts of a Secret as the server sent it; empty where it is none.
std::map<std::string, std::string> SecretData(const Value& secret);

// Of the authority that the operator makes for a set, by which it knows its own.
std::string AuthorityName(const SetName& set);

CertificateRequest RouterCertificate(const SetName& set);
CertificateRequest OperatorCertificate();
// Names of all shards' Services and pods. `shards` ordered, so that the request is the same in
// every pass.
CertificateRequest ShardCertificate(const SetName& set, const std::vector<model::ShardId>& shards);

}  // namespace foreshard::op
