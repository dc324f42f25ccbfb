std::unordered_map<int, int> shards;
void F() {
  for (auto& shard : shards) G(shard);
}
