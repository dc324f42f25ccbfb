#include "router/prepared.h"

namespace foreshard::router {

std::string PreparedStatement::ServerName() const { return "fs" + std::to_string(id); }

std::shared_ptr<PreparedStatement> PreparedRegistry::Named(std::string_view sql,
                                                           std::span<const std::uint32_t> types) {
  std::string key(sql);
  key.push_back('\0');
  key.append(reinterpret_cast<const char*>(types.data()), types.size_bytes());
  std::weak_ptr<PreparedStatement>& known = known_[key];
  if (std::shared_ptr<PreparedStatement> alive = known.lock()) return alive;
  auto made = std::make_shared<PreparedStatement>();
  made->id = NextId();
  made->sql = std::string(sql);
  made->types.assign(types.begin(), types.end());
  Normalize(made->sql, made->normalized);
  known = made;
  if (known_.size() >= sweep_at_) Sweep();
  return made;
}

void PreparedRegistry::Sweep() {
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<std::size_t>(1'024, known_.size() * 2);
}

}  // namespace foreshard::router
