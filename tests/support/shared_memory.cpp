#include "tests/support/shared_memory.h"

#include <sys/ipc.h>
#include <sys/shm.h>

#include <chrono>
#include <sstream>

#include "tests/support/await.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

std::optional<shmid_ds> Look(const ServerSegment& segment) {
  shmid_ds seen{};
  if (shmctl(segment.id, IPC_STAT, &seen) != 0) return std::nullopt;
  if (seen.shm_perm.__key != segment.key || seen.shm_cpid != segment.creator) return std::nullopt;
  return seen;
}

}  // namespace

// The file's first line is the server's process, its seventh the key and number of the segment.
std::optional<ServerSegment> SegmentOf(const std::string& data_directory) {
  std::istringstream text(ReadFile(data_directory + "/postmaster.pid"));
  ServerSegment segment;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    std::istringstream words(line);
    if (number == 1 && !(words >> segment.creator)) return std::nullopt;
    if (number != 7) continue;
    unsigned long key = 0;  // of an int that may be negative
    if (!(words >> key >> segment.id)) return std::nullopt;
    segment.key = static_cast<key_t>(key);
    return segment;
  }
  return std::nullopt;
}

bool Exists(const ServerSegment& segment) { return Look(segment).has_value(); }

void RemoveSegment(const std::string& data_directory) {
  const std::optional<ServerSegment> segment = SegmentOf(data_directory);
  if (!segment) return;
  const Status alone = Await("nobody is attached to the segment", 5s, [&] {
    const std::optional<shmid_ds> seen = Look(*segment);
    return Seen(!seen || seen->shm_nattch == 0);
  });
  // In use after all: the folder's owner knows best, and a segment is small.
  if (alone && Exists(*segment)) shmctl(segment->id, IPC_RMID, nullptr);
}

}  // namespace foreshard::support
