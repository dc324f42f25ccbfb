// behaviour-01
TEST(Idle, WritesNothing) { EXPECT_TRUE(true); }

// behaviour-01 behaviour-04
// which nobody wrote down for the first
TEST(Ready, IsTold) { EXPECT_TRUE(true); }

TEST(Kill, Survives) { EXPECT_TRUE(true); }
