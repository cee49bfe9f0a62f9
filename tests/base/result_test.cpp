#include <memory>
#include <string>

#include <base/result.hpp>
#include <support/catch.hpp>

using sg::Errc;
using sg::Error;
using sg::Result;
using sg::Status;

namespace {

Result<int> half(int value) {
    if (value % 2 != 0) return Error{Errc::kInvalidArgument, "odd"};
    return value / 2;
}

Result<int> quarter(int value) {
    SG_TRY_ASSIGN(const auto once, half(value));
    SG_TRY_ASSIGN(const auto twice, half(once));
    return twice;
}

Status even(int value) {
    if (value % 2 != 0) return Error{Errc::kLimit, "not even"};
    return {};
}

Status both_even(int a, int b) {
    SG_TRY(even(a));
    SG_TRY(even(b));
    return {};
}

}  // namespace

TEST_CASE("result: a value or an error", "[base]") {
    REQUIRE(half(4));
    CHECK(*half(4) == 2);
    REQUIRE_FALSE(half(3));
    CHECK(half(3).error().code == Errc::kInvalidArgument);
    CHECK(half(3).value_or(7) == 7);
}

TEST_CASE("result: the macros pass the first error on", "[base]") {
    CHECK(*quarter(8) == 2);
    CHECK(quarter(6).error().message == "odd");
    CHECK(both_even(2, 4));
    CHECK(both_even(2, 3).error().code == Errc::kLimit);
}

TEST_CASE("result: holds values that only move", "[base]") {
    Result<std::unique_ptr<int>> held = std::make_unique<int>(5);
    const auto taken = std::move(held).value();
    CHECK(*taken == 5);
}

TEST_CASE("result: context goes in front of an error's message", "[base]") {
    const auto error = Error{Errc::kIo, "short read"}.within("open film.mov");
    CHECK(error.code == Errc::kIo);
    CHECK(error.message == "open film.mov: short read");
}

TEST_CASE("result: every code has a name of its own", "[base]") {
    CHECK(std::string(sg::errc_name(Errc::kBadData)) == "bad_data");
    for (int a = 0; a <= static_cast<int>(Errc::kInternal); ++a) {
        for (int b = 0; b < a; ++b) {
            CHECK(std::string(sg::errc_name(static_cast<Errc>(a))) !=
                  sg::errc_name(static_cast<Errc>(b)));
        }
    }
}
