#include <limits>
#include <optional>
#include <string>

#include <media/timestamp.hpp>

namespace sg::media {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t saturate(Int128 v) {
    constexpr Int128 kMax = kMost;
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

/// The same for what fits 64 bits, as nearly all times do: a twentieth of the cost.
std::int64_t divide_narrow(std::int64_t n, std::int64_t d, Rounding rounding) {
    const std::int64_t q = n / d;
    const std::int64_t r = n % d;
    if (r == 0) return q;
    const std::int64_t magnitude = r < 0 ? -r : r;
    const std::int64_t away = n < 0 ? -1 : 1;
    switch (rounding) {
        case Rounding::kDown:
            return n < 0 ? q - 1 : q;
        case Rounding::kUp:
            return n < 0 ? q : q + 1;
        case Rounding::kNearest:
            return magnitude >= d - magnitude ? q + away : q;
    }
    return q;
}

/// Nothing when a part does not fit 64 bits or a timebase is not positive.
std::optional<std::int64_t> rescale_narrow(std::int64_t value,
                                           Timebase from,
                                           Timebase to,
                                           Rounding rounding) {
    if (from.num <= 0 || from.den <= 0 || to.num <= 0 || to.den <= 0) return std::nullopt;
    std::int64_t num = 0;
    std::int64_t den = 0;
    std::int64_t product = 0;
    if (__builtin_mul_overflow(from.num, to.den, &num) ||
        __builtin_mul_overflow(from.den, to.num, &den) || num > std::int64_t{1} << 62 ||
        __builtin_mul_overflow(value, num, &product) || product < -kMost)
        return std::nullopt;
    return divide_narrow(product, den, rounding);
}

}  // namespace

std::int64_t mul_div(std::int64_t a, std::int64_t b, std::int64_t c, Rounding rounding) {
    return divide(static_cast<Int128>(a) * b, c, rounding);
}

std::int64_t rescale(std::int64_t value, Timebase from, Timebase to, Rounding rounding) {
    if (value == kNoTime) return kNoTime;
    if (const auto narrow = rescale_narrow(value, from, to, rounding)) return *narrow;
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
