#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "read_facts.hpp"

namespace sg::ingest {
namespace {

using media::kNoTime;
using media::MediaType;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;

std::string seconds(std::int64_t ns) {
    return fmt::format("{:.3f} s", static_cast<double>(ns) / 1e9);
}

class Warnings {
  public:
    explicit Warnings(SourceFacts& facts) : facts_(facts) {}

    void add(std::string code, std::string text) {
        facts_.warnings.push_back({std::move(code), std::move(text)});
    }
    /// "stream 3: " in front when there are several of its kind.
    void add(const StreamFacts& s, std::string code, const std::string& text) {
        const auto alike = std::count_if(facts_.streams.begin(),
                                         facts_.streams.end(),
                                         [&](const StreamFacts& o) { return o.type == s.type; });
        add(std::move(code), alike > 1 ? fmt::format("stream {}: {}", s.index, text) : text);
    }

  private:
    SourceFacts& facts_;
};

void look_at_rate(const StreamFacts& s, Warnings& out) {
    const auto& v = s.video;
    if (v.variable_rate)
        out.add(s,
                "variable_frame_rate",
                fmt::format("the frame rate varies, about {:.3f} a second; encoded renditions get "
                            "a constant rate",
                            v.true_rate.as_double()));
    const double rate = v.true_rate.as_double();
    if (v.true_rate.positive() && rate > 61)
        out.add(s,
                "high_frame_rate",
                fmt::format("{:.2f} frames a second; few players show more than 60", rate));
    if (v.true_rate.positive() && rate < 10)
        out.add(s, "low_frame_rate", fmt::format("only {:.2f} frames a second", rate));
    if (!v.true_rate.positive())
        out.add(
            s, "frame_rate_unknown", "the frame rate is not known before the whole file is read");
}

void look_at_picture(const StreamFacts& s, Warnings& out) {
    const auto& v = s.video;
    if (v.interlaced)
        out.add(
            s,
            "interlaced",
            "the picture is interlaced (" + v.field_order + "); it is deinterlaced when encoded");
    if (v.width % 2 != 0 || v.height % 2 != 0)
        out.add(s,
                "odd_size",
                fmt::format("{}x{} is odd; encoded pictures have even sides", v.width, v.height));
    if (v.sar.num != v.sar.den)
        out.add(s,
                "non_square_pixels",
                fmt::format("pixels are {}:{}; it is shown as {}x{}",
                            v.sar.num,
                            v.sar.den,
                            std::lround(v.width * v.sar.as_double()),
                            v.height));
    if (v.container_sar.positive() && v.codec_sar.positive() && v.container_sar != v.codec_sar)
        out.add(
            s,
            "pixel_shape_conflict",
            fmt::format(
                "the container says pixels are {}:{}, the codec {}:{}; the container is believed",
                v.container_sar.num,
                v.container_sar.den,
                v.codec_sar.num,
                v.codec_sar.den));
    if (v.rotation != 0 || v.flip)
        out.add(s,
                "rotated",
                fmt::format("a player {}turns the picture by {} degrees clockwise",
                            v.flip ? "mirrors and " : "",
                            v.rotation));
    if (v.has_alpha)
        out.add(s, "transparency", "the picture has transparency, which is lost when encoded");
    if (v.colour.hdr())
        out.add(s,
                "hdr",
                std::string(v.colour.pq() ? "HDR (PQ)" : "HDR (HLG)") +
                    "; it is tone-mapped for renditions in SDR");
    if (v.colour.pq() && !v.has_mastering_display)
        out.add(s, "hdr_metadata_missing", "HDR without a description of the mastering display");
    if (v.has_dolby_vision)
        out.add(s,
                "dolby_vision",
                fmt::format("Dolby Vision profile {}; {}",
                            v.dolby_vision.profile,
                            v.dolby_vision.compatibility_id != 0
                                ? "only its compatible base layer is used"
                                : "it has no compatible base layer, so colours may be wrong"));
    if (v.closed_captions)
        out.add(s, "closed_captions", "closed captions are embedded in the picture stream");
    if (v.keyframe_spacing_ns > 10 * kSecond)
        out.add(
            s,
            "sparse_key_frames",
            fmt::format("key frames are up to {:.1f} s apart; copying it makes segments that long",
                        static_cast<double>(v.keyframe_spacing_ns) / 1e9));
}

void look_at_time(const SourceFacts& facts, Warnings& out) {
    const auto* video = facts.best_video();
    const auto* audio = facts.best_audio();
    if (facts.start_ns != kNoTime && (facts.start_ns > 100 * kMs || facts.start_ns < -100 * kMs))
        out.add("start_not_zero",
                "time starts at " + seconds(facts.start_ns) + "; the output starts at zero");
    if (video == nullptr || audio == nullptr) return;
    const auto v = video->start_ns();
    const auto a = audio->start_ns();
    if (v == kNoTime || a == kNoTime) return;
    if (a - v > 40 * kMs)
        out.add("audio_starts_later", "sound starts " + seconds(a - v) + " after the picture");
    if (v - a > 40 * kMs)
        out.add("video_starts_later", "the picture starts " + seconds(v - a) + " after the sound");
}

}  // namespace

void find_warnings(SourceFacts& facts) {
    Warnings out(facts);
    std::int64_t videos = 0;
    std::int64_t audios = 0;
    std::int64_t data = 0;
    std::int64_t unknown_language = 0;
    std::set<int> programs;
    for (const auto& s : facts.streams) {
        programs.insert(s.program);
        const bool media = s.is_playable_video() || s.type == MediaType::kAudio;
        if (s.type == MediaType::kVideo && !s.is_playable_video()) {
            out.add("cover_art",
                    fmt::format("stream {} is a still picture (cover), not film; it is left out",
                                s.index));
            continue;
        }
        if (!media) {
            if (s.type != MediaType::kSubtitle) ++data;
            continue;
        }
        if (!s.decodable)
            out.add(s,
                    "no_decoder",
                    fmt::format("nothing here can decode {}; it is left out", s.codec_detail));
        if (s.start == kNoTime)
            out.add(s, "no_timestamps", "its packets carry no times; they are counted instead");
        if (s.type == MediaType::kVideo) {
            ++videos;
            look_at_rate(s, out);
            look_at_picture(s, out);
        } else {
            ++audios;
            if (s.language_tag == "und") ++unknown_language;
            if (s.audio.channels > 8)
                out.add(
                    s,
                    "many_channels",
                    fmt::format("{} channels; they are mixed down when encoded", s.audio.channels));
        }
    }
    if (videos == 0) out.add("no_video", "there is no picture, only sound");
    if (audios == 0) out.add("no_audio", "there is no sound");
    if (videos > 1) {
        const auto* best = facts.best_video();
        out.add("several_videos",
                fmt::format("{} picture streams; stream {} is used",
                            videos,
                            best != nullptr ? best->index : -1));
    }
    if (programs.size() > 1 && *programs.rbegin() != 0 && programs.count(0) == 0)
        out.add("several_programs",
                fmt::format("{} programmes in one stream; one is used", programs.size()));
    if (audios > 1 && unknown_language > 0)
        out.add("unknown_language",
                fmt::format(
                    "{} of {} sound streams do not say their language", unknown_language, audios));
    if (data > 0) out.add("data_ignored", fmt::format("{} data streams are left out", data));
    if (facts.duration_ns == kNoTime)
        out.add("duration_unknown", "the duration is not known before the whole file is read");
    look_at_time(facts, out);
}

}  // namespace sg::ingest
