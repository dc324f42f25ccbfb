#include "cli/forecast/picture.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace foreshard::cli {

namespace {

Status WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  return file ? Ok() : Error::GiveUp(fmt::format("{}: cannot be written", path));
}

Status Draw(const std::string& svg_file, const std::string& path) {
  std::array<std::string, 6> words = {"rsvg-convert", "--format", "png",
                                      "--output",     path,       svg_file};
  std::array<char*, 7> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  pid_t child = -1;
  const int failed =
      posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
  if (failed != 0) {
    return Error::GiveUp(
        fmt::format("{}: a .png is drawn by rsvg-convert ({}); install the package "
                    "librsvg2-bin, or write an .svg",
                    path, std::strerror(failed)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ok();
  return Error::GiveUp(fmt::format("{}: rsvg-convert did not draw it", path));
}

}  // namespace

bool IsPicture(const std::string& path) { return path.ends_with(".svg") || path.ends_with(".png"); }

Status WritePicture(const std::string& path, const std::string& svg) {
  if (path.ends_with(".svg")) return WriteBytes(path, svg);
  if (!path.ends_with(".png"))
    return Error::GiveUp(fmt::format("{}: a picture ends with .svg or .png", path));
  std::string name = path + ".XXXXXX";
  const int file = ::mkstemp(name.data());
  if (file < 0) return Error::GiveUp(fmt::format("{}: {}", path, std::strerror(errno)));
  ::close(file);
  Status drawn = WriteBytes(name, svg);
  if (drawn) drawn = Draw(name, path);
  ::unlink(name.c_str());
  return drawn;
}

}  // namespace foreshard::cli
