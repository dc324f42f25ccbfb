#include "kube/line_splitter.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace foreshard::kube {
namespace {

// Cut into three pieces at every pair of bytes, it is always the same.
TEST(LineSplitter, HoweverItIsCutTheLinesAreTheSame) {
  const std::string text =
      "{\"a\":1}\n\n{\"b\":2}\n{\"long\":\"" + std::string(40, 'x') + "\"}\nrest";
  const std::vector<std::string> expected = {"{\"a\":1}", "{\"b\":2}",
                                             "{\"long\":\"" + std::string(40, 'x') + "\"}"};
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      LineSplitter splitter;
      std::vector<std::string> lines;
      const std::size_t cuts[] = {0, first, second, text.size()};
      for (int i = 0; i < 3; ++i) {
        const std::size_t size = cuts[i + 1] - cuts[i];
        std::memcpy(splitter.Room(size + 7), text.data() + cuts[i], size);
        splitter.Arrived(size);  // less than there was room for
        while (const auto line = splitter.Next()) lines.emplace_back(*line);
      }
      ASSERT_EQ(lines, expected) << first << " " << second;
    }
  }
}

}  // namespace
}  // namespace foreshard::kube
