#include "kube/line_splitter.h"

#include "base/check.h"

namespace foreshard::kube {

char* LineSplitter::Room(std::size_t size) {
  text_.resize(filled_);
  text_.erase(0, given_);
  filled_ -= given_;
  given_ = 0;
  text_.resize(filled_ + size);
  return text_.data() + filled_;
}

void LineSplitter::Arrived(std::size_t size) {
  CHECK(filled_ + size <= text_.size(), "more than there was room for", size);
  filled_ += size;
}

std::optional<std::string_view> LineSplitter::Next() {
  const std::string_view rest = std::string_view(text_).substr(given_, filled_ - given_);
  const std::size_t begin = rest.find_first_not_of('\n');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = rest.find('\n', begin);
  if (end == std::string_view::npos) return std::nullopt;
  given_ += end + 1;
  return rest.substr(begin, end - begin);
}

}  // namespace foreshard::kube
