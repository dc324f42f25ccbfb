#pragma once

#include <string>
#include <utility>
#include <vector>

// What clients say to a server, turn by turn, in the protocol's own messages; for comparing what a
// router and a PostgreSQL answer.

namespace foreshard::router {

struct Turn {
  Turn(std::string said, int answers = 0) : bytes(std::move(said)), messages(answers) {}
  std::string bytes;
  int messages = 0;  // how many come back; 0: all up to ReadyForQuery
};

struct Conversation {
  const char* name;
  std::vector<Turn> turns;
  bool any_shards = true;  // false: several shards refuse it
};

std::vector<Conversation> Conversations();
std::vector<Conversation> Pipelines();
std::vector<Conversation> PipelinesAndTheirEnds();
std::vector<Conversation> ValuesForShards();
std::vector<Conversation> Copies();
std::vector<Conversation> Prepared();

}  // namespace foreshard::router
