#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Places where a test ends the mover, before and after each effect of a migration. Declared once,
// here; a release build has none of them: CrashPoint() is empty there and ArmCrashPoint() refuses.
// The operator has none: each of its effects is one call of a seam, where tests let it die
// (docs/adr/0067).
//
//   CrashPoint(Edge::kBefore, "mover.copy.chunk_commit");   // --crash-at
//   mover.copy.before.chunk_commit:3
//   ... the effect ...
//   CrashPoint(Edge::kAfter, "mover.copy.chunk_commit");

namespace foreshard::migration {

enum class Edge { kBefore, kAfter };

// <program>.<step>.<effect>
inline constexpr std::array<std::string_view, 19> kCrashEffects = {
    "mover.prepare.guards",      "mover.prepare.schema",       "mover.prepare.gate",
    "mover.prepare.publication", "mover.prepare.slot",         "mover.prepare.keeper",
    "mover.copy.chunk_commit",   "mover.catchup.subscription", "mover.catchup.index",
    "mover.catchup.statistics",  "mover.catchup.lag",          "mover.phase.done",
    "mover.cleanup.sessions",    "mover.cleanup.vacuum",       "mover.verify.bucket",
    "mover.cleanup.streams",     "mover.cleanup.delete_batch", "mover.cleanup.triggers",
    "mover.cleanup.rows",
};

// Ends the process with _exit(137), as SIGKILL would, when this is the armed place and its turn has
// come. REQUIRES: `effect` is one of kCrashEffects.
#ifdef FORESHARD_CRASH_POINTS
void CrashPoint(Edge edge, std::string_view effect);
#else
inline void CrashPoint(Edge, std::string_view) {}
#endif

// `argument`: NAME[:nth], NAME as <program>.<step>.<before|after>.<effect>, nth from 1. Errors:
// kGiveUp for an unknown name, and always in a build without crash points. Threads: before any
// CrashPoint().
Status ArmCrashPoint(std::string_view argument);

// All names, both edges: what a test walks.
std::vector<std::string> CrashPointNames();

}  // namespace foreshard::migration
