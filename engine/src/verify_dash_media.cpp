#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "verify_media.hpp"

namespace sg::engine {
namespace {

namespace mpd = formats::mpd;

/// @bandwidth above what a client needs, at most.
constexpr double kMostAbove = 1.25;

struct Fraction {
    std::int64_t num = 0;
    std::int64_t den = 1;
};

std::optional<Fraction> parse_fraction(std::string_view text, char separator) {
    Fraction f;
    const auto split = text.find(separator);
    const auto top = text.substr(0, split);
    const auto parse = [](std::string_view t, std::int64_t& into) {
        return !t.empty() &&
               std::from_chars(t.data(), t.data() + t.size(), into).ptr == t.data() + t.size();
    };
    if (!parse(top, f.num)) return std::nullopt;
    if (split != std::string_view::npos && !parse(text.substr(split + 1), f.den))
        return std::nullopt;
    if (f.num <= 0 || f.den <= 0) return std::nullopt;
    return f;
}

class DashChecker {
  public:
    DashChecker(VerifyRun& run, const DashPresentation& dash, const DashUse& use)
        : run_(run),
          dash_(dash),
          use_(use),
          track_(run.presentation.tracks[use.track]),
          stream_(track_.main_stream()),
          rep_(*use.representation) {}

    void check();

  private:
    template <class Detail>
    bool expect(bool ok, const char* check, Detail&& detail) {
        return run_.checks.expect(ok, check, use_.subject, detail);
    }
    /// A Period of several may show a part of what its segments hold.
    template <class Detail>
    void expect_within(bool ok, Detail&& detail) {
        if (dash_.mpd.periods.size() == 1)
            run_.checks.expect(ok, kind::kDashTimeline, use_.subject, detail);
        else
            run_.checks.recommend(ok, kind::kDashTimeline, use_.subject, detail);
    }
    [[nodiscard]] double stored_seconds(std::int64_t ticks) const {
        return static_cast<double>(ticks) / stream_->timescale;
    }
    [[nodiscard]] double manifest_seconds(std::int64_t ticks) const {
        return static_cast<double>(ticks) / use_.timescale;
    }
    void check_timeline();
    void check_index();
    void check_length();
    void check_codec();
    void check_picture();
    void check_sound();
    void check_bandwidth();

    VerifyRun& run_;
    const DashPresentation& dash_;
    const DashUse& use_;
    const Track& track_;
    const MeasuredStream* stream_;
    const mpd::Representation& rep_;
};

/// S@t is the earliest presentation time of a segment's media (ISO/IEC 23009-1 section 5.3.9.6);
/// some packagers give its decode time.
void DashChecker::check_timeline() {
    const double tick = 1.0 / use_.timescale + 1.0 / stream_->timescale;
    const auto count = std::min(use_.timeline.size(), stream_->segments.size());
    // Without S elements times are nominal: segments may be half a duration off (section 7.2.1).
    const bool exact = !rep_.segment_template->timeline.empty();
    for (std::size_t i = 0; i < count; ++i) {
        const auto& named = use_.timeline[i];
        const auto& segment = stream_->segments[i];
        const auto label = segment_label(track_.segments[i]);
        if (exact && i > 0) {
            const auto& before = use_.timeline[i - 1];
            expect(named.time == before.time + before.duration, kind::kDashTimeline, [&] {
                return fmt::format(
                    "S@t of {} is {}, the segment before ends at {}: {}",
                    label,
                    named.time,
                    before.time + before.duration,
                    gap_text(named.time - before.time - before.duration, use_.timescale));
            });
        }
        if (!segment.known) continue;
        const double slack = exact ? tick : manifest_seconds(named.duration) / 2;
        const double at = manifest_seconds(named.time);
        const bool same = std::abs(at - stored_seconds(segment.decode_time)) <= slack ||
                          std::abs(at - stored_seconds(stream_->shown_start(i))) <= slack;
        expect(same, kind::kDashTimeline, [&] {
            return fmt::format(
                "{}: the MPD says it starts at {} ({:.6f} s), its media at {} ({:.6f} s)",
                label,
                named.time,
                at,
                stream_->shown_start(i),
                stored_seconds(stream_->shown_start(i)));
        });
        if (!exact) continue;
        const double lasts = manifest_seconds(named.duration);
        expect(std::abs(lasts - stored_seconds(segment.duration)) <=
                   tick + stored_seconds(segment.unsure + stream_->jitter()),
               kind::kDashTimeline,
               [&] {
                   return fmt::format("{}: S@d says {:.6f} s, its samples last {:.6f} s",
                                      label,
                                      manifest_seconds(named.duration),
                                      stored_seconds(segment.duration));
               });
    }
}

void DashChecker::check_index() {
    std::int64_t time = use_.index_start;
    const auto count = std::min(use_.references.size(), stream_->segments.size());
    for (std::size_t i = 0; i < count; ++i) {
        const auto& reference = use_.references[i];
        const auto& segment = stream_->segments[i];
        const auto label = segment_label(track_.segments[i]);
        if (segment.known) {
            expect(time == segment.first_shown && segment.lasts(reference.duration),
                   kind::kDashTimeline,
                   [&] {
                       return fmt::format(
                           "{}: the sidx says it starts at {} and lasts {}, its samples {} and {}",
                           label,
                           time,
                           reference.duration,
                           segment.first_shown,
                           segment.duration);
                   });
            const bool sap =
                reference.starts_with_sap && (reference.sap_type == 1 || reference.sap_type == 2);
            expect(sap == segment.key, kind::kDashTimeline, [&] {
                return fmt::format("{}: the sidx says it {} with a key frame",
                                   label,
                                   sap ? "starts" : "does not start");
            });
        }
        time += reference.duration;
    }
}

void DashChecker::check_length() {
    if (dash_.mpd.dynamic || !stream_->complete()) return;
    const double frame = stored_seconds(stream_->longest_sample) + 0.001;
    const double start = stored_seconds(stream_->shown_start(0)) - manifest_seconds(use_.offset);
    const double end = stored_seconds(stream_->shown_end()) - manifest_seconds(use_.offset);
    const double period = static_cast<double>(use_.period_us) / 1e6;
    const bool video = stream_->type == StreamType::kVideo;
    // Audio begins with its priming.
    const auto say_start = [&] {
        return fmt::format("@presentationTimeOffset puts its first {} at {:+.4f} s of the period",
                           video ? "picture" : "sound",
                           start);
    };
    expect(start <= frame, kind::kDashTimeline, say_start);
    if (start <= frame) expect_within(start >= (video ? -frame : -0.25), say_start);
    expect_within(end <= period + frame, [&] {
        return fmt::format("the period ends at {:.4f} s, its media at {:.4f} s", period, end);
    });
    if (dash_.mpd.max_segment_duration_us) {
        const double most = static_cast<double>(*dash_.mpd.max_segment_duration_us) / 1e6;
        std::int64_t longest = 0;
        for (const auto& s : stream_->segments) longest = std::max(longest, s.duration);
        expect(stored_seconds(longest) <= most + 0.001, kind::kDashTimeline, [&] {
            return fmt::format("a segment lasts {:.4f} s, @maxSegmentDuration is {:.4f} s",
                               stored_seconds(longest),
                               most);
        });
    }
}

void DashChecker::check_codec() {
    const auto& codec = stream_->codec;
    if (!codec) return;
    expect(same_codec(rep_.codecs, codec->codecs), kind::kDashDeclared, [&] {
        return fmt::format("@codecs is \"{}\", the media is {}", rep_.codecs, codec->codecs);
    });
    const auto& set = dash_.mpd.periods[use_.period].adaptation_sets[use_.set];
    const auto& mime = rep_.mime_type.empty() ? set.mime_type : rep_.mime_type;
    const char* wanted = stream_->type == StreamType::kVideo ? "video/mp4" : "audio/mp4";
    expect(mime == wanted, kind::kDashDeclared, [&] {
        return fmt::format("@mimeType is \"{}\", the media is {}", mime, wanted);
    });
    if (set.start_with_sap == 1 || set.subsegment_starts_with_sap == 1) {
        for (std::size_t i = 0; i < stream_->segments.size(); ++i) {
            const auto& s = stream_->segments[i];
            if (s.known && !s.key)
                expect(false, kind::kDashDeclared, [&] {
                    return fmt::format("@startWithSAP is 1, but {} does not start with a key frame",
                                       segment_label(track_.segments[i]));
                });
        }
    }
}

void DashChecker::check_picture() {
    if (!stream_->codec || stream_->type != StreamType::kVideo) return;
    const auto& v = stream_->codec->video;
    expect(rep_.width == v.width && rep_.height == v.height, kind::kDashDeclared, [&] {
        return fmt::format("@width and @height say {}x{}, the pictures are {}x{}",
                           rep_.width,
                           rep_.height,
                           v.width,
                           v.height);
    });
    const auto sar = parse_fraction(rep_.sar, ':');
    const std::int64_t num = v.sar_num == 0 ? 1 : v.sar_num;
    const std::int64_t den = v.sar_num == 0 || v.sar_den == 0 ? 1 : v.sar_den;
    expect(rep_.sar.empty() || (sar && sar->num * den == sar->den * num), kind::kDashDeclared, [&] {
        return fmt::format("@sar is \"{}\", the pictures' is {}:{}", rep_.sar, num, den);
    });
    if (rep_.frame_rate.empty() || stream_->sample_duration <= 0) return;
    const auto rate = parse_fraction(rep_.frame_rate, '/');
    const double exact =
        static_cast<double>(stream_->timescale) / static_cast<double>(stream_->sample_duration);
    const bool same =
        rate &&
        std::abs(static_cast<double>(rate->num) / static_cast<double>(rate->den) - exact) <= 0.0011;
    expect(same, kind::kDashDeclared, [&] {
        return fmt::format(
            "@frameRate is \"{}\", the pictures come {:.3f} a second", rep_.frame_rate, exact);
    });
}

void DashChecker::check_sound() {
    if (!stream_->codec || stream_->type != StreamType::kAudio) return;
    const auto& a = stream_->codec->audio;
    expect(rep_.audio_sampling_rate.empty() || a.sample_rate == 0 ||
               rep_.audio_sampling_rate == std::to_string(a.sample_rate),
           kind::kDashDeclared,
           [&] {
               return fmt::format("@audioSamplingRate is \"{}\", the sound has {} Hz",
                                  rep_.audio_sampling_rate,
                                  a.sample_rate);
           });
    for (const auto& c : rep_.audio_channels) {
        if (!c.scheme.ends_with("ChannelConfiguration") &&
            !c.scheme.ends_with("audio_channel_configuration:2011"))
            continue;
        const auto value = parse_fraction(c.value, '/');
        // ISO/IEC 23091-3 Table: up to 6 the code is the count; 11 is 6.1, 12 and 7 are 7.1.
        const auto count = !value                                          ? 0
                           : c.scheme.ends_with("2011") || value->num <= 6 ? value->num
                           : value->num == 11                              ? 7
                           : value->num == 7 || value->num == 12           ? 8
                                                                           : 0;
        expect(count == 0 || a.channels == 0 || count == a.channels, kind::kDashDeclared, [&] {
            return fmt::format("AudioChannelConfiguration is \"{}\", the sound has {} channels",
                               c.value,
                               a.channels);
        });
    }
}

/// ISO/IEC 23009-1 section 5.3.5.2: enough to go on without waiting once @minBufferTime is filled,
/// from any segment.
void DashChecker::check_bandwidth() {
    if (dash_.mpd.dynamic || dash_.mpd.min_buffer_us < 1000) return;
    packagers::TrackIndex index;
    index.description.timescale = stream_->timescale;
    for (const auto& t : track_.timed_bytes()) {
        auto& s = index.segments.emplace_back();
        s.bytes = t.bytes;
        s.duration = t.duration;
    }
    if (index.segments.empty()) return;
    const auto needed =
        static_cast<double>(packagers::sustained_bandwidth(index, dash_.mpd.min_buffer_us / 1000));
    std::int64_t longest = 1;
    for (const auto& s : index.segments) longest = std::max(longest, s.duration);
    const auto target = static_cast<std::int64_t>(std::ceil(stored_seconds(longest)));
    const auto peak = static_cast<double>(packagers::measured_bitrate(index, target).peak);
    const auto declared = static_cast<double>(rep_.bandwidth);
    expect(declared + 1 >= needed, kind::kDashBandwidth, [&] {
        return fmt::format("@bandwidth is {}, with @minBufferTime {:.3f} s a client needs {:.0f}",
                           rep_.bandwidth,
                           static_cast<double>(dash_.mpd.min_buffer_us) / 1e6,
                           needed);
    });
    expect(declared <= std::max(needed, peak) * kMostAbove, kind::kDashBandwidth, [&] {
        return fmt::format(
            "@bandwidth is {}, far above the measured peak of {:.0f}", rep_.bandwidth, peak);
    });
}

void DashChecker::check() {
    if (stream_ == nullptr) return;
    if (use_.references.empty()) {
        check_timeline();
    } else {
        check_index();
    }
    check_length();
    check_codec();
    check_picture();
    check_sound();
    check_bandwidth();
}

/// What a Period lasts must be there, to its end.
void check_period_ends(VerifyRun& run, const DashPresentation& dash) {
    struct End {
        double at = 0;
        double unsure = 0.1;
        bool known = true;
        const DashUse* use = nullptr;
    };
    std::vector<End> ends(dash.mpd.periods.size());
    for (const auto& use : dash.uses) {
        auto& end = ends[use.period];
        end.use = &use;
        const auto* stream = run.presentation.tracks[use.track].main_stream();
        end.known &= stream != nullptr && stream->complete();
        if (!end.known) continue;
        end.at = std::max(end.at,
                          static_cast<double>(stream->shown_end()) / stream->timescale -
                              static_cast<double>(use.offset) / use.timescale);
        end.unsure = std::max(
            end.unsure, static_cast<double>(stream->segments.back().unsure) / stream->timescale);
    }
    const bool alone = ends.size() == 1;
    for (std::size_t p = 0; p < ends.size(); ++p) {
        const End& end = ends[p];
        if (!end.known || end.use == nullptr) continue;
        const double declared = static_cast<double>(end.use->period_us) / 1e6;
        if (alone ? !dash.mpd.presentation_duration_us : declared == 0) continue;
        const double missing = declared - end.at;
        run.checks.expect(missing <= end.unsure && (!alone || -missing <= end.unsure),
                          kind::kDashManifest,
                          dash.name,
                          [&] {
                              return fmt::format(
                                  "{} is {:.3f} s, the media ends at {:.3f} s",
                                  alone ? "@mediaPresentationDuration"
                                        : fmt::format("Period \"{}\"", dash.mpd.periods[p].id),
                                  declared,
                                  end.at);
                          });
    }
}

}  // namespace

void check_dash(VerifyRun& run) {
    for (const auto& dash : run.presentation.dash) {
        for (const auto& use : dash.uses) DashChecker(run, dash, use).check();
        if (!dash.mpd.dynamic) check_period_ends(run, dash);
    }
}

}  // namespace sg::engine
