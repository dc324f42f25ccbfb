#include "bench/load_generator/target.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdint>
#include <optional>

#include "pg/conninfo.h"

namespace foreshard::load {

namespace {

std::optional<std::uint32_t> ParseAddress(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

// "10.96.0.0/16". Nothing shorter than /8 is taken: that would be most of the world.
std::optional<bool> InNetwork(std::uint32_t address, const std::string& network) {
  const std::size_t slash = network.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::optional<std::uint32_t> base = ParseAddress(network.substr(0, slash));
  unsigned bits = 0;
  const auto parsed =
      std::from_chars(network.data() + slash + 1, network.data() + network.size(), bits);
  if (!base || parsed.ec != std::errc() || bits < 8 || bits > 32) return std::nullopt;
  const std::uint32_t mask = ~std::uint32_t{0} << (32 - bits);
  return (address & mask) == (*base & mask);
}

}  // namespace

Status CheckTarget(const std::string& conninfo, const std::vector<std::string>& networks) {
  const Result<pg::Conninfo> parsed = pg::Conninfo::Parse(conninfo);
  if (!parsed) return parsed.error();
  std::string host(parsed->Get("hostaddr"));
  if (host.empty()) host = std::string(parsed->Get("host"));
  if (host == "::1") return Ok();
  const std::optional<std::uint32_t> address = ParseAddress(host);
  if (address) {
    if (*address >> 24 == 127) return Ok();
    for (const std::string& network : networks) {
      const std::optional<bool> inside = InNetwork(*address, network);
      if (!inside)
        return Error::GiveUp(
            fmt::format("--network {}: expected an IPv4 network like 10.96.0.0/16", network));
      if (*inside) return Ok();
    }
  }
  return Error::GiveUp(fmt::format(
      "host '{}' is refused: load goes only to a numeric loopback address or into --network ({})",
      host, networks.empty() ? "none given" : fmt::format("{}", fmt::join(networks, ", "))));
}

}  // namespace foreshard::load
