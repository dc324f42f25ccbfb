TEST(Log, DoesNotCrash) {
  Log("x");
}

TEST(Log, WritesALine) {
  EXPECT_EQ(Line(), "x");
}

TEST_F(Log, OnlyCommentsExpect) {
  // EXPECT_EQ(1, 1);
}
