#include "inference/circuit_breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::HasSubstr;

class CircuitBreakerTest : public testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.Note(base::Internal("broken"), now_);
  }
  bool Admitted() { return breaker_.Admit(now_).ok(); }

  base::SteadyTime now_ = base::SteadyTime(1h);
  CircuitBreaker breaker_{{.failures = 3, .pause = 1s, .longest_pause = 3s}};
};

TEST_F(CircuitBreakerTest, OpensAfterFailuresInARow) {
  Fail(2);
  EXPECT_TRUE(Admitted());
  breaker_.Note(base::OkStatus(), now_);
  Fail(2);
  EXPECT_TRUE(Admitted());
  Fail(1);
  const base::Status refused = breaker_.Admit(now_);
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("failed 3 times in a row"));
  EXPECT_THAT(refused.message(), HasSubstr("tried again in 1 s"));
}

TEST_F(CircuitBreakerTest, OneCallIsLetThroughAndClosesIt) {
  Fail(3);
  now_ += 1s;
  EXPECT_TRUE(Admitted());
  EXPECT_FALSE(Admitted());
  breaker_.Note(base::OkStatus(), now_);
  EXPECT_TRUE(Admitted());
  EXPECT_FALSE(breaker_.open());
}

TEST_F(CircuitBreakerTest, EachFailedTrialDoublesThePauseUpToTheLongest) {
  Fail(3);
  for (const auto pause : {1s, 2s, 3s, 3s}) {
    now_ += pause - 1ms;
    EXPECT_FALSE(Admitted()) << pause.count();
    now_ += 1ms;
    EXPECT_TRUE(Admitted()) << pause.count();
    Fail(1);
  }
}

TEST_F(CircuitBreakerTest, ALostTrialIsRepeated) {
  Fail(3);
  now_ += 1s;
  EXPECT_TRUE(Admitted());
  now_ += 10s;
  EXPECT_TRUE(Admitted());
}

TEST_F(CircuitBreakerTest, BadRequestsSayNothingOfTheModel) {
  for (int i = 0; i < 100; ++i) {
    breaker_.Note(base::InvalidArgument("index out of range"), now_);
    breaker_.Note(base::DeadlineExceeded("late"), now_);
  }
  EXPECT_TRUE(Admitted());
  Fail(3);
  breaker_.Note(base::InvalidArgument("index out of range"), now_);
  EXPECT_FALSE(Admitted());
}

}  // namespace
}  // namespace slipway::inference
