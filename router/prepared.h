#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "router/normalize.h"
#include "router/statement.h"

// Prepared statements of clients. Sessions share servers, so a named statement gets a name of ours,
// the same for the same text in all sessions of a thread, and is prepared on each server when it is
// first used there.

namespace foreshard::router {

struct PreparedStatement {
  std::uint64_t id =
      0;  // unique in the thread; on servers its name is "fs<id>", but the unnamed one has no name
  std::uint64_t plan_context = 0;  // fingerprint it was classified under
  std::shared_ptr<const Statement> statement;
  Normalized normalized;             // of sql
  std::vector<std::uint32_t> types;  // OIDs as Parse declared them
  std::string sql;

  std::string ServerName() const;
};

// Threads: one owner (each event loop has its own). A statement lives as long as a session holds
// it.
class PreparedRegistry {
 public:
  std::shared_ptr<PreparedStatement> Named(std::string_view sql,
                                           std::span<const std::uint32_t> types);
  std::uint64_t NextId() { return ++last_id_; }
  std::size_t size() const { return known_.size(); }

 private:
  void Sweep();

  std::unordered_map<std::string, std::weak_ptr<PreparedStatement>> known_;  // by text and types
  std::size_t sweep_at_ = 1'024;
  std::uint64_t last_id_ = 0;
};

}  // namespace foreshard::router
