#include <chrono>
#include <functional>
#include <map>

#include <boost/asio/io_context.hpp>
#include <live/encoder_child.hpp>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

struct Made final : live::EncoderOutput {
    void on_encoded_renditions(std::vector<packagers::LiveRenditionConfig> renditions,
                               std::vector<live::DeclaredRate>) override {
        ++announced;
        names.clear();
        for (const auto& r : renditions) names.push_back(r.name);
    }
    void on_encoded(std::size_t, packagers::LiveSample sample) override {
        times.push_back(sample.pts_ns);
    }
    void on_encoded_batch() override { ++batches; }

    int announced = 0;
    int batches = 0;
    std::vector<std::string> names;
    std::vector<std::int64_t> times;
};

class CountingMetrics final : public Metrics {
  public:
    Counter counter(const std::string& name, const std::string&, const MetricLabels&) override {
        auto& cell = cells[name];
        if (!cell) cell = std::make_shared<std::atomic<std::uint64_t>>(0);
        return Counter(cell);
    }
    Gauge gauge(const std::string&, const std::string&, const MetricLabels&) override { return {}; }
    Histogram histogram(const std::string&,
                        const std::string&,
                        const std::vector<double>&,
                        const MetricLabels&) override {
        return {};
    }
    [[nodiscard]] std::uint64_t count(const std::string& name) { return cells.at(name)->load(); }

    std::map<std::string, std::shared_ptr<std::atomic<std::uint64_t>>> cells;
};

/// A channel's thread with one track, a unit every 5 ms: sound, or pictures of which only the first
/// is a key frame.
struct Bench {
    explicit Bench(std::string mode,
                   milliseconds hang = milliseconds(15'000),
                   formats::Codec codec = formats::Codec::kAac) {
        live::EncoderChildSettings settings;
        settings.channel = "live/test";
        settings.hang = hang;
        settings.start = milliseconds(15'000);
        settings.executable = SG_FAKE_ENCODER;
        settings.argv = {"fake_encoder", std::move(mode), (folder.path() / "flag").string()};
        encoder = live::make_encoder_child(settings, context, made, clock, metrics);
        ingest::LiveTrack track;
        track.id = 1;
        const std::byte asc[] = {std::byte{0x11}, std::byte{0x90}};
        track.config = *formats::make_codec_config(formats::Codec::kAac, asc);
        track.config.codec = codec;
        encoder->track(track);
    }

    /// Media flows until this is so.
    bool until(const std::function<bool()>& reached) {
        const auto deadline = steady_clock::now() + std::chrono::seconds(20);
        while (!reached() && steady_clock::now() < deadline) {
            ingest::TimedUnit unit;
            unit.track = 1;
            unit.pts_ns = unit.dts_ns = ++next * 5'000'000;
            unit.key = next == 1;
            unit.data.resize(100);
            encoder->unit(std::move(unit));
            context.restart();
            context.run_for(milliseconds(5));
        }
        return reached();
    }

    test::TempFolder folder;
    boost::asio::io_context context{1};
    SystemClock clock;
    CountingMetrics metrics;
    Made made;
    std::unique_ptr<live::LiveEncoder> encoder;
    std::int64_t next = 0;
};

}  // namespace

TEST_CASE("encoder child: units go in, announced samples come out in order", "[live]") {
    Bench bench("echo");
    REQUIRE(bench.until([&] { return bench.made.times.size() >= 20; }));
    CHECK(bench.made.announced == 1);
    CHECK(bench.made.names == std::vector<std::string>{"audio"});
    CHECK(bench.made.batches > 0);
    CHECK(bench.made.times.front() == 5'000'000);
    CHECK(std::is_sorted(bench.made.times.begin(), bench.made.times.end()));
    CHECK(bench.metrics.count("streamgate_encoder_restarts_total") == 0);
}

TEST_CASE("encoder child: one that crashed is started anew and announces again", "[live]") {
    Bench bench("crash-once");
    REQUIRE(bench.until([&] { return bench.made.announced == 2 && bench.made.times.size() > 20; }));
    CHECK(bench.metrics.count("streamgate_encoder_restarts_total") == 1);
}

TEST_CASE("encoder child: what one that crashed had not got to is encoded by the next, in mid-GOP",
          "[live]") {
    Bench bench("crash-once", milliseconds(15'000), formats::Codec::kH264);
    REQUIRE(bench.until([&] { return bench.made.announced == 2 && bench.made.times.size() > 20; }));
    for (std::size_t i = 0; i < bench.made.times.size(); ++i)
        CHECK(bench.made.times[i] == static_cast<std::int64_t>(i + 1) * 5'000'000);
}

TEST_CASE("encoder child: one that hangs is killed and started anew", "[live]") {
    Bench bench("hang-once", milliseconds(400));
    REQUIRE(bench.until([&] { return bench.made.announced >= 2 && bench.made.times.size() > 20; }));
    CHECK(bench.metrics.count("streamgate_encoder_restarts_total") >= 1);
}

TEST_CASE("encoder child: one that fails again and again is started at longer intervals",
          "[live]") {
    Bench bench("refuse");
    const auto begin = steady_clock::now();
    REQUIRE(
        bench.until([&] { return bench.metrics.count("streamgate_encoder_restarts_total") >= 3; }));
    // At once, after half a second.
    CHECK(steady_clock::now() - begin >= milliseconds(500));
    CHECK(bench.made.announced == 0);
}

TEST_CASE("encoder child: after finish() it drains and is done", "[live]") {
    Bench bench("echo");
    REQUIRE(bench.until([&] { return bench.made.times.size() >= 5; }));
    bench.encoder->finish();
    CHECK(bench.until([&] { return bench.encoder->done(); }));
    CHECK(bench.metrics.count("streamgate_encoder_restarts_total") == 0);
}
