#include <gtest/gtest.h>

#include "operator/api/value.h"
#include "tests/api/operator_world.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The chart as Helm renders it: accepted by a real API server, and its rights are enough for the
// operator, and no more.

namespace foreshard::api_tests {
namespace {

using std::chrono::seconds;
using support::ChildProcess;
using support::Seen;
using support::WaitFor;

const support::Needs kHelm({"helm"});

struct Said {
  bool good = false;
  std::string output;
  std::string error_output;
};

Said Helm(std::vector<std::string> arguments) {
  std::vector<std::string> command = {support::FindProgram("helm")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto process = ChildProcess::Start({.command = std::move(command)});
  if (!process) return {};
  const auto status = (*process)->Wait(seconds(60));
  return {status.ok() && status->ok(), (*process)->Output(), (*process)->ErrorOutput()};
}

Said Template(std::vector<std::string> more = {}, const std::string& release = "foreshard") {
  std::vector<std::string> arguments = {
      "template",       release, "charts/foreshard", "-n", "foreshard-system",
      "--kube-version", "1.34.0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Helm(arguments);
}

// behaviour-25
TEST(Chart, IsCleanAndRefusesWhatItDoesNotKnow) {
  EXPECT_TRUE(Helm({"lint", "--strict", "charts/foreshard"}).good);
  const Said wrong = Template({"--set", "replica=3"});
  EXPECT_FALSE(wrong.good);
  EXPECT_NE(wrong.error_output.find("replica"), std::string::npos) << wrong.error_output;
  EXPECT_FALSE(Template({"--set", "logLevel=loud"}).good);
  EXPECT_FALSE(Template({"--set", "prometheus.scrapeInterval=often"}).good);
  EXPECT_FALSE(Template({"--set", "statusPage.port=80"}).good);
}

// The page has no log-in: who may forward a port to the pod may read it, and nobody else.
TEST(Chart, TheStatusPageListensOnThePodsLoopbackOnly) {
  const std::string on = Template().output;
  EXPECT_NE(on.find("--status-listen=127.0.0.1:8081\n"), std::string::npos);
  EXPECT_EQ(on.find("containerPort: 8081"), std::string::npos);
  const std::string off = Template({"--set", "statusPage.enabled=false"}).output;
  EXPECT_NE(off.find("--status-listen=off\n"), std::string::npos);
}

// behaviour-23
TEST(Chart, HasNoWildcardAndInOneNamespaceOnlyRoles) {
  for (const Said& rendered :
       {Template(), Template({"--set", "watchNamespace=shop,prometheus.enabled=false"})}) {
    ASSERT_TRUE(rendered.good) << rendered.error_output;
    EXPECT_EQ(rendered.output.find("\"*\""), std::string::npos);
    EXPECT_EQ(rendered.output.find("['*']"), std::string::npos);
  }
  const std::string narrow =
      Template({"--set", "watchNamespace=shop,prometheus.enabled=false"}).output;
  EXPECT_EQ(narrow.find("kind: ClusterRoleBinding"), std::string::npos);
  EXPECT_EQ(narrow.find("webhook"), std::string::npos) << "its configuration is the cluster's";
  EXPECT_NE(narrow.find("--namespace=shop"), std::string::npos);
}

// Whoever may change a webhook's configuration may have the API server send him what others write.
// behaviour-23
TEST(Chart, TheWebhookMayChangeItsOwnConfigurationOnly) {
  const std::vector<std::string> narrow = {
      "--set", "watchNamespace=shop,prometheus.enabled=false,webhook.withWatchNamespace=true"};
  for (const Said& rendered : {Template(), Template(narrow)}) {
    ASSERT_TRUE(rendered.good) << rendered.error_output;
    const std::string& text = rendered.output;
    const std::string rule =
        "  - apiGroups: [admissionregistration.k8s.io]\n"
        "    resources: [validatingwebhookconfigurations]\n"
        "    resourceNames: [foreshard-webhook]\n    verbs: [get, list, watch, patch]\n";
    EXPECT_NE(text.find(rule), std::string::npos);
    EXPECT_EQ(text.find("validatingwebhookconfigurations"),
              text.rfind("validatingwebhookconfigurations"));
    EXPECT_NE(text.find("failurePolicy: Ignore\n"), std::string::npos);
    EXPECT_NE(text.find("--webhook-listen=0.0.0.0:9443\n"), std::string::npos);
  }
  const std::string text = Template(narrow).output;
  EXPECT_NE(text.find("kubernetes.io/metadata.name: shop"), std::string::npos);
  EXPECT_EQ(text.find("kind: ClusterRole\n"), text.rfind("kind: ClusterRole\n")) << "one, for that";
  EXPECT_EQ(Template({"--set", "webhook.enabled=false"}).output.find("webhook"), std::string::npos);
}

// What people set, each as Helm's own --set arguments.
struct Configuration {
  const char* name;
  std::vector<std::string> set;
};

std::vector<Configuration> Configurations() {
  return {
      {"defaults", {}},
      {"one namespace, somebody's Prometheus",
       {"watchNamespace=shop,prometheus.enabled=false,prometheus.url=http://"
        "prometheus.monitoring:9090"}},
      {"Prometheus operator",
       {"serviceMonitor.enabled=true,serviceMonitor.labels.release=kube,serviceMonitor.interval="
        "30s",
        "podMonitor.enabled=true,podMonitor.labels.release=kube,podMonitor.interval=10s",
        "alerts.prometheusRule=true,alerts.ruleLabels.release=kube,alerts.labels.team=data",
        "prometheus.enabled=false"}},
      {"alerts chosen",
       {"alerts.prometheusRule=true,alerts.disabled={ForeshardFailover,ForeshardDiskFills}",
        "alerts.runbookURL=https://example.com/runbooks/"}},
      {"network policies",
       {"networkPolicy.enabled=true,networkPolicy.namespaces={shop}",
        "networkPolicy.scrapers[0].namespaceSelector.matchLabels.name=monitoring",
        "networkPolicy.clients[0].podSelector.matchLabels.app=web"}},
      {"network policies, nobody scrapes",
       {"networkPolicy.enabled=true,watchNamespace=shop,prometheus.enabled=false"}},
      {"one namespace with the webhook, behind a policy",
       {"watchNamespace=shop,prometheus.enabled=false,webhook.withWatchNamespace=true",
        "webhook.port=10250,networkPolicy.enabled=true",
        "networkPolicy.apiServers[0].ipBlock.cidr=10.0.0.0/8"}},
      {"no webhook", {"webhook.enabled=false"}},
      {"one operator on chosen nodes",
       {"replicas=1,logLevel=debug,nodeSelector.disk=ssd,priorityClassName=system-cluster-critical",
        "tolerations[0].key=dedicated,tolerations[0].operator=Exists,podAnnotations.a=b",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
        "matchExpressions[0].key=gpu,affinity.nodeAffinity."
        "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]."
        "operator=DoesNotExist"}},
      {"a registry, and samples that stay",
       {"images.registry=registry.example.com/db,images.tag=v1,images.pullPolicy=Always",
        "images.pullSecrets[0].name=pull,prometheus.storage.size=20Gi",
        "prometheus.storage.storageClassName=fast,prometheus.retention=90d"}},
      {"no dashboards, no page",
       {"statusPage.enabled=false,dashboards.enabled=false,test.namespace=shop,test.timeoutSeconds="
        "60"}},
      {"dashboards in a folder", {"dashboards.annotations.grafana_folder=Databases,replicas=3"}}};
}

std::vector<std::string> Arguments(const Configuration& configuration) {
  std::vector<std::string> arguments;
  for (const std::string& values : configuration.set) {
    arguments.push_back("--set");
    arguments.push_back(values);
  }
  return arguments;
}

// The server knows every field of every kind, so a misspelt one is refused; hooks of `helm test`
// too.
// behaviour-24
TEST(Chart, EveryConfigurationIsAcceptedFieldByField) {
  World().Kubectl({"apply", "--server-side", "-f", "tests/api/monitoring_crds.yaml"});
  World().Kubectl({"wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"});
  for (const char* name_space : {"shop", "foreshard-system"}) {
    // What a controller would make, and what a careful cluster asks of pods.
    World().Kubectl({"-n", name_space, "apply", "--server-side", "-f", "-"},
                    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n");
    World().Kubectl({"label", "--overwrite", "namespace", name_space,
                     "pod-security.kubernetes.io/enforce=restricted"});
  }
  ASSERT_GE(Configurations().size(), 8U);
  for (const Configuration& configuration : Configurations()) {
    SCOPED_TRACE(configuration.name);
    const Said rendered = Template(Arguments(configuration));
    ASSERT_TRUE(rendered.good) << rendered.error_output;
    World().Kubectl({"apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"},
                    rendered.output);
  }
}

// Of templates the server only warns; here each is made a pod.
// behaviour-23
TEST(Chart, ItsPodsPassTheStrictestStandard) {
  World().Kubectl({"label", "--overwrite", "namespace", "foreshard-system",
                   "pod-security.kubernetes.io/enforce=restricted"});
  World().Kubectl({"-n", "foreshard-system", "apply", "--server-side", "-f", "-"},
                  "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n");
  const Said rendered = Template({"--skip-tests"});
  ASSERT_TRUE(rendered.good) << rendered.error_output;
  const auto list = op::ParseJson(
      World().Kubectl({"apply", "--dry-run=client", "-o", "json", "-f", "-"}, rendered.output));
  ASSERT_TRUE(list.ok());
  int pods = 0;
  for (const op::Value& object : (*list)["items"].Items()) {
    const op::Value& pod_template = object.At("spec.template");
    if (!pod_template.is_object()) continue;
    op::Value pod = pod_template;
    pod.Set("apiVersion", "v1").Set("kind", "Pod");
    pod.Member("metadata")
        .Set("name", object.At("metadata.name"))
        .Set("namespace", "foreshard-system");
    pod.Member("spec").Set("serviceAccountName", "default");
    World().Kubectl({"create", "--dry-run=server", "-f", "-"}, op::ToJson(pod));
    EXPECT_TRUE(
        pod.At("spec.containers").Items().at(0).At("securityContext.readOnlyRootFilesystem").Bool())
        << object.At("metadata.name").Text();
    ++pods;
  }
  EXPECT_EQ(pods, 2) << "the operator and its Prometheus";
}

TEST(Chart, RefusesWhatCannotBeMeant) {
  for (const char* wrong :
       {"serviceMonitor.enable=true", "alerts.prometheusRule=yes please",
        "networkPolicy.clients[0].pod=a", "alerts.disabled={NoSuchAlert}",
        "alerts.disabled={ForeshardNoSuchAlert}", "test.timeoutSeconds=1", "dashboards.labels.x=1",
        "resources.limit.cpu=1", "images.pullSecrets[0].nam=a", "watchNamespace=Shop",
        "affinity.node=a", "webhook.port=443", "webhook.failurePolicy=Fail"}) {
    const Said said = Template({"--set", wrong});
    EXPECT_FALSE(said.good) << wrong;
    EXPECT_FALSE(said.error_output.empty());
  }
}

// behaviour-24
TEST(Chart, AlertsCarryTheirPagesAndLabels) {
  const std::string rules = Template({"--set", "alerts.prometheusRule=true", "--set",
                                      "alerts.labels.team=data,alerts.disabled={ForeshardFailover}",
                                      "--set", "alerts.runbookURL=https://example.com/"})
                                .output;
  EXPECT_NE(rules.find("runbook_url: https://example.com/foreshard-breach-now.md"),
            std::string::npos);
  EXPECT_NE(rules.find("team: data"), std::string::npos);
  EXPECT_EQ(rules.find("ForeshardFailover"), std::string::npos) << "in the bundled Prometheus too";
  EXPECT_NE(rules.find("{{ $labels.shard }}"), std::string::npos) << "for Prometheus, not for Helm";
}

// behaviour-23
TEST(Chart, IsAcceptedAndItsRightsAreEnough) {
  const Said rendered = Template({"--set", "prometheus.scrapeInterval=1s", "--skip-tests"});
  ASSERT_TRUE(rendered.good) << rendered.error_output;
  World().Kubectl({"apply", "--server-side", "-f", "-"}, rendered.output);
  support::TemporaryDirectory directory{"chart"};
  const std::string kubeconfig = World().KubeconfigOf("foreshard-operator", directory);
  const auto process = World().StartOperator(
      "chart", {"--kubeconfig=" + kubeconfig, "--lease-name=foreshard-operator"});
  World().Kubectl({"-n", "shop", "apply", "-f", "deploy/examples/quickstart.yaml"});
  EXPECT_TRUE(WaitFor("all is made", seconds(40), [] {
    const auto set = World().Set("quickstart");
    return Seen(World().Count(kube::kStatefulSets) == 2 && World().Count(kube::kDeployments) == 1 &&
                    set.At("status.observedGeneration").Int() > 0,
                op::ToJson(set["status"]));
  }));
  World().Kubectl({"-n", "shop", "delete", "shardset", "quickstart", "--timeout=60s"});
  EXPECT_EQ(process->ErrorOutput().find("forbidden"), std::string::npos) << process->ErrorOutput();
}

// Secret and configuration are named in the rights, so watching them must be by name too.
// behaviour-23
TEST(Chart, TheRightsOfOneNamespaceAreEnoughForItsWebhook) {
  const Said rendered = Template(
      {"--set", "watchNamespace=shop,prometheus.enabled=false,webhook.withWatchNamespace=true",
       "--skip-tests"},
      "narrow");
  ASSERT_TRUE(rendered.good) << rendered.error_output;
  World().Kubectl({"apply", "--server-side", "-f", "-"}, rendered.output);
  support::TemporaryDirectory directory{"narrow"};
  const std::string kubeconfig = World().KubeconfigOf("narrow-operator", directory);
  const auto process = World().StartOperator(
      "narrow", {"--kubeconfig=" + kubeconfig, "--lease-name=narrow-operator", "--namespace=shop",
                 "--webhook-listen=127.0.0.1:0", "--webhook-name=narrow-webhook"});
  const auto has_bundle = [] {
    return !World()
                .Kubectl({"get", "validatingwebhookconfiguration", "narrow-webhook", "-o",
                          "jsonpath={.webhooks[0].clientConfig.caBundle}"})
                .empty();
  };
  const auto serves = [&] {
    return process->ErrorOutput().find("\"webhook_certificate\"") != std::string::npos;
  };
  EXPECT_TRUE(WaitFor("it is told who signed, and served", seconds(40),
                      [&] { return Seen(has_bundle() && serves(), process->ErrorOutput()); }));
  // What is replaced by hand is seen at once.
  World().Kubectl({"-n", "foreshard-system", "patch", "secret", "narrow-webhook", "--type=merge",
                   "-p", R"({"data":{"tls.key":null}})"});
  EXPECT_TRUE(WaitFor("the key is there again", seconds(20), [] {
    return Seen(!World()
                     .Kubectl({"-n", "foreshard-system", "get", "secret", "narrow-webhook", "-o",
                               "jsonpath={.data.tls\\.key}"})
                     .empty());
  }));
  World().Kubectl({"delete", "validatingwebhookconfiguration", "narrow-webhook"});
  EXPECT_EQ(process->ErrorOutput().find("forbidden"), std::string::npos) << process->ErrorOutput();
}

}  // namespace
}  // namespace foreshard::api_tests
