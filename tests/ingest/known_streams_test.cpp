#include <string>
#include <vector>

#include <ingest/source.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;
using namespace sg::test;

namespace {

/// What libav finds by itself, decoding what it wants to.
struct Found {
    explicit Found(const std::string& path) {
        AVFormatContext* raw = nullptr;
        REQUIRE(avformat_open_input(&raw, path.c_str(), nullptr, nullptr) == 0);
        context.reset(raw);
        REQUIRE(avformat_find_stream_info(raw, nullptr) >= 0);
    }
    [[nodiscard]] const AVStream& stream() const { return *context->streams[0]; }
    av::InputPtr context;
};

struct Case {
    const char* name;
    ClipVideo video;
};

std::vector<Case> cases() {
    ClipVideo plain;
    plain.b_frames = 2;
    std::vector<Case> all{{"with B-frames", plain}, {"without B-frames", ClipVideo{}}};
    const auto add = [&](const char* name, auto change) {
        auto video = plain;
        change(video);
        all.push_back({name, video});
    };
    add("without a pyramid", [](ClipVideo& v) { v.options = {{"b-pyramid", "none"}}; });
    add("cropped", [](ClipVideo& v) { v.width = 178, v.height = 98; });
    add("wide samples", [](ClipVideo& v) { v.sar = {4, 3}; });
    add("BT.709", [](ClipVideo& v) { v.primaries = v.transfer = v.matrix = 1; });
    add("BT.2020 HLG", [](ClipVideo& v) { v.primaries = 9, v.transfer = 18, v.matrix = 9; });
    add("full range", [](ClipVideo& v) { v.pixel_format = "yuvj420p"; });
    add("10 bits", [](ClipVideo& v) { v.pixel_format = "yuv420p10le"; });
    add("4:2:2", [](ClipVideo& v) { v.pixel_format = "yuv422p"; });
    add("4:4:4", [](ClipVideo& v) { v.pixel_format = "yuv444p"; });
    add("grey", [](ClipVideo& v) { v.pixel_format = "gray"; });
    add("interlaced", [](ClipVideo& v) { v.interlaced = true; });
    add("rotated", [](ClipVideo& v) { v.rotation = 90; });
    add("29.97", [](ClipVideo& v) { v.rate = {30000, 1001}; });
    add("varying", [](ClipVideo& v) { v.times_ms = {0, 40, 80, 160, 180, 300, 340, 500, 620}; });
    return all;
}

}  // namespace

TEST_CASE("H.264 in MP4: facts from its configuration are those of decoding", "[ingest]") {
    const TempFolder folder;
    for (const auto& [name, video] : cases()) {
        for (const char* ending : {"mp4", "mov"}) {
            INFO(name << " in " << ending);
            ClipOptions clip;
            clip.video = {video};
            const auto path = make_clip(folder / (std::string(name) + "." + ending), clip).string();
            const Found found(path);
            const auto& par = *found.stream().codecpar;
            OpenOptions options;
            options.path = path;
            const auto input = MediaInput::open(std::move(options));
            REQUIRE(input);
            const auto& facts = (*input)->facts().streams[0];
            const auto& v = facts.video;
            CHECK(v.width == par.width);
            CHECK(v.height == par.height);
            CHECK(v.pixel_format == av_get_pix_fmt_name(static_cast<AVPixelFormat>(par.format)));
            CHECK(facts.info->profile == par.profile);
            CHECK(facts.info->level == par.level);
            CHECK(facts.info->bitrate == par.bit_rate);
            CHECK(v.colour.primaries == par.color_primaries);
            CHECK(v.colour.transfer == par.color_trc);
            CHECK(v.colour.matrix == par.color_space);
            CHECK(v.colour.full_range == (par.color_range == AVCOL_RANGE_JPEG));
            CHECK(v.colour_range_known == (par.color_range != AVCOL_RANGE_UNSPECIFIED));
            CHECK(v.codec_sar.num * par.sample_aspect_ratio.den ==
                  v.codec_sar.den * par.sample_aspect_ratio.num);
            CHECK(v.interlaced == (par.field_order > AV_FIELD_PROGRESSIVE));
            CHECK((v.field_order == "unknown") == (par.field_order == AV_FIELD_UNKNOWN));
            CHECK(v.has_b_frames == (par.video_delay > 0));
            CHECK(v.average_rate.as_double() == Approx(av_q2d(found.stream().avg_frame_rate)));
            CHECK(v.declared_rate.as_double() == Approx(av_q2d(found.stream().r_frame_rate)));
            CHECK(facts.start == found.stream().start_time);
            CHECK(facts.duration == found.stream().duration);
            CHECK(facts.frames == found.stream().nb_frames);
        }
    }
}
