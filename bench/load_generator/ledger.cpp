#include "bench/load_generator/ledger.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

namespace foreshard::load {

Status SaveLedger(const Ledger& ledger, const std::string& path) {
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::trunc);
  file << ledger.size() << '\n';
  for (std::size_t key = 0; key < ledger.size(); ++key) {
    const KeyAccount& account = ledger[key];
    if (account.attempted > 0)
      file << key << ',' << account.attempted << ',' << account.acknowledged << '\n';
  }
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error::GiveUp(fmt::format("{}: cannot be written", path));
  }
  return Ok();
}

Result<Ledger> LoadLedger(const std::string& path) {
  std::ifstream file(path);
  std::size_t size = 0;
  if (!(file >> size)) return Error::GiveUp(fmt::format("{}: is not a ledger", path));
  Ledger ledger(size);
  std::size_t key = 0;
  char comma = 0;
  KeyAccount account;
  while (file >> key >> comma >> account.attempted >> comma >> account.acknowledged) {
    if (key >= size) return Error::GiveUp(fmt::format("{}: key {} is beyond {}", path, key, size));
    ledger[key] = account;
  }
  if (!file.eof()) return Error::GiveUp(fmt::format("{}: damaged after key {}", path, key));
  return ledger;
}

Verdict Judge(const Ledger& ledger, const std::vector<FoundRow>& rows, std::int64_t key_count) {
  Verdict verdict;
  std::vector<std::uint8_t> copies(static_cast<std::size_t>(key_count) + 1);
  for (const FoundRow& row : rows) {
    ++verdict.rows;
    if (row.key < 1 || row.key > key_count) {
      ++verdict.duplicated_rows;  // a row that nobody inserted
      continue;
    }
    const auto key = static_cast<std::size_t>(row.key);
    if (copies[key]++ > 0) ++verdict.duplicated_rows;
    const KeyAccount account = key < ledger.size() ? ledger[key] : KeyAccount{};
    if (row.value < account.acknowledged) verdict.lost_writes += account.acknowledged - row.value;
    if (row.value > account.attempted) verdict.duplicated_writes += row.value - account.attempted;
  }
  for (std::size_t key = 1; key < copies.size(); ++key) {
    if (copies[key] == 0) {
      ++verdict.missing_rows;
      if (key < ledger.size()) verdict.lost_writes += ledger[key].acknowledged;
    }
  }
  for (const KeyAccount& account : ledger) verdict.acknowledged_writes += account.acknowledged;
  return verdict;
}

}  // namespace foreshard::load
