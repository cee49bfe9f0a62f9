#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <media_av/libav.hpp>
#include <support/catch.hpp>
#include <support/media_items.hpp>
#include <support/stage_harness.hpp>
#include <transcoders/audio_conform_stage.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/decoder_stage.hpp>
#include <transcoders/encoder_settings.hpp>

using namespace sg;
using media::CodecId;

namespace {

constexpr std::int64_t kRate = 48000;

/// A planar float frame whose every sample is `value`.
media::Frame level(
    int samples, std::int64_t time_ns, float value, int channels = 2, int rate = kRate) {
    auto frame = test::make_audio_frame(samples, rate, channels, 0);
    for (int c = 0; c < channels; ++c) {
        auto* data = reinterpret_cast<float*>(frame.native()->extended_data[c]);
        std::fill(data, data + samples, value);
    }
    frame.set_pts(time_ns);
    return frame;
}

std::int64_t ns(std::int64_t samples, std::int64_t rate = kRate) {
    return samples * 1'000'000'000 / rate;
}

class Conform {
  public:
    explicit Conform(std::int64_t samples, int channels = 2, const std::string& layout = "stereo") {
        transcoders::AudioConformOptions options;
        options.samples = samples;
        options.channel_layout = layout;
        options.report = &report;
        auto stage = transcoders::AudioConformStage::create(options);
        REQUIRE(stage);
        harness = std::make_unique<test::StageHarness>(std::move(*stage), 1, 1);
        REQUIRE(harness->start(
            0, test::shared(test::audio_info(kRate, channels, media::kNanoseconds))));
    }
    /// False when the stage wants no more.
    bool push(media::Frame frame) {
        const auto flow = harness->push(0, std::move(frame));
        if (!flow) FAIL(flow.error().message);
        return *flow == pipeline::Flow::kContinue;
    }
    /// The left channel, checked to be unbroken from zero.
    std::vector<float> left() {
        std::vector<float> out;
        for (const auto* frame : harness->all<media::Frame>()) {
            REQUIRE(frame->pts() == static_cast<std::int64_t>(out.size()));
            const auto* data = reinterpret_cast<const float*>(frame->native()->extended_data[0]);
            out.insert(out.end(), data, data + frame->samples());
        }
        return out;
    }

    transcoders::AudioRepairReport report;
    std::unique_ptr<test::StageHarness> harness;
};

}  // namespace

TEST_CASE("sound that fits its timeline passes unchanged and ends exactly") {
    Conform conform(10000);
    bool more = true;
    for (int i = 0; i < 20 && more; ++i) more = conform.push(level(1024, ns(i * 1024), 0.5f));
    CHECK_FALSE(more);
    const auto left = conform.left();
    REQUIRE(left.size() == 10000);
    CHECK(std::ranges::all_of(left, [](float v) { return v == 0.5f; }));
    CHECK(conform.report.gaps == 0);
    CHECK(conform.report.stretched == 0);
}

TEST_CASE("a late start is silence, an early one is cut, a short end is silence") {
    SECTION("late") {
        Conform conform(5000);
        conform.push(level(1024, ns(2000), 0.5f));
        REQUIRE(conform.harness->end(0));
        const auto left = conform.left();
        REQUIRE(left.size() == 5000);
        CHECK(left[1999] == 0);
        CHECK(left[2000] == 0.5f);
        CHECK(left[3023] == 0.5f);
        CHECK(left[3024] == 0);
        CHECK(conform.report.silence_before == 2000);
        CHECK(conform.report.silence_after == 5000 - 3024);
    }
    SECTION("early") {
        Conform conform(1500);
        conform.push(level(1024, -ns(600), 0.25f));
        conform.push(level(1024, ns(424), 0.5f));
        REQUIRE(conform.harness->end(0));
        const auto left = conform.left();
        REQUIRE(left.size() == 1500);
        CHECK(left[0] == 0.25f);
        CHECK(left[423] == 0.25f);
        CHECK(left[424] == 0.5f);
        CHECK(conform.report.cut_before == 600);
    }
}

TEST_CASE("a gap is filled with silence and an overlap is cut") {
    Conform conform(20000);
    conform.push(level(4000, 0, 0.5f));
    conform.push(level(4000, ns(8000), 0.25f));
    conform.push(level(4000, ns(9000), 0.125f));
    REQUIRE(conform.harness->end(0));
    const auto left = conform.left();
    REQUIRE(left.size() == 20000);
    CHECK(left[3999] == 0.5f);
    CHECK(left[4000] == 0);
    CHECK(left[8000] == 0.25f);
    CHECK(left[11999] == 0.25f);
    CHECK(left[12000] == 0.125f);
    CHECK(left[12999] == 0.125f);
    CHECK(left[13000] == 0);
    CHECK(conform.report.gaps == 1);
    CHECK(conform.report.silence_inserted == 4000);
    CHECK(conform.report.overlaps == 1);
    CHECK(conform.report.overlap_dropped == 3000);
}

TEST_CASE("times rounded to milliseconds neither cut nor insert nor stretch") {
    const std::int64_t total = 20 * kRate;
    Conform conform(total);
    for (std::int64_t i = 0; i * 1024 < total; ++i) {
        const auto ms = (i * 1024 * 1000 + kRate / 2) / kRate;
        if (!conform.push(level(1024, ms * 1'000'000, 0.5f))) break;
    }
    const auto left = conform.left();
    REQUIRE(left.size() == static_cast<std::size_t>(total));
    CHECK(std::ranges::all_of(left, [](float v) { return v == 0.5f; }));
    CHECK(conform.report.gaps == 0);
    CHECK(conform.report.stretched == 0);
}

TEST_CASE("a lost frame in a steady stream leaves silence of its length") {
    Conform conform(40 * 1024);
    for (int i = 0; i < 40; ++i) {
        if (i != 20 && !conform.push(level(1024, ns(i * 1024), 0.5f))) break;
    }
    const auto left = conform.left();
    CHECK(left[20 * 1024 - 1] == 0.5f);
    CHECK(left[20 * 1024 + 500] == 0);
    CHECK(left[21 * 1024 + 5] == 0.5f);
    CHECK(conform.report.gaps == 1);
}

TEST_CASE("a seam of some milliseconds is followed at once, jitter of as many is let be") {
    for (const std::int64_t off : {8, 30, -12}) {
        CAPTURE(off);
        const std::int64_t step = off * kRate / 1000;
        Conform conform(200 * 1024);
        for (int i = 0; i < 200; ++i) {
            auto frame = level(1024, ns(i * 1024 + (i >= 50 ? step : 0)), 0.0f);
            if (i == 70) reinterpret_cast<float*>(frame.native()->extended_data[0])[0] = 1.0f;
            if (!conform.push(std::move(frame))) break;
        }
        const auto left = conform.left();
        const auto peak = std::max_element(left.begin(), left.end()) - left.begin();
        CHECK(std::abs(peak - (70 * 1024 + step)) <= 2);
        CHECK(conform.report.gaps + conform.report.overlaps == 1);
        CHECK(conform.report.stretched == 0);
    }
    Conform jitter(200 * 1024);
    for (int i = 0; i < 200; ++i) {
        const std::int64_t off = (i % 3 - 1) * 8 * kRate / 1000;
        if (!jitter.push(level(1024, ns(i * 1024 + off), 0.5f))) break;
    }
    CHECK(jitter.report.gaps + jitter.report.overlaps == 0);
}

TEST_CASE("sound after a discontinuity stands where its time says from its first sample on") {
    for (const std::int64_t off : {4, 8, 30}) {
        CAPTURE(off);
        const std::int64_t step = off * kRate / 1000;
        Conform conform(100 * 1024);
        for (int i = 0; i < 100; ++i) {
            if (i == 50) REQUIRE(conform.harness->push(0, pipeline::Discontinuity{}));
            auto frame = level(1024, ns(i * 1024 + (i >= 50 ? step : 0)), 0.0f);
            if (i == 50) reinterpret_cast<float*>(frame.native()->extended_data[0])[0] = 1.0f;
            if (!conform.push(std::move(frame))) break;
        }
        const auto left = conform.left();
        const auto peak = std::max_element(left.begin(), left.end()) - left.begin();
        CHECK(std::abs(peak - (50 * 1024 + step)) <= 2);
        CHECK(conform.report.gaps == 1);
    }
}

TEST_CASE("a clock that drifts is followed by stretching within five milliseconds") {
    // Times run 0.1 % fast: after 60 s the sound would be 60 ms early.
    const std::int64_t total = 60 * kRate;
    Conform conform(total);
    std::int64_t fed = 0;
    double worst = 0;
    std::vector<std::pair<std::int64_t, std::int64_t>> clicks;  // where an impulse belongs
    for (std::int64_t i = 0;; ++i) {
        const auto time = ns(fed) + ns(fed) / 1000;
        auto frame = level(1024, time, 0.0f);
        if (i % 47 == 0) {
            for (int c = 0; c < 2; ++c)
                reinterpret_cast<float*>(frame.native()->extended_data[c])[0] = 1.0f;
            clicks.emplace_back(
                media::rescale(time, media::kNanoseconds, {1, kRate}, media::Rounding::kNearest),
                0);
        }
        fed += 1024;
        if (!conform.push(std::move(frame))) break;
    }
    const auto left = conform.left();
    REQUIRE(left.size() == static_cast<std::size_t>(total));
    for (const auto& [belongs, unused] : clicks) {
        const auto from = std::max<std::int64_t>(0, belongs - 2000);
        const auto to = std::min<std::int64_t>(total, belongs + 2000);
        const auto peak = std::max_element(left.begin() + from, left.begin() + to) - left.begin();
        if (to - from == 4000)
            worst = std::max(worst, std::abs(static_cast<double>(peak - belongs)));
    }
    CHECK(worst < 240);  // 5 ms
    CHECK(conform.report.gaps == 0);
    CHECK(conform.report.stretched > 48000 * 50 / 1000);
}

TEST_CASE("a full-scale 5.1 downmix does not clip, mono keeps its level on both sides") {
    SECTION("5.1") {
        transcoders::AudioConformOptions options;
        options.samples = 2048;
        auto stage = transcoders::AudioConformStage::create(options);
        REQUIRE(stage);
        test::StageHarness harness(std::move(*stage), 1, 1);
        auto info = test::audio_info(kRate, 6, media::kNanoseconds);
        info.channel_layout = "5.1";
        REQUIRE(harness.start(0, test::shared(info)));
        auto frame = level(2048, 0, 1.0f, 6);
        av_channel_layout_uninit(&frame.native()->ch_layout);
        av_channel_layout_from_string(&frame.native()->ch_layout, "5.1");
        REQUIRE(harness.push(0, std::move(frame)));
        const auto frames = harness.all<media::Frame>();
        REQUIRE_FALSE(frames.empty());
        const auto* data = reinterpret_cast<const float*>(frames[0]->native()->extended_data[0]);
        CHECK(data[100] <= 1.0f);
        CHECK(data[100] > 0.9f);
    }
    SECTION("mono") {
        Conform conform(2048, 1);
        conform.push(level(2048, 0, 0.5f, 1));
        CHECK(conform.left()[100] == Approx(0.5f));
    }
}

TEST_CASE("a change of the sample rate in mid-stream joins without a hole") {
    Conform conform(30000);
    conform.push(level(9600, 0, 0.5f));
    conform.push(level(8820, ns(9600), 0.5f, 2, 44100));
    conform.push(level(9600, ns(19200), 0.5f));
    REQUIRE(conform.harness->end(0));
    const auto left = conform.left();
    REQUIRE(left.size() == 30000);
    CHECK(std::abs(left[9700] - 0.5f) < 0.05f);
    CHECK(left[28000] == 0.5f);
    CHECK(conform.report.format_changes == 2);
    CHECK(conform.report.gaps <= 1);
    CHECK(conform.report.silence_inserted < 100);
}

TEST_CASE("a track of which nothing can be decoded is an error") {
    Conform conform(1000);
    const auto ended = conform.harness->end(0);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == Errc::kBadData);
}

TEST_CASE(
    "every audio encoder makes the planned frames, twice the same, and they decode to the planned "
    "position") {
    for (const auto codec : {CodecId::kAac,
                             CodecId::kOpus,
                             CodecId::kAc3,
                             CodecId::kEac3,
                             CodecId::kFlac,
                             CodecId::kMp3}) {
        DYNAMIC_SECTION(std::string(media::codec_name(codec))) {
            const auto choice = transcoders::audio_encoder_settings({codec, 2, 48000, 0});
            REQUIRE(choice);
            transcoders::AudioEncoderOptions options;
            options.codec = codec;
            options.settings = choice->settings;
            options.channel_layout = choice->channel_layout;
            options.frame_samples = choice->frame_samples;
            options.priming = choice->priming;
            options.samples = 48000 + 77;
            transcoders::AudioConformOptions conform_options;
            conform_options.samples = options.samples;
            conform_options.sample_format = choice->sample_format;
            const auto encode = [&] {
                auto conform = transcoders::AudioConformStage::create(conform_options);
                auto stage = transcoders::AudioEncoderStage::create(options);
                REQUIRE(conform);
                REQUIRE(stage);
                test::StageHarness first(std::move(*conform), 1, 1);
                auto second = std::make_unique<test::StageHarness>(std::move(*stage), 1, 1);
                REQUIRE(
                    first.start(0, test::shared(test::audio_info(kRate, 2, media::kNanoseconds))));
                // Silence, then a burst of tone that starts at sample 24000.
                for (int at = 0; at < options.samples; at += 1000) {
                    auto frame = level(1000, ns(at), 0);
                    for (int i = 0; i < 1000 && at >= 24000; ++i) {
                        const auto value = static_cast<float>(
                            0.5 * std::sin(2 * std::numbers::pi * 1000 * (at + i) / kRate));
                        for (int c = 0; c < 2; ++c)
                            reinterpret_cast<float*>(frame.native()->extended_data[c])[i] = value;
                    }
                    const auto flow = first.push(0, std::move(frame));
                    REQUIRE(flow);
                    if (*flow == pipeline::Flow::kDone) break;
                }
                for (auto& item : first.take()) {
                    const auto flow = second->push(0, std::move(item));
                    if (!flow) FAIL(flow.error().message);
                }
                return second;
            };
            const auto harness = encode();
            const auto packets = harness->all<media::Packet>();
            const auto count = transcoders::audio_frame_count(
                options.samples, options.priming, options.frame_samples);
            REQUIRE(static_cast<std::int64_t>(packets.size()) == count);
            CHECK(packets.front()->pts() == -options.priming);
            CHECK(packets.back()->pts() == (count - 1) * options.frame_samples - options.priming);
            const auto again = encode();
            const auto packets_again = again->all<media::Packet>();
            REQUIRE(packets_again.size() == packets.size());
            for (std::size_t i = 0; i < packets.size(); ++i)
                CHECK(std::ranges::equal(packets[i]->data(), packets_again[i]->data()));

            auto decoder = transcoders::DecoderStage::create({});
            REQUIRE(decoder);
            test::StageHarness decoding(std::move(*decoder), 1, 1);
            auto info = *harness->all<pipeline::StreamStart>().front()->info;
            REQUIRE(decoding.start(0, test::shared(info)));
            for (const auto* packet : packets) REQUIRE(decoding.push(0, packet->share()));
            REQUIRE(decoding.end(0));
            // Where the tone begins, in presentation samples. MP3's decoder adds its own delay to
            // what encoders count.
            std::int64_t onset = -1;
            for (const auto* frame : decoding.all<media::Frame>()) {
                const auto* native = frame->native();
                for (int i = 0; i < native->nb_samples && onset < 0; ++i) {
                    double value = 0;
                    if (native->format == AV_SAMPLE_FMT_FLTP)
                        value = reinterpret_cast<const float*>(native->extended_data[0])[i];
                    if (native->format == AV_SAMPLE_FMT_FLT)
                        value = reinterpret_cast<const float*>(native->extended_data[0])[2 * i];
                    if (native->format == AV_SAMPLE_FMT_S32)
                        value =
                            reinterpret_cast<const std::int32_t*>(native->extended_data[0])[2 * i] /
                            2147483648.0;
                    if (std::abs(value) > 0.2) onset = frame->pts() + i;
                }
            }
            CHECK(std::abs(onset - 24000) < 60);
        }
    }
}
