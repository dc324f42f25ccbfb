#pragma once

#include <string>

#include "base/deadline.h"
#include "base/result.h"

namespace foreshard::migration {

// Runs `program` (pg_dump, looked up in PATH and in PostgreSQL's own folders) and answers the
// statements that make everything of the database but rows, indexes, constraints and triggers: its
// section "pre-data", without schema foreshard. The text is one piece that must be run as a whole:
// bodies of functions may contain anything.
//
// Errors: kGiveUp (SchemaDump) with pg_dump's own words.
Result<std::string> DumpSchema(const std::string& program, const std::string& conninfo,
                               const Clock& clock, Deadline deadline);

// Drops the lines that are meant for psql alone: \restrict at the head and \unrestrict at the end.
std::string WithoutMetaCommands(std::string text);

}  // namespace foreshard::migration
