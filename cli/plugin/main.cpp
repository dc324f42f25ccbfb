// kubectl-foreshard: the plugin of kubectl. It does nothing useful yet and says so.

#include <fmt/format.h>

#include <cstdio>

int main() {
  fmt::print(stderr,
             "kubectl-foreshard does nothing useful yet. Until it does:\n"
             "  kubectl get shardset,smig,rtab                                      what there is\n"
             "  kubectl get shardset NAME -o jsonpath='{{.status.plan.summary}}'      the plan and its reason\n"
             "  kubectl apply -f deploy/examples/shardmigration.yaml                 a split by hand\n");
  return 2;
}
