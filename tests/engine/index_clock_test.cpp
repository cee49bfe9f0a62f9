#include "index_clock.hpp"

#include <cmath>

#include <support/catch.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

constexpr std::int64_t kMs = 1'000'000;

/// A broadcast of one video and one audio stream, both clocks in 90 kHz, cut together from takes.
class Broadcast {
  public:
    explicit Broadcast(media::Rational rate) : rate_(rate) {}

    /// Both begin at `start_s` of the take's own clock.
    void add_take(double start_s, int pictures, int sounds) {
        int v = 0;
        int a = 0;
        while (v < pictures || a < sounds) {
            const auto picture = picture_s(v);
            const auto sound = a * 1024 / 48'000.0;
            if (a >= sounds || (v < pictures && picture <= sound)) {
                push(0, start_s + picture, picture_s(1));
                ++v;
            } else {
                push(1, start_s + sound, 1024 / 48'000.0);
                ++a;
            }
        }
    }

    void finish() { clock_.finish(out_); }

    [[nodiscard]] std::vector<double> shown_s(int stream) const {
        std::vector<double> times;
        for (const auto& r : out_) {
            if (r.stream == stream)
                times.push_back(static_cast<double>(r.pts_ns + r.shift_ns) / 1e9);
        }
        return times;
    }
    [[nodiscard]] double picture_s(int n) const {
        return static_cast<double>(n) * static_cast<double>(rate_.den) /
               static_cast<double>(rate_.num);
    }
    [[nodiscard]] const IndexClock& clock() const { return clock_; }

  private:
    static std::int64_t in_ticks_ns(double s) {
        return media::rescale(
            std::llround(s * 90'000), {1, 90'000}, media::kNanoseconds, media::Rounding::kDown);
    }
    void push(int stream, double at_s, double lasts_s) {
        IndexRecord r;
        r.stream = stream;
        r.pts_ns = r.time_ns = in_ticks_ns(at_s);
        r.duration_ns = in_ticks_ns(lasts_s);
        r.position = position_ += 188;
        r.key = true;
        clock_.add(r, out_);
    }

    media::Rational rate_;
    IndexClock clock_{{true, false}, true, true};
    std::vector<IndexRecord> out_;
    std::int64_t position_ = 0;
};

}  // namespace

TEST_CASE("after a jump of the clock pictures go on in their rhythm") {
    const auto rate = GENERATE(media::Rational{25, 1},
                               media::Rational{30000, 1001},
                               media::Rational{60000, 1001},
                               media::Rational{24, 1});
    // Sound that ends before the pictures, or up to two pictures after them.
    const int sounds = GENERATE(180, 188, 189, 190);
    const double next = GENERATE(0.0, 17.3, 5000.1);
    CAPTURE(rate.num, sounds, next);
    Broadcast broadcast(rate);
    const int pictures = static_cast<int>(4 * rate.num / rate.den);
    broadcast.add_take(1000, pictures, sounds);
    broadcast.add_take(next, pictures, sounds);
    broadcast.add_take(next == 0.0 ? 2000 : 0, pictures, sounds);
    broadcast.finish();
    REQUIRE(broadcast.clock().jumps().size() == 2);
    const auto seen = broadcast.shown_s(0);
    const auto heard = broadcast.shown_s(1);
    REQUIRE(std::ssize(seen) == 3 * pictures);
    REQUIRE(std::ssize(heard) == 3 * sounds);
    for (const auto at : seen) {
        const double frames = (at - 1000) / broadcast.picture_s(1);
        CHECK(frames == Approx(std::round(frames)).margin(0.01));
    }
    for (int take = 1; take < 3; ++take) {
        const auto v = static_cast<std::size_t>(take * pictures);
        const auto a = static_cast<std::size_t>(take * sounds);
        CHECK(heard[a] == Approx(seen[v]).margin(1e-4));
        // Nothing is there twice, and no hole is longer than what made it and a picture.
        CHECK(seen[v] - seen[v - 1] > 0.9 * broadcast.picture_s(1));
        CHECK(heard[a] - heard[a - 1] > 1024 / 48'000.0 - 0.0011);
        const double sound_left =
            std::max(0.0, sounds * 1024 / 48'000.0 - broadcast.picture_s(pictures));
        CHECK(seen[v] - seen[v - 1] < 2 * broadcast.picture_s(1) + sound_left);
    }
}

TEST_CASE("sound alone goes on where it ended when its clock jumps") {
    IndexClock clock({false}, true, true);
    std::vector<IndexRecord> out;
    for (int i = 0; i < 200; ++i) {
        IndexRecord r;
        r.stream = 0;
        r.pts_ns = r.time_ns = (i < 100 ? 50'000 * kMs : 0) + (i % 100) * 20 * kMs;
        r.duration_ns = 20 * kMs;
        r.position = i * 188;
        clock.add(r, out);
    }
    clock.finish(out);
    REQUIRE(out.size() == 200);
    for (std::size_t i = 1; i < out.size(); ++i)
        CHECK(out[i].pts_ns + out[i].shift_ns - out[i - 1].pts_ns - out[i - 1].shift_ns ==
              20 * kMs);
}
