#pragma once

#include <cstdint>
#include <numeric>
#include <string>

namespace sg::media {

/// For products of two 64-bit values; gcc and clang both have it.
__extension__ using Int128 = __int128;

/// An exact fraction. The denominator is positive; {0, 1} also stands for "not known" where a
/// header says so.
struct Rational {
    std::int64_t num = 0;
    std::int64_t den = 1;

    friend bool operator==(const Rational&, const Rational&) = default;
    [[nodiscard]] bool positive() const { return num > 0 && den > 0; }
    [[nodiscard]] double as_double() const {
        return static_cast<double>(num) / static_cast<double>(den);
    }
    [[nodiscard]] Rational inverse() const { return {den, num}; }
};

/// Lowest terms, positive denominator; {0, 1} for anything over zero.
[[nodiscard]] inline Rational reduced(Rational r) {
    if (r.den == 0) return {0, 1};
    if (r.den < 0) r = {-r.num, -r.den};
    const auto g = std::gcd(r.num, r.den);
    return g > 1 ? Rational{r.num / g, r.den / g} : r;
}

/// Exact comparison through 128-bit products: negative, zero or positive like memcmp.
[[nodiscard]] inline int compare(Rational a, Rational b) {
    const auto left = static_cast<Int128>(a.num) * b.den;
    const auto right = static_cast<Int128>(b.num) * a.den;
    return left < right ? -1 : (left > right ? 1 : 0);
}

[[nodiscard]] std::string to_string(Rational r);  ///< "30000/1001"

}  // namespace sg::media
