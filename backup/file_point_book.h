#pragma once

#include <string>

#include "backup/barrier_world.h"

namespace foreshard::backup {

// Points as files in a folder beside the repositories, one folder a set:
//
//   <folder>/<set uid>/intent-7         empty: number 7 is used up
//   <folder>/<set uid>/point-7.json     the point, whole or not there
//
// Intents stay for ever: one that goes could be made again by whoever looked before. Each file is
// on the disk before a call answers. Several processes may use the folder: a number is taken by
// creating its file. Threads: any. Errors: kRetry with the system's reason.
class FilePointBook final : public PointBook {
 public:
  explicit FilePointBook(std::string folder) : folder_(std::move(folder)) {}

  Result<PointNumber> Begin(const std::string& set_uid, Deadline deadline) override;
  Status Keep(const Point& point, Deadline deadline) override;
  // Errors: kGiveUp for a file that is no point.
  Result<std::vector<Point>> List(const std::string& set_uid, Deadline deadline) override;

 private:
  std::string folder_;
};

}  // namespace foreshard::backup
