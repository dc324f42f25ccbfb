#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/scram.h"

// What happens between a connection to a shard and its first use: startup packet, SCRAM with the
// client's key, parameters, and what the shard knows about who owns its ranges. Pure: bytes in,
// bytes out. (Whether the connection is encrypted was settled before: upstream.cpp.)

namespace foreshard::router {

// A row of foreshard.range that moves or moved.
struct KnownRange {
  std::string range_id;
  std::string kind;  // hash, value, keys
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;
  std::string keys;  // PostgreSQL's array text, or empty
  std::string owner;
  std::int64_t epoch = 0;
  bool leased = false;
  std::int64_t migration = 0;
};

// Who uses this session of the shard, and by the table of which epoch (foreshard.connection).
std::string ConnectedSql(std::string_view router, std::int64_t epoch);

class ServerLogin {
 public:
  enum class Next { kMore, kDone, kFailed };
  struct Options {
    std::string user;
    std::string database;
    ScramIdentity identity;
    std::string router;      // our name, for foreshard.connection
    std::int64_t epoch = 0;  // of our table
    std::string nonce;
    std::string binding_hash;  // of the shard's certificate; empty without TLS
    // Said last, so that what is said next finds its tables in this server process; its answers and
    // errors mean nothing. Empty: nothing.
    std::string warm_up{};
    // Also a server that does not ask for SCRAM: its certificate was checked, or the user said so.
    bool believes = false;
  };
  explicit ServerLogin(Options options);

  void Start(std::string* out);
  // Takes whole messages off the front of `*bytes`.
  Next Receive(std::string_view* bytes, std::string* out);

  // After kDone.
  std::uint32_t process_id() const { return process_id_; }
  std::uint32_t secret_key() const { return secret_key_; }
  const std::map<std::string, std::string>& parameters() const { return parameters_; }
  const std::vector<KnownRange>& ranges() const { return ranges_; }
  bool has_foreshard_schema() const { return has_schema_; }
  // Its schema can forget decisions, and so wants to know whom they concern.
  bool forgets_decisions() const { return forgets_; }
  bool in_recovery() const { return in_recovery_; }
  bool text_orders_as_bytes() const { return text_orders_as_bytes_; }

  // After kFailed: PostgreSQL's or ours.
  const std::string& failure_code() const { return failure_code_; }
  const std::string& failure() const { return failure_; }

 private:
  enum class Step { kAuthentication, kParameters, kAsk, kConnected, kRanges, kWarmUp };
  Next Fail(std::string_view code, std::string_view message);
  Next Handle(char type, std::string_view body, std::string* out);
  Next Authentication(std::string_view body, std::string* out);
  Next Ready(std::string* out);
  Next Row(std::string_view body);

  Options options_;
  std::optional<ScramClient> scram_;
  Step step_ = Step::kAuthentication;
  std::uint32_t process_id_ = 0;
  std::uint32_t secret_key_ = 0;
  std::map<std::string, std::string> parameters_;
  std::vector<KnownRange> ranges_;
  bool has_schema_ = false;
  bool forgets_ = false;
  bool in_recovery_ = false;
  bool text_orders_as_bytes_ = false;
  bool proven_ = false;
  std::string failure_code_;
  std::string failure_;
};

}  // namespace foreshard::router
