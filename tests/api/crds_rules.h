#pragma once

#include <string>
#include <vector>

#include "kube/kube_api.h"

// Every rule of crds/, as one object that is accepted and one that is refused with its field's
// path.

namespace foreshard::api_tests {

struct SchemaRule {
  std::string name;     // of the test
  std::string path;     // field in the error
  std::string message;  // what the error says
  // JSON merge patches over the kind's base object. `before`: what is there already; "": the rule
  // is about creation.
  std::string before;
  std::string accepted;
  std::string refused;
};

struct RulesOfKind {
  kube::ResourceKind kind;
  std::string base;  // a small valid object
  std::vector<SchemaRule> spec_rules;
  std::vector<SchemaRule> status_rules;  // patches of the status subresource
};

const std::vector<RulesOfKind>& AllRules();

}  // namespace foreshard::api_tests
