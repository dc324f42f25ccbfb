std::unordered_map<int, int> shards;
std::map<int, int> sorted;
int Sum() {
  int sum = 0;
  for (const auto& [id, load] : shards) sum += load;
  for (const auto& [id, load] : sorted) sum += load;
  return sum + shards.at(1);
}
