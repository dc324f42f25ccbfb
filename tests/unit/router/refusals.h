#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {

// Where a statement goes, or the SQLSTATE and the words of its refusal.
inline std::string AnswerTo(const std::string& text) {
  const World::Routed routed = World().Go(text);
  const Refusal& why = routed.decision.refusal;
  return routed.decision.kind == RouteKind::kRefused ? why.sqlstate + " " + why.message
                                                     : Where(routed.decision);
}

inline void ExpectRefused(const std::string& text, const std::string& message) {
  const std::string answer = AnswerTo(text);
  EXPECT_TRUE(answer.starts_with("0A000 ")) << text << "\n" << answer;
  EXPECT_NE(answer.find(message), std::string::npos) << text << "\n" << answer;
}

}  // namespace foreshard::router
