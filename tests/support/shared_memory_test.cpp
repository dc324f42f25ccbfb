#include "tests/support/shared_memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "tests/support/temporary_directory.h"

namespace foreshard::support {
namespace {

// A segment of this process, and a folder that says whose it is.
class Segment {
 public:
  explicit Segment(pid_t creator) {
    id_ = shmget(IPC_PRIVATE, 56, IPC_CREAT | 0600);
    CHECK(id_ >= 0, "no segment");
    folder_.Write("postmaster.pid",
                  fmt::format("{}\n/data\n1700000000\n5432\n/tmp\n127.0.0.1\n{:>9} "
                              "{:>9}\nready   \n",
                              creator, IPC_PRIVATE, id_));
  }
  ~Segment() { shmctl(id_, IPC_RMID, nullptr); }

  int id() const { return id_; }
  std::string folder() const { return folder_.path().string(); }
  bool There() const { return Exists({.creator = getpid(), .key = IPC_PRIVATE, .id = id_}); }

 private:
  TemporaryDirectory folder_{"segment"};
  int id_ = -1;
};

TEST(SharedMemory, ASegmentThatNobodyUsesGoes) {
  const Segment segment(getpid());
  ASSERT_TRUE(segment.There());
  RemoveSegment(segment.folder());
  EXPECT_FALSE(segment.There());
}

TEST(SharedMemory, AnothersSegmentThatHasTheNumberNowStays) {
  const Segment segment(getpid() + 1);
  RemoveSegment(segment.folder());
  EXPECT_TRUE(segment.There());
}

TEST(SharedMemory, ASegmentInUseStays) {
  const Segment segment(getpid());
  void* const attached = shmat(segment.id(), nullptr, 0);
  ASSERT_NE(attached, reinterpret_cast<void*>(-1));
  RemoveSegment(segment.folder());
  EXPECT_TRUE(segment.There());
  ASSERT_EQ(shmdt(attached), 0);
}

// A folder's inode makes the key, so it may be a negative number, which the file has as a huge one.
TEST(SharedMemory, ANegativeKeyIsRead) {
  const TemporaryDirectory folder;
  folder.Write("postmaster.pid", "12\n/data\n1\n5432\n/tmp\n*\n18446744072484650000  32771\n");
  const auto segment = SegmentOf(folder.path().string());
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->key, static_cast<key_t>(18446744072484650000UL));
  EXPECT_LT(segment->key, 0);
}

TEST(SharedMemory, AFolderWithoutAServerHasNone) {
  const TemporaryDirectory folder;
  EXPECT_FALSE(SegmentOf(folder.path().string()));
  folder.Write("postmaster.pid", "12\n/data\n");  // written in two turns: it has not come so far
  EXPECT_FALSE(SegmentOf(folder.path().string()));
}

}  // namespace
}  // namespace foreshard::support
