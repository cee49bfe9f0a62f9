#include <support/catch.hpp>
#include <transcoders/decoder_stage.hpp>

#include "moving_pictures.hpp"

using namespace sg;
using media::CodecId;

namespace {

const auto kCodecs = {CodecId::kH264, CodecId::kHevc, CodecId::kAv1, CodecId::kVp9};

}  // namespace

TEST_CASE("every video encoder makes one packet a frame and a key frame at every cue") {
    for (const auto codec : kCodecs) {
        DYNAMIC_SECTION(std::string(media::codec_name(codec))) {
            auto options = test::small_encoder(codec);
            options.expected_frames = 60;
            const auto encoded = test::encode_gradient(options, 0, 60);
            REQUIRE(encoded.packets.size() == 60);
            REQUIRE(encoded.info != nullptr);
            CHECK(encoded.info->codec == codec);
            CHECK(encoded.info->timebase == media::Rational{1, 25});
            CHECK(encoded.info->width == 128);
            if (codec != CodecId::kVp9) CHECK_FALSE(encoded.info->extradata.empty());
            std::int64_t last = encoded.packets.front().dts() - 1;
            for (const auto& packet : encoded.packets) {
                CHECK(packet.dts() > last);
                last = packet.dts();
                CHECK(packet.pts() >= packet.dts());
                CHECK(packet.duration() == 1);
                CHECK(packet.key() == (packet.pts() % 25 == 0));
            }
        }
    }
}

TEST_CASE("the same frames give the same bytes from every video encoder, wherever a chunk starts") {
    for (const auto codec : kCodecs) {
        DYNAMIC_SECTION(std::string(media::codec_name(codec))) {
            const auto options = test::small_encoder(codec);
            const auto first = test::encode_gradient(options, 100, 30);
            const auto again = test::encode_gradient(options, 100, 30);
            REQUIRE(first.packets.size() == again.packets.size());
            for (std::size_t i = 0; i < first.packets.size(); ++i) {
                CHECK(test::same_bytes(first.packets[i], again.packets[i]));
            }
            CHECK(first.info->extradata == again.info->extradata);
            const auto start = test::encode_gradient(options, 0, 30);
            CHECK(start.info->extradata == first.info->extradata);
            CHECK(first.packets.front().pts() == 100);
        }
    }
}

TEST_CASE("what an encoder makes is decoded to the same frames with the same times") {
    for (const auto codec : kCodecs) {
        DYNAMIC_SECTION(std::string(media::codec_name(codec))) {
            const auto encoded = test::encode_gradient(test::small_encoder(codec), 0, 30);
            transcoders::DecodeReport report;
            transcoders::DecoderOptions options;
            options.report = &report;
            auto stage = transcoders::DecoderStage::create(options);
            REQUIRE(stage);
            test::StageHarness harness(std::move(*stage), 1, 1);
            REQUIRE(harness.start(0, encoded.info));
            for (const auto& packet : encoded.packets) REQUIRE(harness.push(0, packet.share()));
            REQUIRE(harness.end(0));
            const auto frames = harness.all<media::Frame>();
            REQUIRE(frames.size() == 30);
            for (std::size_t i = 0; i < frames.size(); ++i)
                CHECK(frames[i]->pts() == static_cast<std::int64_t>(i));
            CHECK(report.frames == 30);
            CHECK(report.errors == 0);
            CHECK(harness.all<pipeline::StreamStart>().size() == 1);
            CHECK(harness.all<pipeline::StreamStart>().front()->info->pixel_format == "yuv420p");
        }
    }
}

TEST_CASE("a chunk of one frame is one key packet") {
    for (const auto codec : kCodecs) {
        DYNAMIC_SECTION(std::string(media::codec_name(codec))) {
            const auto encoded = test::encode_gradient(test::small_encoder(codec), 50, 1);
            REQUIRE(encoded.packets.size() == 1);
            CHECK(encoded.packets.front().key());
            CHECK(encoded.packets.front().pts() == 50);
        }
    }
}

TEST_CASE("an encoder that gets another number of frames than planned fails") {
    auto options = test::small_encoder(CodecId::kH264);
    options.expected_frames = 10;
    auto stage = transcoders::VideoEncoderStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, test::shared(test::video_info(128, 72, {1, 25}, {25, 1}))));
    REQUIRE(harness.push(0, test::gradient(128, 72, 0)));
    const auto ended = harness.end(0);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == Errc::kMismatch);
}

TEST_CASE("an option that the encoder does not have is named") {
    auto options = test::small_encoder(CodecId::kH264);
    options.settings.options.emplace_back("no-such-thing", "1");
    const auto stage = transcoders::VideoEncoderStage::create(options);
    REQUIRE_FALSE(stage);
    CHECK(stage.error().code == Errc::kInvalidArgument);
    CHECK(stage.error().message.find("no-such-thing") != std::string::npos);
}

TEST_CASE("a picture of another format than planned is refused") {
    auto stage = transcoders::VideoEncoderStage::create(test::small_encoder(CodecId::kH264));
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, test::shared(test::video_info(128, 72, {1, 25}, {25, 1}))));
    const auto flow = harness.push(0, test::gradient(64, 64, 0));
    REQUIRE_FALSE(flow);
    CHECK(flow.error().code == Errc::kInternal);
}

TEST_CASE("10-bit HDR metadata reaches the HEVC headers") {
    transcoders::VideoEncoderOptions plain = test::small_encoder(CodecId::kHevc);
    plain.pixel_format = "yuv420p10le";
    plain.colour = {9, 16, 9, false};
    for (auto& [key, value] : plain.settings.options) {
        if (key == "profile") value = "main10";
        if (key == "x265-params") {
            value +=
                ":hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L("
                "10000000,1):max-cll=1000,400";
        }
    }
    const auto encoded = test::encode_gradient(plain, 0, 5);
    CHECK(encoded.packets.size() == 5);
    CHECK(encoded.info->colour.pq());
}

TEST_CASE("damaged packets are counted, and refused above the limit") {
    const auto encoded = test::encode_gradient(test::small_encoder(CodecId::kH264), 0, 30);
    for (const std::int64_t allowed : {std::int64_t{-1}, std::int64_t{2}}) {
        DYNAMIC_SECTION("allowed " << allowed) {
            transcoders::DecodeReport report;
            transcoders::DecoderOptions options;
            options.report = &report;
            options.errors_allowed = allowed;
            auto stage = transcoders::DecoderStage::create(options);
            REQUIRE(stage);
            test::StageHarness harness(std::move(*stage), 1, 1);
            REQUIRE(harness.start(0, encoded.info));
            bool failed = false;
            for (std::size_t i = 0; i < encoded.packets.size() && !failed; ++i) {
                // Not a single valid NAL unit.
                auto bad = test::make_packet({.pts = encoded.packets[i].pts(),
                                              .dts = encoded.packets[i].dts(),
                                              .bytes = 40,
                                              .fill = 0xff});
                auto flow =
                    harness.push(0, i % 3 == 1 ? std::move(bad) : encoded.packets[i].share());
                if (!flow) {
                    failed = true;
                    CHECK(flow.error().code == Errc::kBadData);
                }
            }
            CHECK(failed == (allowed >= 0));
            CHECK(report.errors >= 3);
        }
    }
}

TEST_CASE("pictures before the chunk's first are left out") {
    const auto encoded = test::encode_gradient(test::small_encoder(CodecId::kH264), 0, 30);
    transcoders::DecodeReport report;
    transcoders::DecoderOptions options;
    options.report = &report;
    options.drop_before_ns = 400'000'000;
    auto stage = transcoders::DecoderStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, encoded.info));
    for (const auto& packet : encoded.packets) REQUIRE(harness.push(0, packet.share()));
    REQUIRE(harness.end(0));
    const auto frames = harness.all<media::Frame>();
    REQUIRE(frames.size() == 20);
    CHECK(frames.front()->pts() == 10);
    CHECK(report.leading == 10);
}

TEST_CASE("a codec without a decoder is an error that names it") {
    auto stage = transcoders::DecoderStage::create({});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    auto info = test::video_info(128, 72, {1, 25}, {25, 1});
    info.codec = CodecId::kOther;
    info.codec_detail = "no-such-codec";
    const auto flow = harness.start(0, test::shared(info));
    REQUIRE_FALSE(flow);
    CHECK(flow.error().code == Errc::kUnsupported);
    CHECK(flow.error().message.find("no-such-codec") != std::string::npos);
}

TEST_CASE("a change of format in mid-stream is announced before its first frame") {
    const auto small = test::encode_gradient(test::small_encoder(CodecId::kH264, 128, 72), 0, 5);
    const auto large = test::encode_gradient(test::small_encoder(CodecId::kH264, 192, 108), 5, 5);
    auto stage = transcoders::DecoderStage::create({});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, small.info));
    for (const auto& packet : small.packets) REQUIRE(harness.push(0, packet.share()));
    REQUIRE(harness.start(0, large.info));
    for (const auto& packet : large.packets) REQUIRE(harness.push(0, packet.share()));
    REQUIRE(harness.end(0));
    const auto starts = harness.all<pipeline::StreamStart>();
    REQUIRE(starts.size() == 2);
    CHECK(starts[0]->info->width == 128);
    CHECK(starts[1]->info->width == 192);
    CHECK(harness.all<media::Frame>().size() == 10);
}
