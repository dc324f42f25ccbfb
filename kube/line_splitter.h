#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace foreshard::kube {

// Lines out of the pieces in which a watch arrives. Threads: one.
class LineSplitter {
 public:
  // Where the next `size` bytes may be put. Ends the life of lines that were given out.
  char* Room(std::size_t size);
  // So many of them came.
  void Arrived(std::size_t size);

  // The next whole line without its end; nothing until more has arrived. Empty lines are left out.
  std::optional<std::string_view> Next();

 private:
  std::string text_;
  std::size_t filled_ = 0;  // of text_
  std::size_t given_ = 0;   // of those
};

}  // namespace foreshard::kube
