#include <support/catch.hpp>

#include <runner_retry.hpp>

using namespace sg;
using namespace sg::jobs;

TEST_CASE("failures are told apart by what helps against them") {
    const auto of = [](Errc code, const char* stage) {
        return retry_class_of(Error{code, "x"}, stage, false);
    };
    CHECK(of(Errc::kIo, "encode") == RetryClass::kTransient);
    CHECK(of(Errc::kTimeout, "encode") == RetryClass::kTransient);
    CHECK(of(Errc::kNoSpace, "encode") == RetryClass::kResource);
    CHECK(of(Errc::kLimit, "encode") == RetryClass::kResource);
    CHECK(of(Errc::kLimit, "index") == RetryClass::kInput);
    CHECK(of(Errc::kBadData, "index") == RetryClass::kInput);
    CHECK(of(Errc::kNotFound, "open") == RetryClass::kInput);
    CHECK(of(Errc::kPermission, "open") == RetryClass::kInput);
    CHECK(of(Errc::kMismatch, "encode") == RetryClass::kInput);
    CHECK(of(Errc::kMismatch, "verify") == RetryClass::kBug);
    CHECK(of(Errc::kCrashed, "encode") == RetryClass::kBug);
    CHECK(of(Errc::kInternal, "encode") == RetryClass::kBug);
    CHECK(retry_class_of(Error{Errc::kCrashed, "x"}, "encode", true) == RetryClass::kTransient);
}

TEST_CASE("inputs at fault are not retried, bugs once, the rest as often as allowed") {
    CHECK_FALSE(worth_retrying(RetryClass::kInput, 1, 3));
    CHECK_FALSE(worth_retrying(RetryClass::kNone, 1, 3));
    CHECK(worth_retrying(RetryClass::kBug, 1, 3));
    CHECK_FALSE(worth_retrying(RetryClass::kBug, 2, 3));
    CHECK_FALSE(worth_retrying(RetryClass::kBug, 1, 1));
    CHECK(worth_retrying(RetryClass::kTransient, 2, 3));
    CHECK_FALSE(worth_retrying(RetryClass::kTransient, 3, 3));
    CHECK(worth_retrying(RetryClass::kResource, 2, 3));
}

TEST_CASE("a retry by hand begins a new series") {
    Job job;
    Attempt failed;
    failed.outcome = "failed";
    Attempt lost;
    lost.outcome = "lost";
    job.attempts = {failed, lost, failed};
    CHECK(failures_in_series(job) == 1);
    job.retry_class = RetryClass::kTransient;
    CHECK(failures_in_series(job) == 3);
}

TEST_CASE("back-off grows, with chance in it, and waits longer for room") {
    using std::chrono::milliseconds;
    const milliseconds base{1000};
    CHECK(backoff(RetryClass::kTransient, 1, base, 0.5) == base);
    CHECK(backoff(RetryClass::kTransient, 2, base, 0.5) == 3 * base);
    CHECK(backoff(RetryClass::kTransient, 3, base, 0.5) == 9 * base);
    CHECK(backoff(RetryClass::kResource, 1, base, 0.5) == 8 * base);
    CHECK(backoff(RetryClass::kTransient, 1, base, 0.0) == milliseconds(700));
    CHECK(backoff(RetryClass::kTransient, 1, base, 1.0) == milliseconds(1300));
    CHECK(backoff(RetryClass::kTransient, 1000, base, 1.0) < std::chrono::hours(3));
}
