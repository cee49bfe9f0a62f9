#include <support/catch.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/encoder_settings.hpp>

#include "codec_levels.hpp"

using namespace sg;
using media::CodecId;
using transcoders::EncoderRequest;

namespace {

EncoderRequest hd() {
    EncoderRequest request;
    request.width = 1920;
    request.height = 1080;
    request.frame_rate = {30, 1};
    request.gop_frames = 60;
    request.crf_x100 = 2350;
    request.max_bitrate = 5'000'000;
    request.buffer_bits = 10'000'000;
    return request;
}

std::string option(const pipeline::EncoderSettings& settings, const std::string& key) {
    for (const auto& [name, value] : settings.options) {
        if (name == key) return value;
    }
    return "(none)";
}

}  // namespace

TEST_CASE("an H.264 request resolves to every option that a chunk's bytes rest on") {
    const auto settings = transcoders::encoder_settings(hd());
    REQUIRE(settings);
    CHECK(settings->name == "libx264");
    CHECK(settings->threads == 1);
    CHECK(settings->gop_frames == 60);
    CHECK(settings->max_bitrate == 5'000'000);
    CHECK(option(*settings, "crf") == "23.5");
    CHECK(option(*settings, "profile") == "high");
    CHECK(option(*settings, "level") == "4");
    CHECK(option(*settings, "g") == "60");
    CHECK(option(*settings, "keyint_min") == "60");
    CHECK(option(*settings, "sc_threshold") == "0");
    CHECK(option(*settings, "x264-params").find("open-gop=0") != std::string::npos);
}

TEST_CASE("the lowest level that holds size, rate and bitrate is chosen") {
    using transcoders::h264_level;
    using transcoders::hevc_level;
    CHECK(h264_level({1920, 1080, {30, 1}, 5'000'000, 10'000'000, true, 4}) == "4");
    CHECK(h264_level({1920, 1080, {60, 1}, 8'000'000, 16'000'000, true, 4}) == "4.2");
    CHECK(h264_level({1280, 720, {30, 1}, 2'800'000, 5'600'000, true, 4}) == "3.1");
    CHECK(h264_level({640, 360, {30, 1}, 800'000, 1'600'000, true, 4}) == "3");
    CHECK(h264_level({416, 234, {30, 1}, 300'000, 600'000, true, 4}) == "1.3");
    CHECK(h264_level({3840, 2160, {30, 1}, 20'000'000, 40'000'000, true, 4}) == "5.1");
    CHECK(hevc_level({1920, 1080, {30, 1}, 5'000'000, 10'000'000}) == "4");
    CHECK(hevc_level({3840, 2160, {60, 1}, 16'000'000, 32'000'000}) == "5.1");
    CHECK_FALSE(h264_level({20000, 20000, {30, 1}, 0, 0, true, 1}));
}

TEST_CASE("references never exceed what the level's buffer holds") {
    auto request = hd();
    request.speed = "veryslow";
    const auto settings = transcoders::encoder_settings(request);
    REQUIRE(settings);
    CHECK(option(*settings, "refs") == "4");
}

TEST_CASE("a request that cannot be is refused with the field's name") {
    const auto refused = [](const EncoderRequest& request, const std::string& word) {
        const auto settings = transcoders::encoder_settings(request);
        REQUIRE_FALSE(settings);
        CHECK(settings.error().message.find(word) != std::string::npos);
    };
    auto request = hd();
    request.speed = "warp";
    refused(request, "speed");
    request = hd();
    request.level = "7.7";
    refused(request, "level");
    request = hd();
    request.gop_frames = 0;
    refused(request, "gop_frames");
    request = hd();
    request.crf_x100 = -1;
    refused(request, "bitrate");
    request = hd();
    request.extra = {{"keyint", "10"}};
    refused(request, "keyint");
    request = hd();
    request.bit_depth = 10;
    refused(request, "bit_depth");
    request = hd();
    request.codec = CodecId::kAv1;
    request.b_frames = 3;
    refused(request, "b_frames");
}

TEST_CASE("extra options go to libav when it knows them, else to the encoder") {
    auto request = hd();
    request.extra = {{"aq-mode", "2"}, {"subme", "5"}};
    const auto settings = transcoders::encoder_settings(request);
    REQUIRE(settings);
    CHECK(option(*settings, "aq-mode") == "2");
    CHECK(option(*settings, "x264-params").find("subme=5") != std::string::npos);
}

TEST_CASE("the constants of every audio encoder are the library's own") {
    for (const auto codec : {CodecId::kAac,
                             CodecId::kOpus,
                             CodecId::kAc3,
                             CodecId::kEac3,
                             CodecId::kFlac,
                             CodecId::kMp3}) {
        for (const int channels : {1, 2, 6, 8}) {
            for (const int rate : {24000, 32000, 44100, 48000, 96000}) {
                DYNAMIC_SECTION(media::codec_name(codec) << " " << channels << " " << rate) {
                    const auto choice =
                        transcoders::audio_encoder_settings({codec, channels, rate, 0});
                    REQUIRE(choice);
                    transcoders::AudioEncoderOptions options;
                    options.codec = codec;
                    options.settings = choice->settings;
                    options.sample_rate = choice->sample_rate;
                    options.channel_layout = choice->channel_layout;
                    options.frame_samples = choice->frame_samples;
                    options.priming = choice->priming;
                    options.samples = 1000;
                    const auto stage = transcoders::AudioEncoderStage::create(options);
                    if (!stage) FAIL(stage.error().message);
                    const auto format = transcoders::encoder_sample_format(choice->settings.name);
                    REQUIRE(format);
                    CHECK(*format == choice->sample_format);
                }
            }
        }
    }
}

TEST_CASE("an audio bitrate is brought to one that the codec has") {
    const auto ac3 = transcoders::audio_encoder_settings({CodecId::kAc3, 6, 48000, 400'000});
    REQUIRE(ac3);
    CHECK(ac3->bitrate == 384'000);
    const auto mp3 = transcoders::audio_encoder_settings({CodecId::kMp3, 6, 48000, 1'000'000});
    REQUIRE(mp3);
    CHECK(mp3->bitrate == 320'000);
    CHECK(mp3->channels == 2);
}
