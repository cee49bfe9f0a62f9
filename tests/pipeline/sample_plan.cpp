#include "sample_plan.hpp"

namespace sg::test {
namespace {

pipeline::VideoRendition rendition(const char* name, std::int64_t height, std::int64_t scale_from) {
    pipeline::VideoRendition made;
    made.name = name;
    made.codec = media::CodecId::kHevc;
    made.source_stream = 0;
    made.width = height * 16 / 9;
    made.height = height;
    made.sar = {4, 3};
    made.timescale = 30000;
    made.borders = {0, 60060, 120120, 150150};
    made.frame_divisor = 2;
    made.frame_rate = {30000, 1001};
    made.frame_duration = 1001;
    made.decode_lead = 1001;
    made.branch = 1;
    made.scale_from = scale_from;
    made.pixel_format = "yuv420p10le";
    made.colour = {9, 16, 9, true};
    made.encoder = {
        "libx265", {{"crf", "21"}, {"x265-params", "info=0:a=\"b\""}}, 60, 2, 6000000, 9000000};
    return made;
}

}  // namespace

pipeline::Plan sample_plan() {
    pipeline::Plan plan;
    plan.source.identity = {"sampled", "00ff", 123456789};
    plan.source.demuxer = "mpegts";
    plan.source.seek = pipeline::SeekMethod::kPosition;
    plan.source.timeline = pipeline::TimelineMap({{0, -1400000000}, {188000, 95443717689}});
    plan.preset = "hevc-hd@2";
    plan.preset_digest = "abcd";
    plan.preset_json = R"({"name":"hevc-hd"})";
    plan.duration_ns = 5005000000;
    plan.segment_count = 3;
    plan.decode_errors_allowed = 7;

    auto& video = plan.video;
    video.source_stream = 0;
    video.grid = {{60000, 1001}, 300};
    video.source_filters = {{"bwdif", "mode=0", 1, 2}};
    video.source_width = 3840;
    video.source_height = 2160;
    video.source_pixel_format = "yuv422p10le";
    video.source_sar = {1, 2};
    video.source_colour = {9, 18, 9, false};
    video.rotation = 90;
    video.branches = {{"source", {}, "yuv420p10le", {9, 16, 9, false}},
                      {"sdr",
                       {{"tonemap", "hable", 0, 0}, {"transpose", "1", 3, 4}},
                       "yuv420p",
                       {1, 1, 1, false}}};
    video.renditions = {rendition("1080p", 1080, -1), rendition("720p", 720, 0)};
    video.renditions[1].mode = pipeline::RenditionMode::kEncode;
    video.chunks = {{0, 2, 0, 240, {}}, {2, 1, 240, 60, {540000, 536997, 4512000}}};

    pipeline::AudioRendition audio;
    audio.name = "audio-de";
    audio.codec = media::CodecId::kOpus;
    audio.mode = pipeline::RenditionMode::kCopy;
    audio.source_stream = 3;
    audio.language = "de";
    audio.label = "Deutsch \xe2\x99\xab";
    audio.is_default = true;
    audio.describes_video = true;
    audio.sample_rate = 48000;
    audio.channels = 6;
    audio.channel_layout = "5.1(side)";
    audio.frame_samples = 960;
    audio.priming = 312;
    audio.samples = 240240;
    audio.encoder = {"libopus", {{"b", "128000"}}, 1, 3, 128000, 1};
    audio.borders = {-312, 96000, 192000, 240240};
    plan.audio = {audio};

    plan.packaging = {false, true, false, true, false, 6006, 10};
    plan.notes = {{"rung_dropped", "2160p", "the source is 1920x1080"}};
    return plan;
}

}  // namespace sg::test
