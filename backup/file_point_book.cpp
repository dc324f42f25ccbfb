#include "backup/file_point_book.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "backup/point_json.h"

namespace foreshard::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIntent = "intent-";
constexpr std::string_view kPoint = "point-";
constexpr std::string_view kEnd = ".json";
constexpr int kTries = 100;  // others that take a number at the same time

Error Failed(std::string_view what, const fs::path& path) {
  return Error::Retry(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)));
}

// The number in "<head>7<end>"; none for other names.
std::optional<std::int64_t> NumberIn(std::string_view name, std::string_view head,
                                     std::string_view end) {
  if (!name.starts_with(head) || !name.ends_with(end)) return std::nullopt;
  name.remove_prefix(head.size());
  name.remove_suffix(end.size());
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || stop != name.data() + name.size() || number < 1) return std::nullopt;
  return number;
}

class File {
 public:
  File(const fs::path& path, int flags) : number_(open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool good() const { return number_ >= 0; }
  bool Sync() const { return fsync(number_) == 0; }
  bool Write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = write(number_, text.data(), text.size());
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

 private:
  int number_;
};

// A new name is on the disk when its folder is.
Status SyncFolder(const fs::path& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  return file.good() && file.Sync() ? Ok() : Status(Failed("write", folder));
}

Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return Error::Retry(fmt::format("cannot make {}: {}", folder.string(), error.message()));
  return SyncFolder(folder.parent_path());
}

// Numbers of files of one kind, in ascending order; none where there is no folder.
Result<std::vector<std::int64_t>> Numbers(const fs::path& folder, std::string_view head,
                                          std::string_view end) {
  std::vector<std::int64_t> numbers;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), last; !error && at != last; at.increment(error)) {
    if (const auto number = NumberIn(at->path().filename().string(), head, end)) {
      numbers.push_back(*number);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error::Retry(fmt::format("cannot read {}: {}", folder.string(), error.message()));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::string> Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file.is_open() || file.bad()) return Failed("read", path);
  return text;
}

}  // namespace

Result<PointNumber> FilePointBook::Begin(const std::string& set_uid, Deadline) {
  const fs::path folder = fs::path(folder_) / set_uid;
  if (const Status made = MakeFolder(folder); !made) return made.error();
  const auto intents = Numbers(folder, kIntent, "");
  const auto points = Numbers(folder, kPoint, kEnd);
  if (!intents) return intents.error();
  if (!points) return points.error();
  std::int64_t highest = 0;
  for (const auto* numbers : {&*intents, &*points}) {
    if (!numbers->empty()) highest = std::max(highest, numbers->back());
  }
  for (int attempt = 1; attempt <= kTries; ++attempt) {
    const fs::path path = folder / fmt::format("{}{}", kIntent, highest + attempt);
    const File file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.good() && errno == EEXIST) continue;
    if (!file.good() || !file.Sync()) return Failed("write", path);
    if (const Status synced = SyncFolder(folder); !synced) return synced.error();
    return PointNumber{highest + attempt};
  }
  return Error::Retry(fmt::format("{}: others take every number", folder.string()));
}

// Written under another name first: a point is whole or not there. A link, unlike a new name for a
// file, never takes the place of what is there.
Status FilePointBook::Keep(const Point& point, Deadline) {
  const fs::path folder = fs::path(folder_) / point.state.set_uid;
  const fs::path path = folder / fmt::format("{}{}{}", kPoint, point.number, kEnd);
  const fs::path draft = folder / fmt::format("draft-{}-{}", point.number, getpid());
  const std::string text = PointToJson(point);
  if (const Status made = MakeFolder(folder); !made) return made;
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.good() || !file.Write(text) || !file.Sync()) return Failed("write", draft);
  }
  const bool linked = link(draft.c_str(), path.c_str()) == 0;
  const int problem = linked ? 0 : errno;
  unlink(draft.c_str());
  if (linked) return SyncFolder(folder);
  errno = problem;
  if (problem != EEXIST) return Failed("write", path);
  const Result<std::string> there = Read(path);
  if (!there) return there.error();
  if (*there != text) return Error::Fenced(fmt::format("{} is another point", path.string()));
  return SyncFolder(folder);
}

Result<std::vector<Point>> FilePointBook::List(const std::string& set_uid, Deadline) {
  const fs::path folder = fs::path(folder_) / set_uid;
  const auto numbers = Numbers(folder, kPoint, kEnd);
  if (!numbers) return numbers.error();
  std::vector<Point> points;
  for (const std::int64_t number : *numbers) {
    const fs::path path = folder / fmt::format("{}{}{}", kPoint, number, kEnd);
    const Result<std::string> text = Read(path);
    if (!text) return text.error();
    Result<Point> point = PointFromJson(*text);
    if (!point) {
      return Error::GiveUp(fmt::format("{}: {}", path.string(), point.error().message));
    }
    points.push_back(*std::move(point));
  }
  return points;
}

}  // namespace foreshard::backup
