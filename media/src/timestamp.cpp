#include <string>

#include <media/timestamp.hpp>

namespace sg::media {
namespace {

std::int64_t saturate(Int128 v) {
    constexpr Int128 kMax = std::numeric_limits<std::int64_t>::max();
    constexpr Int128 kMin = -kMax;  // the lowest value means "no time"
    if (v > kMax) return static_cast<std::int64_t>(kMax);
    if (v < kMin) return static_cast<std::int64_t>(kMin);
    return static_cast<std::int64_t>(v);
}

std::int64_t divide(Int128 n, Int128 d, Rounding rounding) {
    if (d == 0) return 0;
    if (d < 0) {
        n = -n;
        d = -d;
    }
    Int128 q = n / d;
    const Int128 r = n % d;
    if (r != 0) {
        const bool negative = n < 0;
        switch (rounding) {
            case Rounding::kDown:
                if (negative) --q;
                break;
            case Rounding::kUp:
                if (!negative) ++q;
                break;
            case Rounding::kNearest: {
                const Int128 magnitude = negative ? -r : r;
                if (magnitude * 2 >= d) q += negative ? -1 : 1;
                break;
            }
        }
    }
    return saturate(q);
}

}  // namespace

std::int64_t mul_div(std::int64_t a, std::int64_t b, std::int64_t c, Rounding rounding) {
    return divide(static_cast<Int128>(a) * b, c, rounding);
}

std::int64_t rescale(std::int64_t value, Timebase from, Timebase to, Rounding rounding) {
    if (value == kNoTime) return kNoTime;
    const Rational factor_a = reduced({from.num, to.num == 0 ? 1 : to.num});
    const Rational factor_b = reduced({to.den, from.den == 0 ? 1 : from.den});
    const auto num = static_cast<Int128>(factor_a.num) * factor_b.num;
    const auto den = static_cast<Int128>(factor_a.den) * factor_b.den;
    // value < 2^63 and num < 2^64 for any real pair of timebases; refuse the others instead of
    // wrapping.
    constexpr Int128 kLimit = static_cast<Int128>(1) << 62;
    if (num > kLimit || num < -kLimit) return 0;
    return divide(static_cast<Int128>(value) * num, den, rounding);
}

std::string to_string(Rational r) {
    return std::to_string(r.num) + "/" + std::to_string(r.den);
}

}  // namespace sg::media
