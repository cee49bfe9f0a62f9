#include "gop_cache.hpp"

#include <string>

#include <support/catch.hpp>

using namespace sg;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr int kPictures = 0;
constexpr int kSound = 1;

ingest::TimedUnit unit(int track, std::int64_t ms, bool key = false, std::size_t bytes = 10) {
    ingest::TimedUnit u;
    u.track = track;
    u.pts_ns = u.dts_ns = ms * kMs;
    u.key = key;
    u.data.resize(bytes);
    return u;
}

std::string held(const live::GopCache& cache) {
    std::string text;
    for (const auto& u : cache.units()) {
        text += u.track == kSound ? "a" : (u.key ? "K" : "p");
        text += std::to_string(u.dts_ns / kMs) + " ";
    }
    return text;
}

}  // namespace

TEST_CASE("GOP cache: the newest GOP and its sound", "[live]") {
    live::GopCache cache({});
    cache.add(unit(kSound, 0), false);
    cache.add(unit(kPictures, 0), true);
    CHECK(held(cache).empty());
    cache.add(unit(kPictures, 40, true), true);
    cache.add(unit(kSound, 50), false);
    cache.add(unit(kPictures, 80), true);
    CHECK(held(cache) == "K40 a50 p80 ");
    CHECK(cache.has_pictures(kPictures));
    cache.add(unit(kSound, 120), false);
    cache.add(unit(kPictures, 120, true), true);
    cache.add(unit(kPictures, 160), true);
    CHECK(held(cache) == "a120 K120 p160 ");
    cache.forget(kPictures);
    CHECK_FALSE(cache.has_pictures(kPictures));
    cache.add(unit(kPictures, 200), true);
    CHECK(held(cache) == "a120 ");
}

TEST_CASE("GOP cache: one that grows too long or too large is given up", "[live]") {
    live::GopCache cache({1'000 * kMs, 1000});
    cache.add(unit(kPictures, 0, true), true);
    cache.add(unit(kPictures, 900), true);
    CHECK(held(cache) == "K0 p900 ");
    cache.add(unit(kPictures, 1100), true);
    CHECK(held(cache).empty());
    cache.add(unit(kPictures, 1200), true);
    CHECK(held(cache).empty());
    cache.add(unit(kPictures, 1300, true), true);
    cache.add(unit(kSound, 1300), false);
    CHECK(held(cache) == "K1300 a1300 ");
    cache.add(unit(kPictures, 1400, false, 1000), true);
    CHECK(held(cache).empty());
}
