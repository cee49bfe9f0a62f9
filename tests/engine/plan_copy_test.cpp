#include <support/catch.hpp>

#include "plan_fixture.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

using Strings = std::vector<std::string>;

std::vector<std::int64_t> segment_ms(const pipeline::VideoRendition& r) {
    std::vector<std::int64_t> lengths;
    for (std::size_t i = 1; i < r.borders.size(); ++i)
        lengths.push_back((r.borders[i] - r.borders[i - 1]) * 1000 / r.timescale);
    return lengths;
}

using Lengths = std::vector<std::int64_t>;

bool copied(const pipeline::Plan& plan) {
    return !plan.video.renditions.empty() &&
           plan.video.renditions[0].mode == pipeline::RenditionMode::kCopy;
}

Source with_gop(double seconds, double length = 30) {
    VideoTrait video;
    video.gop_seconds = seconds;
    video.seconds = length;
    AudioTrait audio;
    audio.seconds = length;
    return film(video, audio);
}

}  // namespace

TEST_CASE("passthrough copies picture and sound and cuts at the source's key frames") {
    const auto plan = planned(with_gop(2), preset("passthrough"));
    REQUIRE(copied(plan));
    CHECK(names(plan) == Strings{"1080p", "audio"});
    CHECK(segment_ms(plan.video.renditions[0]) == Lengths{6000, 6000, 6000, 6000, 6000});
    CHECK(plan.audio[0].mode == pipeline::RenditionMode::kCopy);
    CHECK(plan.video.chunks.empty());
    CHECK(plan.video.source_stream == -1);
    CHECK_FALSE(noted(plan, "copy_refused"));
}

TEST_CASE("passthrough segments are as near to the wanted length as the key frames allow") {
    CHECK(segment_ms(planned(with_gop(4), preset("passthrough")).video.renditions[0]).front() ==
          4000);
    CHECK(segment_ms(planned(with_gop(5), preset("passthrough")).video.renditions[0]).front() ==
          5000);
    const auto plan = planned(with_gop(10), preset("passthrough"));
    CHECK(segment_ms(plan.video.renditions[0]) == Lengths{10000, 10000, 10000});
    CHECK(noted(plan, "long_gops"));
    CHECK(plan.packaging.target_ms >= 10000);
}

TEST_CASE("key frames too far apart, or none that is clean, mean encoding") {
    auto plan = planned(with_gop(60, 120), preset("passthrough"));
    CHECK_FALSE(copied(plan));
    CHECK(noted(plan, "copy_refused"));
    CHECK(plan.video.renditions[0].codec == media::CodecId::kH264);
    CHECK(names(plan).front() == "1080p");

    VideoTrait open;
    open.idr = false;
    open.seconds = 120;
    AudioTrait audio;
    audio.seconds = 120;
    CHECK_FALSE(copied(planned(film(open, audio), preset("passthrough"))));

    auto late = with_gop(2);
    late.video_index().key_frames.erase(late.video_index().key_frames.begin());
    CHECK(reasons(planned(late, preset("passthrough")), "copy_refused").find("does not start") !=
          std::string::npos);

    // An edit list that begins inside a GOP: its key frame is decoded, never shown.
    auto cut = with_gop(2);
    cut.video_index().key_frames.front().presentation_ns -= 500'000'000;
    CHECK(reasons(planned(cut, preset("passthrough")), "copy_refused").find("does not start") !=
          std::string::npos);
}

TEST_CASE("a short film with one key frame is one copied segment") {
    const auto plan = planned(with_gop(60, 12), preset("passthrough"));
    CHECK(copied(plan));
    CHECK(plan.segment_count == 1);
}

TEST_CASE("a varying rate is copied on a 90 kHz clock") {
    auto source = with_gop(2);
    source.video_index().constant_rate = false;
    const auto plan = planned(source, preset("passthrough"));
    REQUIRE(copied(plan));
    CHECK(plan.video.renditions[0].timescale == 90000);
    CHECK(plan.video.renditions[0].frame_duration == 0);
}

TEST_CASE("a copy is decoded one picture ahead where its pictures are reordered") {
    auto source = with_gop(2);
    CHECK(planned(source, preset("passthrough")).video.renditions[0].decode_lead == 0);
    source.video_index().reorders = true;
    const auto copy = planned(source, preset("passthrough")).video.renditions[0];
    CHECK(copy.decode_lead == copy.frame_duration);
    source.video_index().constant_rate = false;
    CHECK(planned(source, preset("passthrough")).video.renditions[0].decode_lead == 0);

    auto one_segment = with_gop(60, 12);
    one_segment.video_index().reorders = true;
    CHECK(planned(one_segment, preset("passthrough")).video.renditions[0].decode_lead == 0);
}

TEST_CASE("a copy is decoded half a picture ahead when its first segment is a single one") {
    VideoTrait video;
    video.rate = {1, 5};
    video.gop_seconds = 5;
    AudioTrait audio;
    auto source = film(video, audio);
    source.video_index().reorders = true;
    const auto copy = planned(source, preset("passthrough")).video.renditions[0];
    REQUIRE(copy.borders[1] == copy.frame_duration);
    CHECK(copy.decode_lead == copy.frame_duration / 2);
}

TEST_CASE("the last picture of a copy is held for the sound, unless that takes too long") {
    auto source = with_gop(2);
    source.audio_index().end_ns += 4 * kSec;
    const auto plan = planned(source, preset("passthrough"));
    REQUIRE(copied(plan));
    CHECK(noted(plan, "picture_held"));
    CHECK(plan.duration_ns == Approx(34e9).margin(4e7));
    CHECK(plan.audio[0].mode == pipeline::RenditionMode::kCopy);

    source.audio_index().end_ns += 60 * kSec;
    CHECK_FALSE(copied(planned(source, preset("passthrough"))));
}

TEST_CASE("several video streams are copied where they can be cut at the same moments") {
    Source source;
    VideoTrait big;
    big.gop_seconds = 2;
    source.add_video(big);
    VideoTrait small = big;
    small.width = 640;
    small.height = 360;
    small.gop_seconds = 4;
    source.add_video(small);
    VideoTrait odd = small;
    odd.gop_seconds = 3.12;
    source.add_video(odd);
    VideoTrait brief = small;
    brief.seconds = 20;
    source.add_video(brief);
    VideoTrait other = small;
    other.codec = media::CodecId::kOther;
    other.codec_detail = "prores";
    source.add_video(other);
    source.add_audio({});
    const auto plan = planned(source, preset("passthrough"));
    REQUIRE(copied(plan));
    CHECK(names(plan) == Strings{"1080p", "360p", "audio"});
    // Only every second key frame of the first stream is shared.
    CHECK(segment_ms(plan.video.renditions[0]).front() == 4000);
    CHECK(segment_ms(plan.video.renditions[1]).front() == 4000);
    CHECK(reasons(plan, "stream_skipped").find("stream 2") != std::string::npos);
    CHECK(reasons(plan, "stream_skipped").find("stream 3") != std::string::npos);
    CHECK(reasons(plan, "stream_skipped").find("stream 4") != std::string::npos);
}

TEST_CASE("what segments cannot say is encoded instead of copied") {
    auto turned = with_gop(2);
    turned.facts.streams[0].video.rotation = 90;
    auto plan = planned(turned, preset("passthrough"));
    CHECK_FALSE(copied(plan));
    CHECK(sizes(plan) == Strings{"1080x1920"});

    auto jumping = with_gop(2);
    jumping.index.jumps = {{"backward", 1000, 0, 0, 0}};
    CHECK_FALSE(copied(planned(jumping, preset("passthrough"))));
    auto wrapping = with_gop(2);
    wrapping.index.jumps = {{"wrap", 1000, 0, 0, 0}};
    CHECK(copied(planned(wrapping, preset("passthrough"))));

    VideoTrait mpeg2;
    mpeg2.codec = media::CodecId::kOther;
    mpeg2.codec_detail = "mpeg2video";
    CHECK(reasons(planned(film(mpeg2), preset("passthrough")), "copy_refused").find("mpeg2video") !=
          std::string::npos);
}

TEST_CASE("sound that cannot be copied is encoded beside copied pictures") {
    AudioTrait mp2;
    mp2.codec = media::CodecId::kOther;
    mp2.codec_detail = "mp2";
    mp2.frame_samples = 1152;
    auto plan = planned(film({}, mp2), preset("passthrough"));
    CHECK(copied(plan));
    CHECK(plan.audio[0].mode == pipeline::RenditionMode::kEncode);
    CHECK(plan.audio[0].codec == media::CodecId::kAac);

    AudioTrait late;
    late.first_ns = kSec;
    late.seconds = 29;
    CHECK(reasons(planned(film({}, late), preset("passthrough")), "copy_refused").find("late") !=
          std::string::npos);
    AudioTrait brief;
    brief.seconds = 20;
    CHECK(reasons(planned(film({}, brief), preset("passthrough")), "copy_refused").find("early") !=
          std::string::npos);
    auto gaps = film();
    gaps.audio_index().gap_count = 2;
    CHECK(planned(gaps, preset("passthrough")).audio[0].mode == pipeline::RenditionMode::kEncode);
}

TEST_CASE("sound before the first copied picture is cut, and said") {
    AudioTrait early;
    early.first_ns = -500 * kMs;
    const auto plan = planned(film({}, early), preset("passthrough"));
    CHECK(copied(plan));
    CHECK(noted(plan, "audio_cut"));
}

TEST_CASE("a last segment of a moment joins the one before in a copy too") {
    const auto plan = planned(with_gop(2, 12.32), preset("passthrough"));
    CHECK(segment_ms(plan.video.renditions[0]) == Lengths{6000, 6320});
}

TEST_CASE("a copied rung stands beside encoded ones when its key frames are on their borders") {
    auto beside = preset("web-hd");
    presets::Rung source_rung;
    source_rung.name = "source";
    source_rung.codec = presets::VideoCodec::kCopy;
    beside.video.ladder.insert(beside.video.ladder.begin(), source_rung);

    const auto plan = planned(with_gop(2), beside);
    const auto& copy = rendition(plan, "source");
    CHECK(copy.mode == pipeline::RenditionMode::kCopy);
    CHECK(copy.borders.size() == static_cast<std::size_t>(plan.segment_count) + 1);
    CHECK(segment_ms(copy) == segment_ms(rendition(plan, "1080p")));
    CHECK(plan.video.renditions[0].name == "1080p");  // encoded ones in front
    CHECK(rendition(plan, "1080p").scale_from == -1);

    for (const double gop : {2.52, 4.0, 60.0}) {
        INFO(gop);
        const auto encoded = planned(with_gop(gop), beside);
        CHECK(rendition(encoded, "source").mode == pipeline::RenditionMode::kEncode);
        CHECK(rendition(encoded, "source").codec == media::CodecId::kH264);
        CHECK(reasons(encoded, "copy_refused").find("no IDR picture") != std::string::npos);
    }
    VideoTrait fast;
    fast.rate = {100, 1};
    CHECK(rendition(planned(film(fast), beside), "source").mode ==
          pipeline::RenditionMode::kEncode);
}

TEST_CASE("a ladder of nothing but copies is a passthrough") {
    auto only = preset("web-hd");
    presets::Rung source_rung;
    source_rung.name = "source";
    source_rung.codec = presets::VideoCodec::kCopy;
    only.video.ladder = {source_rung};
    CHECK(copied(planned(with_gop(4), only)));
}

TEST_CASE("an estimate grows with the film and shrinks with jobs") {
    const auto brief = planned(with_gop(2, 60), preset("web-hd"));
    const auto lengthy = planned(with_gop(2, 600), preset("web-hd"));
    CHECK(estimate(lengthy, 1).cpu_seconds > 9 * estimate(brief, 1).cpu_seconds);
    CHECK(estimate(lengthy, 1).bytes > 9 * estimate(brief, 1).bytes);
    CHECK(estimate(lengthy, 8).wall_seconds < estimate(lengthy, 1).wall_seconds / 6);
    // Between an eighth and the whole of the ladder's caps.
    const double caps = (6000 + 3500 + 2000 + 1100 + 700 + 250 + 128) * 1000.0 / 8 * 600;
    CHECK(static_cast<double>(estimate(lengthy, 1).bytes) < caps);
    CHECK(static_cast<double>(estimate(lengthy, 1).bytes) > caps / 8);
    const auto nothing = planned(with_gop(2), preset("passthrough"));
    CHECK(estimate(nothing, 1).bytes == nothing.source.identity.bytes);
}

TEST_CASE("a plan described for people names renditions, chunks and reasons") {
    auto source = with_gop(2, 60);
    source.facts.streams[0].video.interlaced = true;
    const auto text = describe(planned(source, preset("web-hd")));
    for (const auto* part : {"web-hd@1",
                             "1080p",
                             "1920x1080",
                             "at most 6000 kbit/s",
                             "libx264",
                             "GOP of 50 frames",
                             "48000 Hz, 2 channels",
                             "segments 1 to 3",
                             "deinterlaced",
                             "bwdif",
                             "HLS (CMAF), DASH"}) {
        INFO(text);
        CHECK(text.find(part) != std::string::npos);
    }
}

TEST_CASE("sound that does not reach a copy's last segment is encoded") {
    AudioTrait brief;
    brief.seconds = 12.02;
    VideoTrait video;
    video.seconds = 12.8;
    const auto plan = planned(film(video, brief), preset("passthrough"));
    REQUIRE(plan.segment_count == 3);
    CHECK(plan.audio[0].mode == pipeline::RenditionMode::kEncode);
}
