#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "kube/kinds.h"
#include "operator/builders/secrets.h"
#include "operator/shards/ca_files.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/tls_web_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

// Routers of the set shop/orders: pods in an API server in memory, each with an admin port of its
// own on an address of loopback, since the port of a router is always the same.

namespace foreshard::op {

class RouterPods {
 public:
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(20)); }

  // The Secret that the operator talks with, issued by `signer`.
  void WriteOperatorSecret(const KeyPair& signer) {
    const KeyPair own = *IssueCertificate(signer, OperatorCertificate(), clock.Wall());
    WriteSecret({{"ca.crt", signer.certificate_pem},
                 {"tls.crt", own.certificate_pem},
                 {"tls.key", own.key_pem}});
  }
  void WriteSecret(const std::map<std::string, std::string>& data) {
    const Value secret = BuildSecret(set, OperatorTlsSecret(set), Component::kRouter, data);
    EXPECT_TRUE(support::Good(
        kube.Apply(kube::kSecrets, {"shop", OperatorTlsSecret(set)}, ToJson(secret), {}, Soon())));
  }

  void AddPod(const std::string& name, const std::string& address, const char* phase = "Running",
              const std::string& of_set = "orders") {
    const SetName other{.name_space = "shop", .name = of_set, .uid = {}};
    Value metadata = Value::Object({{"name", name},
                                    {"namespace", "shop"},
                                    {"finalizers", Value::Array({"test/keep"})},
                                    {"labels", Labels(other, Component::kRouter, {})}});
    const Value pod =
        Value::Object({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(metadata)}});
    EXPECT_TRUE(support::Good(kube.Create(kube::kPods, {"shop", name}, ToJson(pod), Soon())));
    EXPECT_TRUE(support::Good(
        kube.Patch(kube::kPods, {"shop", name},
                   fmt::format(R"({{"status":{{"phase":"{}","podIP":"{}"}}}})", phase, address),
                   {.subresource = "status", .field_manager = "test"}, Soon())));
  }

  // A running router that answers; its certificate is of `signer`.
  std::unique_ptr<fakes::TlsWebServer> AddRouter(
      const std::string& name, const KeyPair& signer,
      std::function<std::optional<std::string>(const std::string&)> answer) {
    const KeyPair own = *IssueCertificate(signer, RouterCertificate(set), clock.Wall());
    for (;;) {
      const std::string address = NextAddress();
      auto server = fakes::TlsWebServer::Start({.certificate_pem = own.certificate_pem,
                                                .key_pem = own.key_pem,
                                                .client_authority_pem = signer.certificate_pem,
                                                .host = address,
                                                .port = kRouterAdminPort,
                                                .answer = answer});
      if (!server) continue;  // somebody else's
      AddPod(name, address);
      return *std::move(server);
    }
  }

  // 127.x.y.z that nobody else should have.
  std::string NextAddress() {
    const int own = getpid();
    return fmt::format("127.{}.{}.{}", 1 + own / 250 % 250, 1 + own % 250, ++addresses_);
  }

  SystemClock clock;
  KeyPair authority = *MakeAuthority("orders CA", clock.Wall());
  fakes::FakeKubeApi kube{clock};
  support::TemporaryDirectory directory{"router-pods"};
  CaFiles files{directory.File("ca")};
  const SetName set{.name_space = "shop", .name = "orders", .uid = {}};

 private:
  int addresses_ = 1;
};

}  // namespace foreshard::op
