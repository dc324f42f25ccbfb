#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// The settings of one session (SET, startup parameters), kept by the router because the server
// changes from one transaction to the next. What a server has in force is compared by text, so
// equal sessions cost nothing when they share servers.

namespace foreshard::router {

class SessionSettings {
 public:
  // Names are folded as PostgreSQL does. `value` as SHOW would print it.
  void Set(std::string_view name, std::string_view value);
  void Reset(std::string_view name);
  void ResetAll();
  // SET LOCAL: what Find() tells until the transaction ends; servers hear of it otherwise. No
  // value: the default.
  void SetLocal(std::string_view name, std::optional<std::string> value);
  void EndLocals() { locals_.clear(); }
  bool has_locals() const { return !locals_.empty(); }
  std::optional<std::string> Find(std::string_view name) const;
  std::size_t bytes() const { return bytes_; }

  // The statements that bring a server here from any other settings of ours: "RESET ALL; SET …; …".
  // Null: nothing is set.
  const std::shared_ptr<const std::string>& script() const { return script_; }
  // What RESET goes back to: the startup packet. Called once.
  void Begin(std::map<std::string, std::string> initial);

 private:
  void Rebuild();

  std::shared_ptr<const std::string> script_;  // first: each message of a session looks at it
  std::map<std::string, std::optional<std::string>> locals_;
  std::map<std::string, std::string> initial_;
  std::map<std::string, std::string> values_;
  std::size_t bytes_ = 0;
};

// Does a server with `in_force` need the script first?
bool SameSettings(const std::shared_ptr<const std::string>& in_force,
                  const std::shared_ptr<const std::string>& wanted);

// 'it''s' with E where a backslash stands inside.
std::string QuoteLiteral(std::string_view text);
std::string QuoteIdentifier(std::string_view text);

}  // namespace foreshard::router
