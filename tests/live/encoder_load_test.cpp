#include "encoder_load.hpp"

#include <map>

#include <support/catch.hpp>

using namespace sg;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kFrame = 40'000'000;

class HandClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return now_; }
    [[nodiscard]] Wall wall() const override { return {}; }
    void advance(milliseconds by) { now_ += by; }

  private:
    Monotonic now_{seconds(1000)};
};

class KeptMetrics final : public Metrics {
  public:
    Counter counter(const std::string& name, const std::string&, const MetricLabels&) override {
        auto& cell = counts[name];
        if (!cell) cell = std::make_shared<std::atomic<std::uint64_t>>(0);
        return Counter(cell);
    }
    Gauge gauge(const std::string& name, const std::string&, const MetricLabels&) override {
        auto& cell = values[name];
        if (!cell) cell = std::make_shared<std::atomic<double>>(0);
        return Gauge(cell);
    }
    Histogram histogram(const std::string&,
                        const std::string&,
                        const std::vector<double>&,
                        const MetricLabels&) override {
        return {};
    }

    std::map<std::string, std::shared_ptr<std::atomic<std::uint64_t>>> counts;
    std::map<std::string, std::shared_ptr<std::atomic<double>>> values;
};

struct Bench {
    Bench() { load.begin({{"360p", kFrame}}); }

    /// Real time, of which every n-th picture is encoded.
    void run(int frames, int every) {
        for (int i = 0; i < frames; ++i, ++frame) {
            if (frame % every == 0) load.encoded(0, (frame + 2) * kFrame, (frame + 1) * kFrame);
            clock.advance(milliseconds(40));
            if (frame % 6 == 0) load.look();
        }
    }

    HandClock clock;
    KeptMetrics metrics;
    live::EncoderLoad load{"live/a", metrics, clock};
    std::int64_t frame = 0;
};

}  // namespace

TEST_CASE("encoder load: an encoder that keeps up has speed 1 and drops nothing", "[live]") {
    Bench bench;
    bench.run(500, 1);
    CHECK(bench.metrics.values["streamgate_encoder_speed"]->load() > 0.97);
    CHECK(bench.metrics.values["streamgate_encoder_speed"]->load() < 1.03);
    CHECK(bench.metrics.counts["streamgate_encoder_dropped_frames_total"]->load() == 0);
    CHECK(bench.load.newest_ns() == 501 * kFrame);
}

TEST_CASE("encoder load: pictures that are left out are counted, and are not encoded", "[live]") {
    Bench bench;
    bench.run(600, 3);
    CHECK(bench.metrics.values["streamgate_encoder_speed"]->load() < 0.36);
    CHECK(bench.metrics.values["streamgate_encoder_speed"]->load() > 0.3);
    CHECK(bench.metrics.counts["streamgate_encoder_dropped_frames_total"]->load() == 398);
    bench.load.lost(7);
    CHECK(bench.metrics.counts["streamgate_encoder_dropped_units_total"]->load() == 7);
    // A child that begins anew is no hole.
    bench.load.end();
    bench.run(0, 1);
    bench.frame += 1000;
    bench.load.begin({{"360p", kFrame}});
    bench.run(100, 1);
    CHECK(bench.metrics.counts["streamgate_encoder_dropped_frames_total"]->load() == 398);
}
