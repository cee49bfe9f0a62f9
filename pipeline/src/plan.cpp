#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>
#include <pipeline/plan.hpp>

#include "plan_archive.hpp"

namespace sg::pipeline {
namespace {

// A day of two-second segments in a dozen renditions needs a third of this.
constexpr std::size_t kMaxPlanBytes = std::size_t{16} << 20;
constexpr int kMaxDepth = 16;

constexpr NameTable<SeekMethod, 3> kSeekNames{{
    {SeekMethod::kTime, "time"},
    {SeekMethod::kPosition, "position"},
    {SeekMethod::kScan, "scan"},
}};
constexpr NameTable<RenditionMode, 2> kModeNames{{
    {RenditionMode::kEncode, "encode"},
    {RenditionMode::kCopy, "copy"},
}};

// Far above any real value, far below where sums and products of two would overflow 128 bits.
constexpr std::int64_t kHuge = std::int64_t{1} << 56;
constexpr IntegerRange kAny{-kHuge, kHuge};
constexpr IntegerRange kCount{0, kHuge};
constexpr IntegerRange kOneOrMore{1, kHuge};
constexpr IntegerRange kStreamIndex{-1, 1 << 16};
constexpr IntegerRange kPixels{0, 1 << 16};
constexpr IntegerRange kTimescale{1, 0xffffffff};
constexpr IntegerRange kCodePoint{0, 255};

}  // namespace

// Found by argument-dependent lookup from the archives, so not in the unnamed namespace.

template <class A>
static void describe(A& a, typename A::template Ref<SourceIdentity> v) {
    a.text("kind", v.kind);
    a.text("digest", v.digest);
    a.integer("bytes", v.bytes, kCount);
}

template <class A>
static void describe(A& a, typename A::template Ref<TimelineEpoch> v) {
    a.integer("from_position", v.from_position, kAny);
    a.integer("shift_ns", v.shift_ns, {});
}

static void describe(PlanWriter& a, const TimelineMap& v) {
    a.objects("epochs", v.epochs());
}
static void describe(PlanReader& a, TimelineMap& v) {
    std::vector<TimelineEpoch> epochs;
    a.objects("epochs", epochs);
    a.require(!epochs.empty(), "has no epoch");
    a.require(std::is_sorted(epochs.begin(),
                             epochs.end(),
                             [](const TimelineEpoch& x, const TimelineEpoch& y) {
                                 return x.from_position < y.from_position;
                             }),
              "has epochs out of order");
    v = TimelineMap(std::move(epochs));
}

template <class A>
static void describe(A& a, typename A::template Ref<SourcePlan> v) {
    a.object("identity", v.identity);
    a.text("demuxer", v.demuxer);
    a.name("seek", v.seek, kSeekNames);
    a.object("timeline", v.timeline);
}

template <class A>
static void describe(A& a, typename A::template Ref<SeekPoint> v) {
    a.time("pts", v.pts);
    a.time("dts", v.dts);
    a.integer("position", v.position, {-1, kHuge});
}

template <class A>
static void describe(A& a, typename A::template Ref<Chunk> v) {
    a.integer("first_segment", v.first_segment, kCount);
    a.integer("segments", v.segments, kOneOrMore);
    a.integer("first_frame", v.first_frame, kCount);
    a.integer("frames", v.frames, kOneOrMore);
    a.object("start", v.start);
}

template <class A>
static void describe(A& a, typename A::template Ref<FilterStep> v) {
    a.text("name", v.name);
    a.text("args", v.args);
    a.integer("frames_before", v.frames_before, kCount);
    a.integer("frames_after", v.frames_after, kCount);
}

template <class A>
static void describe(A& a, typename A::template Ref<media::Colour> v) {
    a.integer("primaries", v.primaries, kCodePoint);
    a.integer("transfer", v.transfer, kCodePoint);
    a.integer("matrix", v.matrix, kCodePoint);
    a.boolean("full_range", v.full_range);
}

template <class A>
static void describe(A& a, typename A::template Ref<VideoBranch> v) {
    a.text("name", v.name);
    a.objects("filters", v.filters);
    a.text("pixel_format", v.pixel_format);
    a.object("colour", v.colour);
}

template <class A>
static void describe(A& a, typename A::template Ref<EncoderSettings> v) {
    a.text("name", v.name);
    a.pairs("options", v.options);
    a.integer("gop_frames", v.gop_frames, kCount);
    a.integer("threads", v.threads, {0, 1024});
    a.integer("max_bitrate", v.max_bitrate, kCount);
    a.integer("buffer_bits", v.buffer_bits, kCount);
}

static bool ascending(const std::vector<std::int64_t>& borders) {
    return std::is_sorted(borders.begin(), borders.end()) &&
           (borders.empty() || (borders.front() >= -kHuge && borders.back() <= kHuge));
}

template <class A>
static void describe(A& a, typename A::template Ref<VideoRendition> v) {
    a.text("name", v.name);
    a.codec("codec", v.codec);
    a.name("mode", v.mode, kModeNames);
    a.integer("source_stream", v.source_stream, kStreamIndex);
    a.integer("width", v.width, kPixels);
    a.integer("height", v.height, kPixels);
    a.rational("sar", v.sar);
    a.integer("timescale", v.timescale, kTimescale);
    a.integers("borders", v.borders);
    a.integer("decode_lead", v.decode_lead, kCount);
    a.integer("frame_divisor", v.frame_divisor, kOneOrMore);
    a.rational("frame_rate", v.frame_rate);
    a.integer("frame_duration", v.frame_duration, kCount);
    a.integer("branch", v.branch, {0, 1 << 16});
    a.integer("scale_from", v.scale_from, {-1, 1 << 16});
    a.text("pixel_format", v.pixel_format);
    a.object("colour", v.colour);
    a.object("encoder", v.encoder);
    a.require(ascending(v.borders), "has borders out of order");
}

template <class A>
static void describe(A& a, typename A::template Ref<FrameGrid> v) {
    a.rational("rate", v.rate);
    a.integer("frames", v.frames, kCount);
}

// Whoever walks from a rendition to the one it is scaled from must arrive at a branch's own
// picture.
static bool scaling_ends(const std::vector<VideoRendition>& renditions) {
    const auto count = static_cast<std::int64_t>(renditions.size());
    for (const auto& rendition : renditions) {
        std::int64_t steps = 0;
        for (auto from = rendition.scale_from; from >= 0; ++steps) {
            if (from >= count || steps >= count) return false;
            const auto& next = renditions[static_cast<std::size_t>(from)];
            if (next.mode != RenditionMode::kEncode) return false;
            from = next.scale_from;
        }
    }
    return true;
}

static bool branches_exist(const VideoPlan& v) {
    return std::all_of(v.renditions.begin(), v.renditions.end(), [&](const VideoRendition& r) {
        return r.mode == RenditionMode::kCopy ||
               static_cast<std::size_t>(r.branch) < v.branches.size();
    });
}

template <class A>
static void describe(A& a, typename A::template Ref<VideoPlan> v) {
    a.integer("source_stream", v.source_stream, kStreamIndex);
    a.object("grid", v.grid);
    a.objects("source_filters", v.source_filters);
    a.integer("source_width", v.source_width, kPixels);
    a.integer("source_height", v.source_height, kPixels);
    a.text("source_pixel_format", v.source_pixel_format);
    a.rational("source_sar", v.source_sar);
    a.object("source_colour", v.source_colour);
    a.integer("rotation", v.rotation, {0, 359});
    a.objects("branches", v.branches);
    a.objects("renditions", v.renditions);
    a.objects("chunks", v.chunks);
    a.require(v.renditions.size() <= 1024, "has more than 1024 renditions");
    a.require(branches_exist(v), "has a rendition of a branch that is not there");
    a.require(scaling_ends(v.renditions), "has renditions that are scaled in a circle");
}

template <class A>
static void describe(A& a, typename A::template Ref<AudioRendition> v) {
    a.text("name", v.name);
    a.codec("codec", v.codec);
    a.name("mode", v.mode, kModeNames);
    a.integer("source_stream", v.source_stream, kStreamIndex);
    a.text("language", v.language);
    a.text("label", v.label);
    a.boolean("is_default", v.is_default);
    a.boolean("describes_video", v.describes_video);
    a.integer("sample_rate", v.sample_rate, kTimescale);
    a.integer("channels", v.channels, {0, 1024});
    a.text("channel_layout", v.channel_layout);
    a.integer("frame_samples", v.frame_samples, {0, 1 << 24});
    a.integer("priming", v.priming, kAny);
    a.integer("samples", v.samples, kCount);
    a.object("encoder", v.encoder);
    a.integers("borders", v.borders);
    a.require(ascending(v.borders), "has borders out of order");
}

template <class A>
static void describe(A& a, typename A::template Ref<PackagingPlan> v) {
    a.boolean("hls_cmaf", v.hls_cmaf);
    a.boolean("hls_ts", v.hls_ts);
    a.boolean("dash", v.dash);
    a.boolean("single_file", v.single_file);
    a.boolean("iframe_playlists", v.iframe_playlists);
    a.integer("target_ms", v.target_ms, {1, 1 << 30});
    a.integer("offset_seconds", v.offset_seconds, {0, 1 << 30});
}

template <class A>
static void describe(A& a, typename A::template Ref<PlanNote> v) {
    a.text("code", v.code);
    a.text("subject", v.subject);
    a.text("reason", v.reason);
}

static bool chunks_in_range(const Plan& v) {
    return std::all_of(v.video.chunks.begin(), v.video.chunks.end(), [&](const Chunk& c) {
        return c.first_segment + c.segments <= v.segment_count &&
               c.first_frame + c.frames <= v.video.grid.frames;
    });
}

template <class A>
static void describe(A& a, typename A::template Ref<Plan> v) {
    typename std::conditional_t<std::is_same_v<A, PlanReader>, int, const int> version =
        kPlanVersion;
    a.integer("plan_version", version, {kPlanVersion, kPlanVersion});
    a.object("source", v.source);
    a.text("preset", v.preset);
    a.text("preset_digest", v.preset_digest);
    a.text("preset_json", v.preset_json);
    a.integer("duration_ns", v.duration_ns, {0, std::numeric_limits<std::int64_t>::max()});
    a.integer("segment_count", v.segment_count, kCount);
    a.integer("decode_errors_allowed", v.decode_errors_allowed, {-1, kHuge});
    a.object("video", v.video);
    a.objects("audio", v.audio);
    a.object("packaging", v.packaging);
    a.objects("notes", v.notes);
    a.require(chunks_in_range(v), "has a chunk past its segments or frames");
}

namespace {

Error bad_plan(const std::string& why) {
    return Error{Errc::kBadData, fmt::format("read plan: {} (make the plan again)", why)};
}

// The JSON library's memory and its callers' patience are bounded before it runs.
bool too_deep(const std::string& text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kMaxDepth) return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

Result<Plan> parse(const std::string& text) {
    const auto root = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (root.is_discarded() || !root.is_object()) return bad_plan("not a JSON object");
    const auto version = root.find("plan_version");
    if (version == root.end() || !version->is_number_integer()) {
        return bad_plan("plan_version is missing");
    }
    if (*version != kPlanVersion) {
        return Error{
            Errc::kUnsupported,
            fmt::format("read plan: plan_version {} is not {}, the one known here (use the "
                        "release that made it, or make the plan again)",
                        version->dump(),
                        kPlanVersion)};
    }
    Plan plan;
    std::optional<Error> fault;
    PlanReader reader(root, "", fault);
    describe(reader, plan);
    reader.finish();
    if (fault) return *std::move(fault);
    return plan;
}

}  // namespace

std::string Plan::canonical_json() const {
    PlanWriter writer;
    describe(writer, *this);
    // Labels come from sources: bytes that are no UTF-8 become U+FFFD instead of an exception.
    return writer.node().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Plan::digest() const {
    return sha256_hex(canonical_json());
}

Result<Plan> Plan::from_json(const std::string& text) {
    if (text.size() > kMaxPlanBytes) {
        return bad_plan(fmt::format("larger than {} bytes", kMaxPlanBytes));
    }
    if (too_deep(text)) return bad_plan(fmt::format("nested deeper than {} levels", kMaxDepth));
    try {
        return parse(text);
    } catch (const std::exception& e) {
        return bad_plan(e.what());
    }
}

const char* seek_method_name(SeekMethod method) {
    for (const auto& [known, name] : kSeekNames) {
        if (known == method) return name;
    }
    return "scan";
}

}  // namespace sg::pipeline
