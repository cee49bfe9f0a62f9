#include <algorithm>

#include <support/catch.hpp>

#include "plan_fixture.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

using Strings = std::vector<std::string>;

Source picture(int width, int height) {
    VideoTrait trait;
    trait.width = width;
    trait.height = height;
    return film(trait);
}

Source hdr10() {
    auto source = picture(3840, 2160);
    auto& v = source.facts.streams[0].video;
    v.pixel_format = "yuv420p10le";
    v.bit_depth = 10;
    v.colour = {9, 16, 9, false};
    v.has_mastering_display = true;
    v.mastering_display.max_luminance = 10'000'000;
    v.has_content_light = true;
    v.content_light = {1000, 400};
    return source;
}

bool uses(const std::vector<pipeline::FilterStep>& steps, const std::string& name) {
    return std::any_of(steps.begin(), steps.end(), [&](const auto& s) { return s.name == name; });
}

}  // namespace

TEST_CASE("a 1080p film gets every rung, scaled from the smallest one at least twice as large") {
    const auto plan = planned(film(), preset("web-hd"));
    CHECK(names(plan) == Strings{"1080p", "720p", "540p", "432p", "360p", "234p", "audio"});
    CHECK(sizes(plan) ==
          Strings{"1920x1080", "1280x720", "960x540", "768x432", "640x360", "416x234"});
    std::vector<std::int64_t> from;
    for (const auto& r : plan.video.renditions) from.push_back(r.scale_from);
    CHECK(from == std::vector<std::int64_t>{-1, -1, 0, 0, 1, 2});
    CHECK(plan.video.source_filters.empty());
    CHECK(plan.video.branches.size() == 1);
}

TEST_CASE("a portrait film's rungs are portrait") {
    const auto plan = planned(picture(1080, 1920), preset("web-hd"));
    CHECK(sizes(plan).front() == "1080x1920");
    CHECK(sizes(plan)[1] == "720x1280");
    CHECK(names(plan).front() == "1080p");
}

TEST_CASE("a film turned on its side is planned upright, with its pixel shape") {
    auto source = picture(1440, 1080);
    source.facts.streams[0].video.sar = {4, 3};
    source.facts.streams[0].video.rotation = 90;
    const auto plan = planned(source, preset("web-hd"));
    CHECK(sizes(plan).front() == "1080x1920");
    CHECK(uses(plan.video.branches[0].filters, "transpose"));
    CHECK(noted(plan, "rotated"));
    CHECK(noted(plan, "square_pixels"));
    CHECK(plan.video.renditions[0].sar == media::Rational{1, 1});
}

TEST_CASE("pixels that are not square are stretched, never shrunk") {
    auto ntsc = picture(720, 480);
    ntsc.facts.streams[0].video.sar = {8, 9};
    CHECK(sizes(planned(ntsc, preset("web-hd"))).front() == "720x540");
    auto pal = picture(720, 576);
    pal.facts.streams[0].video.sar = {64, 45};
    CHECK(sizes(planned(pal, preset("archive"))).front() == "1024x576");
    auto broken = picture(720, 576);
    broken.facts.streams[0].video.sar = {1, 30000};
    const auto plan = planned(broken, preset("archive"));
    CHECK(sizes(plan).front() == "720x576");
    CHECK(reasons(plan, "square_pixels").find("ignored") != std::string::npos);
}

TEST_CASE("odd sizes become even ones, never enlarged") {
    const auto plan = planned(picture(161, 121), preset("web-hd"));
    CHECK(names(plan) == Strings{"120p", "audio"});
    CHECK(sizes(plan) == Strings{"160x120"});
    CHECK(sizes(planned(picture(1921, 1081), preset("archive"))) == Strings{"1920x1080"});
}

TEST_CASE("a source smaller than every rung is made at its own size") {
    const auto plan = planned(picture(320, 180), preset("web-hd"));
    CHECK(names(plan) == Strings{"180p", "audio"});
    CHECK(noted(plan, "rung_dropped"));
    CHECK(noted(plan, "rung_fitted"));
    CHECK(sizes(planned(picture(16, 16), preset("web-hd"))) == Strings{"32x32"});
    CHECK(sizes(planned(picture(40, 40), preset("av1-hd"))) == Strings{"64x64"});
}

TEST_CASE("a source between two rungs keeps its own size as the largest") {
    const auto plan = planned(picture(1600, 900), preset("web-hd"));
    CHECK(names(plan) == Strings{"900p", "720p", "540p", "432p", "360p", "234p", "audio"});
    CHECK(option(rendition(plan, "900p").encoder, "maxrate") == "6000000");
    // A rung a little smaller than the source is near enough.
    CHECK(names(planned(picture(1300, 730), preset("web-hd"))).front() == "720p");
}

TEST_CASE("a 4K source in a 1080p preset starts at 1080p") {
    CHECK(sizes(planned(picture(3840, 2160), preset("web-hd"))).front() == "1920x1080");
    CHECK(sizes(planned(picture(3840, 1600), preset("web-hd"))).front() == "1920x800");
    CHECK(sizes(planned(picture(4096, 1716), preset("web-hd"))).front() == "1920x804");
}

TEST_CASE("a rung named after its lines and codec keeps the codec when it is fitted") {
    const auto plan = planned(picture(640, 480), preset("web-4k"));
    CHECK(names(plan) == Strings{"480p-hevc", "480p", "360p", "234p", "audio"});
}

TEST_CASE("HDR stays HDR in 10-bit rungs that keep it and is tone-mapped for the others") {
    const auto plan = planned(hdr10(), preset("web-4k"));
    const auto& top = rendition(plan, "2160p");
    CHECK(top.codec == media::CodecId::kHevc);
    CHECK(top.pixel_format == "yuv420p10le");
    CHECK(top.colour.pq());
    CHECK(option(top.encoder, "x265-params").find("max-cll=1000,400") != std::string::npos);
    const auto& sdr = rendition(plan, "1080p");
    CHECK(sdr.colour == media::Colour{1, 1, 1, false});
    REQUIRE(plan.video.branches.size() == 2);
    const auto& branch = plan.video.branches[static_cast<std::size_t>(sdr.branch)];
    CHECK(branch.name == "sdr");
    CHECK(uses(branch.filters, "tonemap"));
    // Floating point on a quarter of the pixels.
    CHECK(branch.filters.front().args.find("w=1920:h=1080") != std::string::npos);
    CHECK(noted(plan, "tone_mapped"));
}

TEST_CASE("an H.264 ladder of an HDR source is SDR throughout") {
    const auto plan = planned(hdr10(), preset("web-hd"));
    REQUIRE(plan.video.branches.size() == 1);
    CHECK(plan.video.branches[0].name == "sdr");
    for (const auto& r : plan.video.renditions) CHECK_FALSE(r.colour.hdr());
}

TEST_CASE("the preset decides about tone mapping") {
    const auto never = planned(hdr10(), preset("web-4k", {{"hdr.tone_map", "never"}}));
    CHECK(names(never) == Strings{"2160p", "1440p", "1080p-hevc", "audio"});
    CHECK(reasons(never, "rung_dropped").find("forbids tone mapping") != std::string::npos);
    CHECK(refused(hdr10(), preset("web-hd", {{"hdr.tone_map", "never"}})).code ==
          Errc::kUnsupported);
    for (const auto* key : {"hdr.tone_map=always", "hdr.keep=false"}) {
        const std::string text = key;
        const auto plan = planned(
            hdr10(),
            preset("hevc-hd", {{text.substr(0, text.find('=')), text.substr(text.find('=') + 1)}}));
        for (const auto& r : plan.video.renditions) CHECK_FALSE(r.colour.hdr());
        CHECK(rendition(plan, "1080p").pixel_format == "yuv420p10le");
    }
    // An SDR source has nothing to map, whatever the preset says.
    CHECK_FALSE(
        noted(planned(film(), preset("hevc-hd", {{"hdr.tone_map", "always"}})), "tone_mapped"));
    CHECK(names(planned(film(), preset("web-hd", {{"hdr.tone_map", "never"}}))).size() == 7);
}

TEST_CASE("HLG is kept and mapped like PQ") {
    auto source = hdr10();
    source.facts.streams[0].video.colour = {2, 18, 2, false};
    const auto plan = planned(source, preset("hevc-hd"));
    CHECK(rendition(plan, "1080p").colour == media::Colour{9, 18, 9, false});
    CHECK(rendition(plan, "720p-h264").colour == media::Colour{1, 1, 1, false});
}

TEST_CASE("RGB, 4:4:4 and full-range sources become limited 4:2:0 with a matrix players know") {
    auto rgb = picture(1280, 720);
    rgb.facts.streams[0].video.pixel_format = "gbrp";
    rgb.facts.streams[0].video.chroma = "rgb";
    rgb.facts.streams[0].video.colour = {2, 2, 0, true};
    auto plan = planned(rgb, preset("web-hd"));
    CHECK(plan.video.source_pixel_format == "yuv444p");
    CHECK_FALSE(plan.video.source_colour.full_range);
    CHECK(plan.video.renditions[0].colour == media::Colour{1, 1, 1, false});
    CHECK(plan.video.renditions[0].pixel_format == "yuv420p");

    auto full = picture(1280, 720);
    full.facts.streams[0].video.pixel_format = "yuvj420p";
    full.facts.streams[0].video.colour = {1, 1, 1, true};
    plan = planned(full, preset("web-hd"));
    CHECK(plan.video.source_pixel_format == "yuv420p");
    CHECK(plan.video.source_colour.full_range);
    CHECK_FALSE(plan.video.renditions[0].colour.full_range);

    auto ycgco = picture(1280, 720);
    ycgco.facts.streams[0].video.pixel_format = "yuv444p12le";
    ycgco.facts.streams[0].video.colour = {1, 1, 8, false};
    plan = planned(ycgco, preset("web-hd"));
    CHECK(plan.video.source_pixel_format == "yuv444p12le");
    CHECK(plan.video.renditions[0].colour.matrix == 1);

    auto unknown = picture(1280, 720);
    unknown.facts.streams[0].video.pixel_format = "no-such-format";
    CHECK(refused(unknown, preset("web-hd")).code == Errc::kUnsupported);
}

TEST_CASE(
    "colours that the source does not name are guessed by its size, the same for every rung") {
    auto plan = planned(picture(1920, 1080), preset("web-hd"));
    for (const auto& r : plan.video.renditions) CHECK(r.colour == media::Colour{1, 1, 1, false});
    plan = planned(picture(720, 576), preset("web-hd"));
    CHECK(plan.video.renditions[0].colour == media::Colour{5, 6, 5, false});
    plan = planned(picture(640, 480), preset("web-hd"));
    CHECK(plan.video.renditions[0].colour == media::Colour{6, 6, 6, false});
    // Wide colours without HDR are for rungs that keep them.
    auto wide = picture(1920, 1080);
    wide.facts.streams[0].video.colour = {9, 14, 9, false};
    plan = planned(wide, preset("hevc-hd"));
    CHECK(rendition(plan, "1080p").colour == media::Colour{9, 14, 9, false});
    CHECK(rendition(plan, "720p-h264").colour == media::Colour{1, 1, 1, false});
}

TEST_CASE("every library preset plans an ordinary film") {
    for (const auto& entry : presets::Library::embedded()) {
        INFO(entry.name);
        const auto plan = planned(film(), preset(entry.name));
        CHECK_FALSE(plan.audio.empty());
    }
}

TEST_CASE("interlaced sources are deinterlaced, before the grid and with context") {
    auto source = picture(720, 576);
    source.facts.streams[0].video.interlaced = true;
    source.facts.streams[0].video.field_order = "tt";
    source.facts.streams[0].codec_detail = "mpeg2video";
    auto plan = planned(source, preset("web-hd"));
    REQUIRE(plan.video.source_filters.size() == 1);
    CHECK(plan.video.source_filters[0].name == "bwdif");
    CHECK(plan.video.source_filters[0].frames_before == 1);
    CHECK(plan.video.grid.rate == media::Rational{25, 1});
    CHECK(noted(plan, "deinterlaced"));

    plan = planned(source, preset("web-hd", {{"deinterlace.output", "field"}}));
    CHECK(plan.video.grid.rate == media::Rational{50, 1});
    CHECK(plan.video.source_filters[0].args.find("send_field") != std::string::npos);
    CHECK(rendition(plan, "540p").frame_rate == media::Rational{50, 1});
    CHECK(rendition(plan, "360p").frame_rate == media::Rational{25, 1});

    CHECK(planned(source, preset("web-hd", {{"deinterlace.mode", "off"}}))
              .video.source_filters.empty());
}

TEST_CASE("MPEG-2 that says nothing is deinterlaced frame by frame and not doubled") {
    auto source = picture(720, 576);
    source.facts.streams[0].video.field_order = "unknown";
    source.facts.streams[0].codec_detail = "mpeg2video";
    const auto plan = planned(source, preset("web-hd", {{"deinterlace.output", "field"}}));
    CHECK(plan.video.grid.rate == media::Rational{25, 1});
    CHECK(plan.video.source_filters[0].args.find("deint=interlaced") != std::string::npos);
}

TEST_CASE(
    "a preset's denoising and own filters run on source pictures, with their context before every "
    "chunk") {
    VideoTrait trait;
    trait.seconds = 120;
    const auto source = film(trait, {});
    const auto plan = planned(source,
                              preset("web-hd",
                                     {{"filters.denoise", "light"},
                                      {"filters.custom", "\"atadenoise=s=9, eq=contrast=1.05\""},
                                      {"filters.frames_before", "30"},
                                      {"filters.frames_after", "4"}}));
    const auto& steps = plan.video.source_filters;
    REQUIRE(steps.size() == 4);
    CHECK(steps[0].name == "hqdn3d");
    CHECK(steps[0].frames_before > 0);
    CHECK(steps[1].name == "atadenoise");
    CHECK(steps[1].args == "s=9");
    CHECK(steps[1].frames_before == 30);
    CHECK(steps[1].frames_after == 4);
    CHECK(steps[2].name == "eq");
    CHECK(steps[2].args == "contrast=1.05");
    CHECK(steps[3].name == "format");
    REQUIRE(plan.video.chunks.size() > 1);
    // 42 pictures of context at 25 a second: the key frame two seconds before the chunk.
    CHECK(plan.video.chunks[1].start.pts <= (plan.video.chunks[1].first_frame - 42) * 3600);
}

TEST_CASE("a picture over the preset's limit is refused") {
    CHECK(refused(picture(16000, 16000), preset("web-hd")).code == Errc::kLimit);
    CHECK(refused(picture(1920, 1080), preset("web-hd", {{"limits.max_pixels", "1000000"}}))
              .message.find("limits.max_pixels") != std::string::npos);
}

TEST_CASE("Dolby Vision without a picture for others is said") {
    auto source = hdr10();
    source.facts.streams[0].video.has_dolby_vision = true;
    source.facts.streams[0].video.dolby_vision.profile = 5;
    CHECK(noted(planned(source, preset("web-hd")), "dolby_vision"));
}
