TEST(Log, DISABLED_WritesALine) {}
TEST(Log, Other) { GTEST_SKIP(); }
