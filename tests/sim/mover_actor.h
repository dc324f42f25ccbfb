#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "migration/phase.h"
#include "migration/spec.h"
#include "tests/fakes/fake_shard.h"

// A mover as migration/README.md describes it, on fake servers: it looks in one step and acts in
// the next, with the tokens it saw. Killing it forgets what it had in mind; the rows are all it
// resumes from.

namespace foreshard::sim {

class MoverActor {
 public:
  MoverActor(migration::MigrationSpec spec, fakes::FakeServer& source,
             fakes::FakeServer& destination, const Clock& clock);

  void Step(Random& random);

  bool clean_up_with_live_slot = false;  // a planted bug
  std::function<void(const std::string&)> on_violation = [](const std::string&) {};
  std::function<void(const std::string&)> on_event = [](const std::string&) {};

 private:
  using Effect = std::function<void()>;
  struct Thought {
    std::string name;
    Effect effect;
    model::Token source_token;
    model::Token destination_token;
    std::int64_t source_timeline = 0;
    std::int64_t destination_timeline = 0;
  };

  std::optional<Thought> Think(Random& random);
  std::optional<Effect> Prepare(std::string& name);
  std::optional<Effect> Copy(std::string& name);
  std::optional<Effect> CatchUp(std::string& name);
  std::optional<Effect> Verify(std::string& name);
  std::optional<Effect> Measure(std::string& name);
  std::optional<Effect> Watch(std::string& name);
  std::optional<Effect> Soak(std::string& name);
  std::optional<Effect> CleanUp(std::string& name);
  std::optional<Effect> Abort(std::string& name);
  std::optional<Effect> DropStreams(std::string& name);
  std::optional<Effect> DeleteRows(fakes::FakeServer& loser, fakes::FakeServer& owner,
                                   std::string& name);
  std::optional<Effect> EndOlderSessions(fakes::FakeServer& loser, fakes::FakeServer& owner,
                                         std::string& name);
  std::optional<Effect> DropGates(std::string& name);
  Effect Done();
  void Differs(const std::string& what);
  void Report(std::int64_t lag_millis);

  fakes::FakeMigration& Row(fakes::FakeServer& server) {
    return server.migrations.at(spec_.number.value);
  }
  bool CaughtUp(fakes::FakeServer& from, fakes::FakeServer& to, const std::string& stream) const;
  bool Same() const;

  migration::MigrationSpec spec_;
  fakes::FakeServer& source_;
  fakes::FakeServer& destination_;
  const Clock& clock_;
  fakes::KeyMask keys_;
  std::string forward_;
  std::string reverse_;
  std::optional<Thought> thought_;
  std::optional<MonotonicTime> closed_seen_;
  model::Token sessions_ended_{-1};
};

}  // namespace foreshard::sim
