#include "bench/cutover_flips/registers.h"

#include <fmt/format.h>

#include "migration/mover_work.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kKeys = 8;       // few, so that clients meet
constexpr auto kThink = 10ms;  // they judge; the load is the other clients

int RouterOf(int client) { return client % kRouters + 1; }

double Millis(MonotonicTime time) {
  return std::chrono::duration<double, std::milli>(time.time_since_epoch()).count();
}

}  // namespace

// One client's connection, and what it did.
class Registers::Client {
 public:
  Client(Registers& registers, int number, History& history)
      : registers_(registers), number_(number), history_(history) {}

  // A router that was killed comes back.
  bool Connect(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      connected_ = Now();
      auto made = registers_.fleet_.ConnectToRouter(router());
      if (made) {
        connection_ = std::move(*made);
        return true;
      }
      if (!registers_.fleet_.outages().RouterDied(router(), connected_)) {
        return Fail("connect: " + made.error().message);
      }
      migration::Pause(stop, 20ms);
    }
    return false;
  }

  bool Read(std::int64_t id) {
    begun_ = Now();
    return ReadIn(id);
  }

  bool Write(std::int64_t id) {
    const std::int64_t value = ++registers_.next_value_;
    const MonotonicTime begin = begun_ = Now();
    const auto done = Run("UPDATE accounts SET v = $2 WHERE id = $1", {id, value});
    return Wrote(id, value, begin, done);
  }

  // Reads, then writes, in one transaction: what was read counts even if it is rolled back.
  bool ReadAndWrite(std::int64_t id) {
    begun_ = Now();
    if (const auto begun = Run("BEGIN", {}); !begun) return Refused(begun.error());
    if (!ReadIn(id)) return false;
    if (!connection_->in_transaction()) return true;  // It was refused, and rolled back.
    const std::int64_t value = ++registers_.next_value_;
    const MonotonicTime begin = Now();
    const auto changed = Run("UPDATE accounts SET v = $2 WHERE id = $1", {id, value});
    if (!changed) return Refused(changed.error());
    return Wrote(id, value, begin, Run("COMMIT", {}));
  }

 private:
  MonotonicTime Now() const { return registers_.fleet_.clock().Monotonic(); }
  int router() const { return RouterOf(number_); }

  bool ReadIn(std::int64_t id) {
    const MonotonicTime begin = Now();
    const auto rows = Run("SELECT v FROM accounts WHERE id = $1", {id});
    if (!rows) return Refused(rows.error());
    if (rows->size() != 1) return Fail(fmt::format("{} rows of key {}", rows->size(), id));
    Add(id, {.value = rows->Int(0, 0), .begin = begin, .end = Now()});
    return true;
  }

  void Add(std::int64_t id, const support::RegisterOperation& operation) {
    history_.push_back({id, operation});
  }

  Result<pg::Rows> Run(std::string_view sql, const pg::Parameters& parameters) {
    const Deadline deadline = Deadline::After(registers_.fleet_.clock(), 30s);
    return parameters.empty() ? connection_->Exec(sql, deadline)
                              : connection_->Exec(sql, parameters, deadline);
  }

  bool Wrote(std::int64_t id, std::int64_t value, MonotonicTime begin,
             const Result<pg::Rows>& done) {
    support::RegisterOperation operation{
        .write = true, .value = value, .begin = begin, .end = Now()};
    if (!done) {
      const bool nothing_happened = done.error().code == "40001";
      operation.end = support::RegisterOperation::kNeverAnswered;
      if (!nothing_happened) Add(id, operation);
      return Refused(done.error());
    }
    Add(id, operation);
    return true;
  }

  // 40001 is a promise that nothing happened; anything else is an error that no client should see.
  bool Refused(const Error& error) {
    if (error.code != "40001" || !connection_->alive()) {
      if (registers_.fleet_.outages().Explain(router(), connection_->alive(), error.code,
                                              connected_, begun_)) {
        return false;
      }
      return Fail(error.code + " " + error.message);
    }
    return !connection_->in_transaction() || Run("ROLLBACK", {}).ok();
  }

  bool Fail(const std::string& why) {
    ++registers_.errors_;
    fmt::print(stderr, "error: register client {}: {}\n", number_, why);
    return false;
  }

  Registers& registers_;
  int number_;
  History& history_;
  std::unique_ptr<pg::Connection> connection_;
  MonotonicTime connected_{};
  MonotonicTime begun_{};  // the transaction, or the statement that is one
};

Registers::Registers(const Fleet& fleet, int clients, std::uint64_t seed)
    : fleet_(fleet),
      clients_(clients),
      random_(seed),
      histories_(static_cast<std::size_t>(clients)) {}

Status Registers::Start() {
  if (clients_ == 0) return Ok();
  auto admin = fleet_.Connect(true, "foreshard");
  if (!admin) return admin.error();
  // From the end: the writers take their keys from the beginning.
  const auto rows = (*admin)->Exec(
      fmt::format("SELECT id, v FROM public.accounts WHERE {} ORDER BY id DESC LIMIT {}",
                  kMovingKeys, kKeys),
      fleet_.Soon());
  if (!rows) return rows.error();
  for (std::size_t row = 0; row < rows->size(); ++row)
    initial_[rows->Int(row, 0)] = rows->Int(row, 1);
  for (int number = 0; number < clients_; ++number) {
    threads_.emplace_back([this, number, random = random_.Fork()](const std::stop_token& stop) {
      Work(number, random, stop);
    });
  }
  return Ok();
}

void Registers::Work(int number, Random random, const std::stop_token& stop) {
  Client client(*this, number, histories_[static_cast<std::size_t>(number)]);
  if (!client.Connect(stop)) return;
  std::vector<std::int64_t> ids;
  for (const auto& [id, value] : initial_) ids.push_back(id);
  while (!stop.stop_requested()) {
    const std::int64_t id = ids[random.Below(ids.size())];
    const double way = random.Unit();
    const bool reads = way < 0.6 || RouterOf(number) == kRouters;
    const bool good = reads       ? client.Read(id)
                      : way < 0.8 ? client.Write(id)
                                  : client.ReadAndWrite(id);
    if (!good && !client.Connect(stop)) return;
    migration::Pause(stop, kThink);
  }
}

void Registers::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

std::size_t Registers::operations() const {
  std::size_t count = 0;
  for (const History& history : histories_) count += history.size();
  return count;
}

std::optional<std::string> Registers::Violation(std::int64_t id) const {
  std::vector<support::RegisterOperation> operations;
  for (const History& history : histories_) {
    for (const Entry& entry : history) {
      if (entry.id == id) operations.push_back(entry.operation);
    }
  }
  return support::NotLinearizable(initial_.at(id), operations);
}

std::vector<std::string> Registers::Violations() const {
  std::vector<std::string> violations;
  for (const auto& [id, initial] : initial_) {
    if (const auto why = Violation(id)) violations.push_back(fmt::format("key {}: {}", id, *why));
  }
  return violations;
}

std::string Registers::Story() const {
  const auto wall = [now = fleet_.clock().Wall(),
                     monotonic = fleet_.clock().Monotonic()](MonotonicTime time) {
    return FormatRfc3339Micros(now +
                               std::chrono::duration_cast<WallTime::duration>(time - monotonic));
  };
  std::string story;
  for (const auto& [id, initial] : initial_) {
    if (!Violation(id)) continue;
    for (std::size_t number = 0; number < histories_.size(); ++number) {
      for (const auto& [key, operation] : histories_[number]) {
        if (key != id) continue;
        const bool answered = operation.end != support::RegisterOperation::kNeverAnswered;
        story += fmt::format(
            R"({{"time":"{}","event":"{}","key":{},"value":{},"begun_millis":{:.3f},"answered_millis":{},"router":{}}})"
            "\n",
            wall(operation.begin), operation.write ? "register_write" : "register_read", id,
            operation.value, Millis(operation.begin),
            answered ? fmt::format("{:.3f}", Millis(operation.end)) : "null",
            RouterOf(static_cast<int>(number)));
      }
    }
  }
  return story;
}

}  // namespace foreshard::bench
