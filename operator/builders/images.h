#pragma once

#include <string>

namespace foreshard::op {

// What an installation chooses for all sets: flags of the operator.
struct Images {
  std::string postgres = "localhost/foreshard-postgres:dev";
  std::string router = "localhost/foreshard-router:dev";
  std::string mover = "localhost/foreshard-mover:dev";
  std::string pull_policy = "IfNotPresent";
  int postgres_uid = 999;  // of user postgres in the image: initdb looks it up
  int postgres_gid = 999;
  int program_uid = 65532;  // routers and movers run as anybody
};

}  // namespace foreshard::op
