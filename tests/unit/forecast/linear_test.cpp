#include "forecast/linear.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::forecast {
namespace {

// y = 3 + 2 x, every tenth row a gross outlier.
struct Line {
  Eigen::MatrixXd x{200, 2};
  Eigen::VectorXd y{200};
  Line() {
    Random random(1);
    for (Eigen::Index i = 0; i < 200; ++i) {
      x(i, 0) = 1;
      x(i, 1) = static_cast<double>(i) / 10;
      y(i) = 3 + 2 * x(i, 1) + 0.01 * random.Normal() + (i % 10 == 0 ? 50 : 0);
    }
  }
};

TEST(Linear, AbsoluteErrorsIgnoreOutliersThatLeastSquaresFollow) {
  const Line line;
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(200);
  const Eigen::VectorXd none = Eigen::VectorXd::Zero(2);
  const Eigen::VectorXd plain = SolveRidge(line.x, line.y, ones, none);
  const Eigen::VectorXd robust =
      SolveAbsolute(line.x, line.y, ones, none, {.rounds = 20, .floor = 0.01});
  EXPECT_GT(plain(0), 6);
  EXPECT_NEAR(robust(0), 3, 0.05);
  EXPECT_NEAR(robust(1), 2, 0.01);
}

TEST(Linear, GroupsAreTheSameAsOneHotColumns) {
  const Line line;
  Groups groups;
  groups.count = 4;
  Eigen::MatrixXd wide(200, 5);
  wide.leftCols(2) = line.x;
  wide.rightCols(3).setZero();
  for (Eigen::Index i = 0; i < 200; ++i) {
    const auto group = static_cast<int>(i * 7 % 4);
    groups.of_row.push_back(group);
    if (group > 0) wide(i, 1 + group) = 1;
  }
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(200);
  const Eigen::VectorXd penalty = Eigen::VectorXd::Constant(5, 0.3);
  const Eigen::VectorXd a = SolveAbsolute(line.x, groups, line.y, ones, penalty, {});
  const Eigen::VectorXd b = SolveAbsolute(wide, line.y, ones, penalty, {});
  ASSERT_EQ(a.size(), b.size());
  EXPECT_LT((a - b).cwiseAbs().maxCoeff(), 1e-9);
}

TEST(Linear, ARepeatedColumnIsNoDisaster) {
  Line line;
  line.x.col(0) = line.x.col(1);
  const Eigen::VectorXd beta =
      SolveRidge(line.x, line.y, Eigen::VectorXd::Ones(200), Eigen::VectorXd::Zero(2));
  EXPECT_TRUE(beta.allFinite());
}

TEST(Linear, MedianOfEvenAndOdd) {
  Eigen::VectorXd odd(3);
  odd << 5, 1, 3;
  EXPECT_EQ(MedianInPlace(odd), 3);
  Eigen::VectorXd even(4);
  even << 5, 1, 3, 4;
  EXPECT_EQ(MedianInPlace(even), 3.5);
  Eigen::VectorXd none;
  EXPECT_EQ(MedianInPlace(none), 0);
}

}  // namespace
}  // namespace foreshard::forecast
