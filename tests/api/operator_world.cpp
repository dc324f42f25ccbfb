#include "tests/api/operator_world.h"

#include <algorithm>
#include <sstream>

#include "kube/kubeconfig.h"
#include "kube/rest_api.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::api_tests {
namespace {

using op::Value;
using support::Good;

const support::Needs kNeeds({"kube-apiserver", "etcd", "kubectl"});

OperatorWorld* const kWorld =
    dynamic_cast<OperatorWorld*>(testing::AddGlobalTestEnvironment(new OperatorWorld));

bool IsWrite(const Value& entry) {
  const std::string verb = entry["verb"].Text();
  return verb == "create" || verb == "update" || verb == "patch" || verb == "delete";
}

}  // namespace

OperatorWorld& World() { return *kWorld; }

void OperatorWorld::SetUp() {
  Result<std::unique_ptr<support::ApiServer>> server = support::ApiServer::Create();
  ASSERT_TRUE(Good(server));
  server_ = *std::move(server);
  Kubectl({"apply", "-f", "crds/"});
  Kubectl({"wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"});
  Kubectl({"create", "namespace", "shop"});
  Kubectl({"create", "namespace", "foreshard-system"});
  const Result<kube::ApiAccess> access = kube::ReadKubeconfig(server_->kubeconfig_file());
  ASSERT_TRUE(Good(access));
  Result<std::unique_ptr<kube::KubeApi>> api =
      kube::MakeRestApi({.access = *access, .clock = clock_});
  ASSERT_TRUE(Good(api));
  api_ = *std::move(api);
}

void OperatorWorld::TearDown() {
  api_.reset();
  server_.reset();
}

std::string OperatorWorld::Kubectl(std::vector<std::string> arguments, const std::string& input) {
  const Result<std::string> said = server_->Kubectl(std::move(arguments), input);
  EXPECT_TRUE(Good(said));
  return said ? *said : std::string();
}

Value OperatorWorld::Get(const kube::ResourceKind& kind, const std::string& name) {
  const auto object =
      api_->Get(kind, {"shop", name}, Deadline::After(clock_, std::chrono::seconds(20)));
  EXPECT_TRUE(Good(object));
  if (!object || !*object) return {};
  const Result<Value> parsed = op::ParseJson((*object)->json);
  return parsed ? *parsed : Value();
}

std::vector<Value> OperatorWorld::All(const kube::ResourceKind& kind,
                                      const std::string& label_selector) {
  const auto list = api_->List(
      kind, {.name_space = "shop", .label_selector = label_selector, .field_selector = {}},
      Deadline::After(clock_, std::chrono::seconds(20)));
  EXPECT_TRUE(Good(list));
  std::vector<Value> values;
  if (!list) return values;
  for (const kube::Object& object : list->items) {
    const Result<Value> parsed = op::ParseJson(object.json);
    if (parsed) values.push_back(*parsed);
  }
  return values;
}

std::size_t OperatorWorld::Count(const kube::ResourceKind& kind,
                                 const std::string& label_selector) {
  return All(kind, label_selector).size();
}

std::string OperatorWorld::KubeconfigOf(const std::string& service_account,
                                        const support::TemporaryDirectory& directory) {
  const std::string token = Kubectl({"-n", "foreshard-system", "create", "token", service_account});
  return directory.Write("kubeconfig",
                         "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n "
                         " cluster: {server: '" +
                             server_->url() + "', certificate-authority: '" + server_->ca_file() +
                             "'}\nusers:\n- name: u\n  user: {token: '" + token +
                             "'}\ncontexts:\n- name: c\n  context: {cluster: c, user: u}\n");
}

std::string OperatorWorld::Condition(const std::string& set, const std::string& type,
                                     const char* field) {
  const Value object = Set(set);
  for (const Value& condition : object.At("status.conditions").Items()) {
    if (condition["type"].Text() == type) return condition[field].Text();
  }
  return {};
}

std::string OperatorWorld::Lease(const char* field) {
  const auto lease = api_->Get(kube::kLeases, {"foreshard-system", "foreshard-operator"},
                               Deadline::After(clock_, std::chrono::seconds(20)));
  if (!lease || !*lease) return {};
  const Result<Value> parsed = op::ParseJson((*lease)->json);
  return parsed ? (*parsed)["spec"][field].Text() : "";
}

std::size_t OperatorWorld::Writes() {
  std::istringstream log(support::ReadFile(server_->audit_log_file()));
  std::size_t writes = 0;
  for (std::string line; std::getline(log, line);) {
    const Result<Value> entry = op::ParseJson(line);
    if (!entry || !IsWrite(*entry)) continue;
    if (entry->At("user.username").Text() != "admin") continue;
    if (entry->At("objectRef.resource").Text() != "leases") ++writes;
  }
  return writes;
}

std::unique_ptr<support::ChildProcess> OperatorWorld::StartOperator(const std::string& identity,
                                                                    std::vector<std::string> more) {
  std::vector<std::string> command = {FORESHARD_OPERATOR_PROGRAM, "--listen=127.0.0.1:0",
                                      "--status-listen=127.0.0.1:0",
                                      "--lease-namespace=foreshard-system",
                                      "--identity=" + identity};
  const bool own_access = std::find_if(more.begin(), more.end(), [](const std::string& argument) {
                            return argument.starts_with("--kubeconfig");
                          }) != more.end();
  if (!own_access) command.push_back("--kubeconfig=" + server_->kubeconfig_file());
  command.insert(command.end(), more.begin(), more.end());
  Result<std::unique_ptr<support::ChildProcess>> process =
      support::ChildProcess::Start({.command = std::move(command)});
  EXPECT_TRUE(Good(process));
  return process ? *std::move(process) : nullptr;
}

}  // namespace foreshard::api_tests
