#pragma once

#include "kube/kube_api.h"

// Every kind of object we touch, written once.

namespace foreshard::kube {

inline const ResourceKind kShardSets{"foreshard.dev", "v1alpha1", "shardsets", "ShardSet"};
inline const ResourceKind kShardMigrations{"foreshard.dev", "v1alpha1", "shardmigrations",
                                           "ShardMigration"};
inline const ResourceKind kRoutingTables{"foreshard.dev", "v1alpha1", "routingtables",
                                         "RoutingTable"};
inline const ResourceKind kLoadEvents{"foreshard.dev", "v1alpha1", "loadevents", "LoadEvent"};
inline const ResourceKind kStatefulSets{"apps", "v1", "statefulsets", "StatefulSet"};
inline const ResourceKind kDeployments{"apps", "v1", "deployments", "Deployment"};
inline const ResourceKind kJobs{"batch", "v1", "jobs", "Job"};
inline const ResourceKind kPods{"", "v1", "pods", "Pod"};
inline const ResourceKind kServices{"", "v1", "services", "Service"};
inline const ResourceKind kEndpoints{"", "v1", "endpoints", "Endpoints"};
inline const ResourceKind kSecrets{"", "v1", "secrets", "Secret"};
inline const ResourceKind kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline const ResourceKind kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
inline const ResourceKind kEvents{"", "v1", "events", "Event"};
inline const ResourceKind kPersistentVolumeClaims{"", "v1", "persistentvolumeclaims",
                                                  "PersistentVolumeClaim"};
inline const ResourceKind kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets",
                                                "PodDisruptionBudget"};
inline const ResourceKind kRoles{"rbac.authorization.k8s.io", "v1", "roles", "Role"};
inline const ResourceKind kRoleBindings{"rbac.authorization.k8s.io", "v1", "rolebindings",
                                        "RoleBinding"};
inline const ResourceKind kNetworkPolicies{"networking.k8s.io", "v1", "networkpolicies",
                                           "NetworkPolicy"};
inline const ResourceKind kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline const ResourceKind kNodes{"", "v1", "nodes", "Node", false};
inline const ResourceKind kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline const ResourceKind kCustomResourceDefinitions{
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false};
inline const ResourceKind kValidatingWebhookConfigurations{
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration", false};

}  // namespace foreshard::kube
