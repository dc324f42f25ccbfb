#include "bench/load_generator/run.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "bench/load_generator/keys.h"
#include "pg/connection.h"

namespace foreshard::load {

namespace {

using namespace std::chrono_literals;

constexpr auto kStatementLimit = 30s;  // longer than the router may park (20 s)
constexpr auto kReconnectPause = 50ms;

class Runner {
 public:
  Runner(const RunOptions& options, Ledger earlier, const Clock& clock, std::stop_token stop)
      : options_(options), clock_(clock), stop_(std::move(stop)) {
    result_.ledger = std::move(earlier);
    result_.ledger.resize(static_cast<std::size_t>(options.key_count) + 1);
    result_.windows.resize(static_cast<std::size_t>(options.curve.duration_seconds()) + 61);
    total_ = static_cast<std::uint64_t>(options.curve.Due(options.curve.duration_seconds()));
  }

  RunResult Execute(const std::function<void(double, const Window&)>& progress);

 private:
  void Client(int number);
  double DueTime(std::uint64_t arrival) const;
  Window Merged(int begin, int end) const;
  bool WaitUntil(MonotonicTime time);
  std::unique_ptr<pg::Connection> Connect();
  Result<pg::Rows> Send(pg::Connection& connection, std::int64_t key, Random& random,
                        bool& is_write);
  void Settle(double due, bool good);
  void Fail(const std::string& message);
  double Seconds() const {
    return std::chrono::duration<double>(clock_.Monotonic() - start_).count();
  }

  const RunOptions& options_;
  const Clock& clock_;
  std::stop_token stop_;
  MonotonicTime start_;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> next_{0};
  std::mutex mutex_;  // guards result_ but for ledger entries, which belong to one client each
  std::condition_variable_any wake_;
  RunResult result_;
};

RunResult Runner::Execute(const std::function<void(double, const Window&)>& progress) {
  const WallTime now = clock_.Wall();
  start_ = clock_.Monotonic() +
           std::max<std::chrono::nanoseconds>(options_.start_at - now, std::chrono::nanoseconds(0));
  result_.started_at =
      std::chrono::duration<double>(std::max(options_.start_at, now).time_since_epoch()).count();
  for (std::size_t second = 0; second < result_.windows.size(); ++second) {
    const auto at = static_cast<double>(second);
    result_.windows[second].due = static_cast<std::uint64_t>(options_.curve.Due(at + 1)) -
                                  static_cast<std::uint64_t>(options_.curve.Due(at));
  }
  std::atomic<int> running{options_.clients};
  std::vector<std::jthread> clients;
  for (int i = 0; i < options_.clients; ++i) {
    clients.emplace_back([this, i, &running] {
      Client(i);
      --running;
    });
  }
  for (int second = 1; running > 0; ++second) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, start_ + second * 1s, [&running] { return running == 0; });
    if (!progress || second % kProgressSeconds != 0) continue;
    const Window last = Merged(second - kProgressSeconds, second);
    lock.unlock();
    progress(second, last);
  }
  clients.clear();
  return std::move(result_);
}

// Everything that was due in the seconds [begin, end) and has been answered by now.
Window Runner::Merged(int begin, int end) const {
  Window sum;
  for (int second = begin; second < end; ++second) {
    if (static_cast<std::size_t>(second) >= result_.windows.size()) break;
    const Window& window = result_.windows[static_cast<std::size_t>(second)];
    sum.due += window.due;
    sum.completed += window.completed;
    sum.errors += window.errors;
    sum.latency.Merge(window.latency);
  }
  return sum;
}

// The time at which `arrival` statements are due: the inverse of the curve's integral, by
// bisection.
double Runner::DueTime(std::uint64_t arrival) const {
  double low = 0;
  double high = options_.curve.duration_seconds();
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (options_.curve.Due(middle) < static_cast<double>(arrival) ? low : high) = middle;
  }
  return high;
}

bool Runner::WaitUntil(MonotonicTime time) {
  std::mutex idle;
  std::unique_lock lock(idle);
  std::condition_variable_any timer;
  timer.wait_until(lock, stop_, time, [] { return false; });
  return !stop_.stop_requested();
}

void Runner::Client(int number) {
  Random random(options_.seed * 1'000 + static_cast<std::uint64_t>(number));
  const KeyChooser chooser(options_.key_count, options_.clients, number, options_.hot_share,
                           options_.skew);
  std::unique_ptr<pg::Connection> connection = Connect();
  for (std::uint64_t arrival = next_++; arrival < total_; arrival = next_++) {
    const double due = DueTime(arrival + 1);
    if (!WaitUntil(start_ + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                std::chrono::duration<double>(due))))
      return;
    while (!connection || !connection->alive()) {
      if (connection) {
        const std::lock_guard lock(mutex_);
        ++result_.retryable_disconnects;
      }
      connection = Connect();
      if (!connection && !WaitUntil(clock_.Monotonic() + kReconnectPause)) return;
    }
    const std::int64_t key = chooser.Choose(random);
    KeyAccount& account = result_.ledger[static_cast<std::size_t>(key)];
    const std::uint32_t known = account.acknowledged;
    bool is_write = false;
    const Result<pg::Rows> answer = Send(*connection, key, random, is_write);
    if (!answer) {
      // A connection that ended is counted when it is replaced; everything else is an error a
      // client would see.
      if (connection->alive()) Fail(answer.error().code + " " + answer.error().message);
    } else if (is_write) {
      if (answer->affected() == 1) ++account.acknowledged;
      if (answer->affected() != 1) Fail("an update found no row");
    } else if (answer->columns() == 1) {
      const bool fresh = !answer->empty() && answer->Int(0, 0) >= known;
      if (!fresh) {
        Fail("a read was older than an acknowledged write");
        const std::lock_guard lock(mutex_);
        ++result_.stale_reads;
      }
    }
    Settle(due, answer.ok());
  }
}

std::unique_ptr<pg::Connection> Runner::Connect() {
  Result<std::unique_ptr<pg::Connection>> connection =
      pg::Connection::Connect({.conninfo = options_.conninfo, .application_name = "foreshard-load"},
                              clock_, Deadline::After(clock_, 10s));
  if (!connection) {
    const std::lock_guard lock(mutex_);
    ++result_.retryable_disconnects;
    if (result_.first_error.empty()) result_.first_error = connection.error().message;
    return nullptr;
  }
  return std::move(*connection);
}

Result<pg::Rows> Runner::Send(pg::Connection& connection, std::int64_t key, Random& random,
                              bool& is_write) {
  const Deadline deadline = Deadline::After(clock_, kStatementLimit);
  const double kind = random.Unit();
  is_write = kind < options_.write_share;
  if (is_write) {
    ++result_.ledger[static_cast<std::size_t>(key)].attempted;
    return connection.Exec("UPDATE public.customers SET version = version + 1 WHERE id = $1", {key},
                           deadline);
  }
  if (kind < options_.write_share + options_.check_share) {
    return connection.Exec("SELECT version FROM public.customers WHERE id = $1", {key}, deadline);
  }
  return connection.Exec("SELECT count(*), sum(amount) FROM public.orders WHERE customer_id = $1",
                         {key}, deadline);
}

void Runner::Settle(double due, bool good) {
  const double latency = std::max(0.0, Seconds() - due);
  const std::lock_guard lock(mutex_);
  Window& window =
      result_.windows[std::min(static_cast<std::size_t>(due), result_.windows.size() - 1)];
  ++window.completed;
  if (!good) ++window.errors;
  window.latency.Add(static_cast<std::uint64_t>(latency * 1e6));
}

void Runner::Fail(const std::string& message) {
  const std::lock_guard lock(mutex_);
  ++result_.client_errors;
  if (result_.first_error.empty()) result_.first_error = message;
}

}  // namespace

RunResult Run(const RunOptions& options, Ledger earlier, const Clock& clock,
              const std::function<void(double, const Window&)>& progress, std::stop_token stop) {
  return Runner(options, std::move(earlier), clock, std::move(stop)).Execute(progress);
}

}  // namespace foreshard::load
