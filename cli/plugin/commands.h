#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cli/plugin/output.h"
#include "kube/kube_api.h"
#include "model/migration.h"

// The commands of the plugin. Each prints what it found and answers an exit status: 0 success, 1
// the API (or a program) said no or there is no such object, 2 bad usage or not there yet.

namespace foreshard::plugin {

inline constexpr int kRefused = 1;
inline constexpr int kBadUsage = 2;

// What was typed.
struct Arguments {
  std::string kubeconfig;
  std::string context;
  std::string name_space;
  std::string name;  // of the set, or of the migration
  bool json = false;
  std::string output;
  std::string what_if;
  std::string source;
  std::string destination;
  std::string at;
  std::string from;
  std::string to;
  std::vector<std::string> keys;
  bool dry_run = false;
  bool rehearse = false;
  bool once = false;
  int every_seconds = 2;
  bool plot = false;
  std::string prometheus;
  int hours = 6;
  bool direct = false;
  std::string component;
  std::string migration;
  bool follow = false;
  int tail = 200;
  std::string operator_namespace = "foreshard-system";
  std::string directory;
  bool repair = false;
  bool last = false;
  bool full = false;
  bool list = false;
  bool yes = false;
  std::string point;
  std::string right_copy;
  int timeout_seconds = 3'600;
  std::string file;
  std::vector<std::string> shares;  // "SHARD=0.7"
  double write_share = 0.2;
  std::vector<std::string> words;  // for another program
};

// Where we run.
struct Surroundings {
  bool terminal = false;  // standard output is one
  bool colours = false;
  bool answers = false;  // standard input is one: a question can be asked
  int width = 80;
};

// A message, and lines that say what to try next.
int Complain(int status, const std::string& message, const std::string& advice = "");

int ShowStatus(Arguments& arguments);
int Plan(Arguments& arguments);
int Top(Arguments& arguments, const Surroundings& where);
int Forecast(Arguments& arguments, const Surroundings& where);
int Create(Arguments& arguments, model::MigrationType type);
int Switch(Arguments& arguments, const std::string& field, bool value);
int Psql(Arguments& arguments);
int Logs(Arguments& arguments);
int MakeReport(Arguments& arguments);
// 0 only if it was made, or shown.
int Backup(Arguments& arguments, const Surroundings& where);
// 0 only if it was made, or the points were shown.
int Restore(Arguments& arguments, const Surroundings& where);
// 0 only if it was loaded, or written to a file.
int ImportHistory(Arguments& arguments);
// 0 only if a look has ended and found nothing, or all of it was repaired.
int Verify(Arguments& arguments, const Surroundings& where);

// The names that could stand where a SHARDSET or a MIGRATION is typed; none if the API does not
// answer.
std::vector<std::string> Names(Arguments& arguments, const std::string& placeholder);

}  // namespace foreshard::plugin
