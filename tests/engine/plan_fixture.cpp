#include "plan_fixture.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include <support/catch.hpp>

namespace sg::engine::test {

using pipeline::Plan;
using pipeline::RenditionMode;

Source::Source() {
    facts.name = "film.mp4";
    facts.demuxer = "mov,mp4,m4a,3gp,3g2,mj2";
    facts.identity = {"sha256", std::string(64, 'a'), 100'000'000};
    facts.seek = pipeline::SeekMethod::kTime;
    index.demuxer = facts.demuxer;
    index.identity = facts.identity;
    index.seek = facts.seek;
}

ingest::StreamFacts& Source::add_video(const VideoTrait& trait) {
    ingest::StreamFacts s;
    s.index = static_cast<int>(facts.streams.size());
    s.type = media::MediaType::kVideo;
    s.codec = trait.codec;
    s.codec_detail = trait.codec_detail;
    s.decodable = true;
    s.timebase = {1, 90000};
    s.video.width = trait.width;
    s.video.height = trait.height;
    s.video.pixel_format = "yuv420p";
    s.video.chroma = "4:2:0";
    s.video.bit_depth = 8;
    s.video.field_order = "progressive";
    facts.streams.push_back(s);

    VideoIndex v;
    v.stream = s.index;
    const auto span = static_cast<std::int64_t>(std::llround(trait.seconds * 1e9));
    const auto delta =
        trait.rate.positive()
            ? media::mul_div(kSec, trait.rate.den, trait.rate.num, media::Rounding::kNearest)
            : 40 * kMs;
    v.frames = std::max<std::int64_t>(
        1, media::mul_div(span, trait.rate.num, trait.rate.den * kSec, media::Rounding::kNearest));
    v.constant_rate = trait.constant;
    v.frame_rate = v.frames > 1 ? trait.rate : media::Rational{0, 1};
    v.grid_rate = trait.constant ? trait.rate : media::Rational{0, 1};
    v.min_delta_ns = v.max_delta_ns = delta;
    v.deltas = {{delta, std::max<std::int64_t>(v.frames - 1, 1)}};
    v.first_ns = trait.first_ns;
    v.last_ns = trait.first_ns + span - delta;
    v.end_ns = trait.first_ns + span;
    const pipeline::FrameGrid grid{trait.rate, v.frames};
    const auto gop =
        std::max<std::int64_t>(1, std::llround(trait.gop_seconds * trait.rate.as_double()));
    for (std::int64_t n = 0; n < v.frames; n += gop) {
        KeyFrame k;
        k.presentation_ns = trait.first_ns + grid.time_ns(n);
        k.pts = media::rescale(
            k.presentation_ns, media::kNanoseconds, s.timebase, media::Rounding::kNearest);
        k.dts = k.pts - 3600;
        k.position = 1000 + n * 5000;
        k.idr = trait.idr || n == 0;
        k.closed = k.idr;
        v.key_frames.push_back(k);
    }
    index.video.push_back(std::move(v));
    return facts.streams.back();
}

ingest::StreamFacts& Source::add_audio(const AudioTrait& trait) {
    ingest::StreamFacts s;
    s.index = static_cast<int>(facts.streams.size());
    s.type = media::MediaType::kAudio;
    s.codec = trait.codec;
    s.codec_detail = trait.codec_detail;
    s.decodable = true;
    s.timebase = {1, trait.rate};
    s.language = trait.language;
    s.language_tag = ingest::language_tag(trait.language);
    s.audio.sample_rate = trait.rate;
    s.audio.channels = trait.channels;
    s.audio.layout = trait.channels == 6 ? "5.1" : (trait.channels == 1 ? "mono" : "stereo");
    s.audio.frame_samples = trait.frame_samples;
    facts.streams.push_back(s);

    AudioIndex a;
    a.stream = s.index;
    const auto span = static_cast<std::int64_t>(std::llround(trait.seconds * 1e9));
    a.packets = std::max<std::int64_t>(
        1, media::mul_div(span, trait.rate, trait.frame_samples * kSec, media::Rounding::kUp));
    a.samples = a.packets * trait.frame_samples;
    a.first_ns = trait.first_ns;
    a.end_ns = trait.first_ns + span;
    a.last_ns =
        a.end_ns - media::mul_div(trait.frame_samples, kSec, trait.rate, media::Rounding::kDown);
    index.audio.push_back(std::move(a));
    return facts.streams.back();
}

ingest::StreamFacts& Source::add_other(media::MediaType type) {
    ingest::StreamFacts s;
    s.index = static_cast<int>(facts.streams.size());
    s.type = type;
    facts.streams.push_back(s);
    return facts.streams.back();
}

Source film(const VideoTrait& video, const AudioTrait& audio) {
    Source source;
    source.add_video(video);
    source.add_audio(audio);
    return source;
}

presets::Preset preset(const std::string& name, const presets::Overrides& overrides) {
    auto loaded = presets::load_preset(name, overrides);
    INFO((loaded ? "" : loaded.error().message));
    REQUIRE(loaded);
    return *loaded;
}

namespace {

const std::string& documented_codes() {
    static const std::string text = [] {
        std::ifstream file(SG_SOURCE_DIR "/docs/plan-notes.md");
        return std::string(std::istreambuf_iterator<char>(file), {});
    }();
    return text;
}

void check_names(const Plan& plan) {
    std::set<std::string> seen;
    for (const auto& name : names(plan)) {
        INFO("rendition " << name);
        CHECK(seen.insert(name).second);
        CHECK(std::isalnum(static_cast<unsigned char>(name.front())));
        CHECK(std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '-' || c == '_' || c == '.';
        }));
    }
    std::set<std::pair<std::string, std::string>> labels;
    int defaults = 0;
    for (const auto& r : plan.audio) {
        CHECK_FALSE(r.label.empty());
        defaults += r.is_default ? 1 : 0;
    }
    if (!plan.audio.empty()) CHECK(defaults > 0);
}

void check_borders(const Plan& plan) {
    const pipeline::VideoRendition* first = nullptr;
    for (const auto& r : plan.video.renditions) {
        INFO("video " << r.name);
        REQUIRE(r.borders.size() == static_cast<std::size_t>(plan.segment_count) + 1);
        CHECK(r.borders.front() == 0);
        CHECK(r.timescale >= 1000);
        CHECK(r.timescale <= 0xffffffff);
        if (first == nullptr) first = &r;
        for (std::size_t i = 1; i < r.borders.size(); ++i) {
            REQUIRE(r.borders[i] > r.borders[i - 1]);
            // The same moment in every rendition, exactly, unless a copy rounds a varying rate.
            const auto here = static_cast<media::Int128>(r.borders[i]) * first->timescale;
            const auto there = static_cast<media::Int128>(first->borders[i]) * r.timescale;
            if (r.mode == RenditionMode::kEncode && first->mode == RenditionMode::kEncode)
                REQUIRE(here == there);
        }
        for (std::size_t i = 0; r.mode == RenditionMode::kEncode && i < r.borders.size(); ++i) {
            REQUIRE(r.borders[i] % r.frame_duration == 0);
            // Every segment is whole GOPs, but for the last.
            if (i + 1 < r.borders.size())
                REQUIRE(r.borders[i] / r.frame_duration % r.encoder.gop_frames == 0);
        }
        CHECK(std::abs(
                  media::mul_div(r.borders.back(), kSec, r.timescale, media::Rounding::kNearest) -
                  plan.duration_ns) <= 20'000);
    }
    for (const auto& r : plan.audio) {
        INFO("audio " << r.name);
        REQUIRE(r.borders.size() == static_cast<std::size_t>(plan.segment_count) + 1);
        CHECK(std::adjacent_find(r.borders.begin(), r.borders.end(), std::greater_equal<>()) ==
              r.borders.end());
        CHECK(r.samples > 0);
        if (r.mode == RenditionMode::kCopy) continue;
        CHECK(r.borders.front() == -r.priming);
        CHECK(r.borders.back() >= r.samples);
        CHECK(r.borders.back() - r.samples < r.frame_samples);
        CHECK(r.samples >=
              media::mul_div(plan.duration_ns, r.sample_rate, kSec, media::Rounding::kDown));
        for (std::size_t i = 1; first != nullptr && i + 1 < r.borders.size(); ++i) {
            // The first audio frame at or after the video border.
            const auto at = media::mul_div(
                first->borders[i], r.sample_rate, first->timescale, media::Rounding::kUp);
            REQUIRE(r.borders[i] >= at);
            REQUIRE(r.borders[i] - at < r.frame_samples);
        }
    }
}

void check_chunks(const Plan& plan, const Source& source) {
    const bool encodes =
        std::any_of(plan.video.renditions.begin(), plan.video.renditions.end(), [](const auto& r) {
            return r.mode == RenditionMode::kEncode;
        });
    CHECK(plan.video.chunks.empty() == !encodes);
    if (!encodes) return;
    std::int64_t frame = 0;
    std::int64_t segment = 0;
    const auto& index = *source.index.video_stream(static_cast<int>(plan.video.source_stream));
    const auto origin = source.index.timeline.epochs().front().shift_ns -
                        plan.source.timeline.epochs().front().shift_ns;
    std::int64_t context = 0;
    for (const auto& f : plan.video.source_filters) context += f.frames_before;
    for (const auto& c : plan.video.chunks) {
        CHECK(c.first_frame == frame);
        CHECK(c.first_segment == segment);
        CHECK(c.frames > 0);
        CHECK(c.segments > 0);
        frame += c.frames;
        segment += c.segments;
        if (c.start.pts == media::kNoTime) continue;
        CHECK(c.first_frame > 0);
        const auto k =
            std::find_if(index.key_frames.begin(), index.key_frames.end(), [&](const KeyFrame& x) {
                return x.position == c.start.position;
            });
        REQUIRE(k != index.key_frames.end());
        CHECK(k->pts == c.start.pts);
        CHECK(k->presentation_ns - origin <=
              plan.video.grid.time_ns(c.first_frame) - context * index.min_delta_ns);
    }
    CHECK(frame == plan.video.grid.frames);
    CHECK(segment == plan.segment_count);
}

void check_renditions(const Plan& plan) {
    const auto& all = plan.video.renditions;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& r = all[i];
        INFO("video " << r.name);
        if (r.mode == RenditionMode::kCopy) continue;
        CHECK(r.width % 2 == 0);
        CHECK(r.height % 2 == 0);
        CHECK(r.width >= 32);
        CHECK(r.height >= 32);
        CHECK_FALSE(r.colour.full_range);
        CHECK_FALSE(r.encoder.name.empty());
        CHECK(r.encoder.gop_frames > 0);
        CHECK(option(r.encoder, "g") == std::to_string(r.encoder.gop_frames));
        CHECK(r.branch < static_cast<std::int64_t>(plan.video.branches.size()));
        CHECK(media::compare(
                  r.frame_rate,
                  {plan.video.grid.rate.num, plan.video.grid.rate.den * r.frame_divisor}) == 0);
        if (r.scale_from < 0) continue;
        REQUIRE(r.scale_from < static_cast<std::int64_t>(i));
        const auto& from = all[static_cast<std::size_t>(r.scale_from)];
        CHECK(from.mode == RenditionMode::kEncode);
        CHECK(from.branch == r.branch);
        CHECK(from.width >= r.width * 2);
        CHECK(r.frame_divisor % from.frame_divisor == 0);
    }
}

}  // namespace

Plan planned(const Source& source, const presets::Preset& preset) {
    auto made = make_plan(source.facts, source.index, source.facts.identity, preset);
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
    const auto& plan = *made;
    const auto json = plan.canonical_json();
    CHECK(make_plan(source.facts, source.index, source.facts.identity, preset)->canonical_json() ==
          json);
    const auto again = Plan::from_json(json);
    INFO((again ? "" : again.error().message));
    REQUIRE(again);
    CHECK(again->canonical_json() == json);

    CHECK(plan.segment_count > 0);
    CHECK(plan.duration_ns > 0);
    check_names(plan);
    check_borders(plan);
    check_chunks(plan, source);
    check_renditions(plan);
    for (const auto& note : plan.notes) {
        INFO(note.code);
        CHECK(documented_codes().find("`" + note.code + "`") != std::string::npos);
        CHECK_FALSE(note.reason.empty());
    }
    const auto cost = estimate(plan, 2);
    CHECK(cost.bytes > 0);
    CHECK(cost.wall_seconds <= cost.cpu_seconds + 1e-9);
    CHECK_FALSE(describe(plan).empty());
    return plan;
}

Error refused(const Source& source, const presets::Preset& preset) {
    auto made = make_plan(source.facts, source.index, source.facts.identity, preset);
    REQUIRE_FALSE(made);
    CHECK(made.error().message.find('\n') == std::string::npos);
    CHECK(made.error().message.find(source.facts.name) != std::string::npos);
    return made.error();
}

bool noted(const Plan& plan, const std::string& code) {
    return std::any_of(
        plan.notes.begin(), plan.notes.end(), [&](const auto& n) { return n.code == code; });
}

std::string reasons(const Plan& plan, const std::string& code) {
    std::string text;
    for (const auto& n : plan.notes) {
        if (n.code == code) text += n.subject + ": " + n.reason + "\n";
    }
    return text;
}

std::vector<std::string> names(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& r : plan.video.renditions) all.push_back(r.name);
    for (const auto& r : plan.audio) all.push_back(r.name);
    return all;
}

std::vector<std::string> sizes(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& r : plan.video.renditions)
        all.push_back(fmt::format("{}x{}", r.width, r.height));
    return all;
}

const pipeline::VideoRendition& rendition(const Plan& plan, std::string_view name) {
    const auto found = std::find_if(plan.video.renditions.begin(),
                                    plan.video.renditions.end(),
                                    [&](const auto& r) { return r.name == name; });
    INFO("rendition " << name);
    REQUIRE(found != plan.video.renditions.end());
    return *found;
}

std::string option(const pipeline::EncoderSettings& settings, const std::string& name) {
    for (const auto& [key, value] : settings.options) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace sg::engine::test
