#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "verify_media.hpp"

namespace sg::engine {
namespace {

/// How far sound may go on after the picture.
constexpr double kSoundLonger = 0.55;
/// Encoder delay and pre-roll in front of presentation time zero.
constexpr double kMostPriming = 0.25;

struct Member {
    const Track* track = nullptr;
    const MeasuredStream* stream = nullptr;

    [[nodiscard]] double seconds(std::int64_t ticks) const {
        return static_cast<double>(ticks) / stream->timescale;
    }
    [[nodiscard]] double start(std::size_t i) const { return seconds(stream->shown_start(i)); }
    [[nodiscard]] double end() const { return seconds(stream->shown_end()); }
    [[nodiscard]] double frame() const { return seconds(stream->longest_sample); }
    /// The rounding of both clocks.
    [[nodiscard]] double tick_with(const Member& other) const {
        return 1.01 / stream->timescale + 1.01 / other.stream->timescale;
    }
};

class AlignmentChecker {
  public:
    AlignmentChecker(CheckBook& checks, bool planned) : checks_(checks), planned_(planned) {}

    void check(const std::vector<Member>& video, const std::vector<Member>& audio);

  private:
    template <class Detail>
    void expect(bool ok, bool rule, const char* check, const Member& of, Detail&& detail) {
        if (rule) {
            checks_.expect(ok, check, of.track->subject, detail);
        } else {
            checks_.recommend(ok, check, of.track->subject, detail);
        }
    }
    [[nodiscard]] bool same_count(const Member& m, const Member& reference, bool rule);
    void check_video(const Member& m, const Member& reference);
    void check_audio(const Member& m, const Member& reference);
    void check_audio_start(const Member& m, const Member& reference, std::size_t i);

    CheckBook& checks_;
    bool planned_;
};

bool AlignmentChecker::same_count(const Member& m, const Member& reference, bool rule) {
    const bool same = m.stream->segments.size() == reference.stream->segments.size();
    expect(same, rule, kind::kAligned, m, [&] {
        return fmt::format("it has {} segments, {} has {}",
                           m.stream->segments.size(),
                           reference.track->subject,
                           reference.stream->segments.size());
    });
    return same;
}

void AlignmentChecker::check_video(const Member& m, const Member& reference) {
    if (same_count(m, reference, true)) {
        for (std::size_t i = 0; i < m.stream->segments.size(); ++i) {
            expect(std::abs(m.start(i) - reference.start(i)) <= m.tick_with(reference),
                   true,
                   kind::kAligned,
                   m,
                   [&] {
                       return fmt::format("{} starts at {:.6f} s, in {} at {:.6f} s",
                                          segment_label(m.track->segments[i]),
                                          m.start(i),
                                          reference.track->subject,
                                          reference.start(i));
                   });
        }
    }
    const double slack = std::max(m.frame(), reference.frame()) + 0.001;
    expect(std::abs(m.end() - reference.end()) <= slack, true, kind::kDuration, m, [&] {
        return fmt::format("it ends at {:.4f} s, {} at {:.4f} s",
                           m.end(),
                           reference.track->subject,
                           reference.end());
    });
}

void AlignmentChecker::check_audio_start(const Member& m, const Member& reference, std::size_t i) {
    const double late = m.start(i) - reference.start(i);
    const double slack = m.tick_with(reference);
    if (i == 0) {
        expect(late <= std::max(m.frame(), reference.frame()) + slack && late >= -kMostPriming,
               true,
               kind::kAligned,
               m,
               [&] {
                   return fmt::format("its sound starts {:+.4f} s from the first picture of {}",
                                      late,
                                      reference.track->subject);
               });
        return;
    }
    // A copied track's frames lie where they lie: before the border by less than one as well.
    const bool within = late >= -slack && late < m.frame() + slack;
    expect(within, planned_, kind::kAligned, m, [&] {
        return fmt::format(
            "{} starts {:+.4f} s from the border of {}; it should be the first frame at or after "
            "it",
            segment_label(m.track->segments[i]),
            late,
            reference.track->subject);
    });
}

void AlignmentChecker::check_audio(const Member& m, const Member& reference) {
    if (same_count(m, reference, planned_)) {
        for (std::size_t i = 0; i < m.stream->segments.size(); ++i)
            check_audio_start(m, reference, i);
    } else {
        check_audio_start(m, reference, 0);
    }
    std::int64_t longest = 0;
    for (const auto& s : reference.stream->segments) longest = std::max(longest, s.duration);
    const double longer = m.end() - reference.end();
    // A last picture may be held for it.
    const double held = reference.seconds(reference.stream->segments.back().unsure);
    const auto say = [&] {
        return fmt::format("its sound ends at {:.3f} s, the picture of {} at {:.3f} s",
                           m.end(),
                           reference.track->subject,
                           reference.end());
    };
    expect(std::abs(longer) <= reference.seconds(longest) + kSoundLonger + held,
           true,
           kind::kDuration,
           m,
           say);
    if (std::abs(longer) <= reference.seconds(longest) + kSoundLonger + held) {
        expect(longer <= kSoundLonger + m.frame() + held && longer >= -kSoundLonger,
               false,
               kind::kDuration,
               m,
               say);
    }
}

void AlignmentChecker::check(const std::vector<Member>& video, const std::vector<Member>& audio) {
    if (!video.empty()) {
        for (std::size_t i = 1; i < video.size(); ++i) check_video(video[i], video.front());
        for (const auto& m : audio) check_audio(m, video.front());
        return;
    }
    for (std::size_t i = 1; i < audio.size(); ++i) check_audio(audio[i], audio.front());
}

/// Copied audio starts within a frame of its border; all else exactly there.
class PlanChecker {
  public:
    PlanChecker(VerifyRun& run, const pipeline::Plan& plan) : run_(run), plan_(plan) {}

    void check();

  private:
    [[nodiscard]] const Track* track_of(const std::string& rendition);
    void check_video(const pipeline::VideoRendition& r);
    void check_audio(const pipeline::AudioRendition& r);
    void check_unplanned();
    /// What the plan says of a segment: null when the track cannot be compared.
    [[nodiscard]] const MeasuredStream* comparable(const Track& track,
                                                   std::int64_t timescale,
                                                   std::size_t segments);
    template <class Detail>
    void expect(bool ok, const std::string& subject, Detail&& detail) {
        run_.checks.expect(ok, kind::kPlan, subject, detail);
    }

    VerifyRun& run_;
    const pipeline::Plan& plan_;
};

const Track* PlanChecker::track_of(const std::string& rendition) {
    for (const auto& t : run_.presentation.tracks) {
        if (!t.transport_stream && t.rendition == rendition) return &t;
    }
    return nullptr;
}

const MeasuredStream* PlanChecker::comparable(const Track& track,
                                              std::int64_t timescale,
                                              std::size_t segments) {
    expect(track.segments.size() == segments, track.subject, [&] {
        return fmt::format("it has {} segments, the plan {}", track.segments.size(), segments);
    });
    const auto* stream = track.main_stream();
    if (stream == nullptr || track.segments.size() != segments ||
        stream->segments.size() != segments)
        return nullptr;
    expect(stream->timescale == timescale, track.subject, [&] {
        return fmt::format("its timescale is {}, the plan's {}", stream->timescale, timescale);
    });
    return stream->timescale == timescale ? stream : nullptr;
}

void PlanChecker::check_video(const pipeline::VideoRendition& r) {
    const auto* track = track_of(r.name);
    expect(track != nullptr, r.name, [] {
        return "the plan has this rendition, the presentation does not";
    });
    if (track == nullptr || r.borders.empty()) return;
    const auto* stream = comparable(*track, r.timescale, r.borders.size() - 1);
    if (stream == nullptr) return;
    const auto offset = plan_.packaging.offset_seconds * r.timescale;
    for (std::size_t i = 0; i < stream->segments.size(); ++i) {
        const auto& s = stream->segments[i];
        if (!s.known) continue;
        const auto label = segment_label(track->segments[i]);
        const auto start = r.borders[i] + offset;
        expect(s.first_shown == start, track->subject, [&] {
            return fmt::format(
                "{} starts at tick {}, in the plan at {}", label, s.first_shown, start);
        });
        const auto length = r.borders[i + 1] - r.borders[i];
        expect(s.lasts(length), track->subject, [&] {
            return fmt::format("{} lasts {} ticks, in the plan {}", label, s.duration, length);
        });
        if (r.mode != pipeline::RenditionMode::kEncode || r.frame_duration <= 0) continue;
        expect(s.samples == length / r.frame_duration, track->subject, [&] {
            return fmt::format(
                "{} has {} pictures, in the plan {}", label, s.samples, length / r.frame_duration);
        });
    }
    if (r.mode == pipeline::RenditionMode::kEncode && r.frame_duration > 0 && stream->complete()) {
        // A single picture lasts as long as its segment, which was compared above.
        expect(stream->sample_duration == r.frame_duration || stream->samples() == 1,
               track->subject,
               [&] {
                   return fmt::format(
                       "its pictures are not shown for {} ticks each, as in the plan",
                       r.frame_duration);
               });
    }
    const auto& codec = stream->codec;
    if (codec) {
        expect(
            codec->video.width == r.width && codec->video.height == r.height, track->subject, [&] {
                return fmt::format("its pictures are {}x{}, in the plan {}x{}",
                                   codec->video.width,
                                   codec->video.height,
                                   r.width,
                                   r.height);
            });
    }
}

void PlanChecker::check_audio(const pipeline::AudioRendition& r) {
    const auto* track = track_of(r.name);
    expect(track != nullptr, r.name, [] {
        return "the plan has this rendition, the presentation does not";
    });
    if (track == nullptr) return;
    auto borders = r.borders;
    const bool copied = r.mode == pipeline::RenditionMode::kCopy;
    // A border that repeats is a segment without any sound, which is not made.
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    if (borders.empty()) return;
    const auto* stream = comparable(*track, r.sample_rate, borders.size() - 1);
    if (stream == nullptr) return;
    const auto offset = plan_.packaging.offset_seconds * r.sample_rate;
    const auto slack = copied ? stream->longest_sample : 0;
    for (std::size_t i = 0; i < stream->segments.size(); ++i) {
        const auto& s = stream->segments[i];
        if (!s.known) continue;
        const auto label = segment_label(track->segments[i]);
        const auto start = borders[i] + offset;
        // Copied sound that begins before the first picture is kept.
        const bool starts =
            copied ? s.first_shown - start <= slack && (i == 0 || start - s.first_shown <= slack)
                   : s.first_shown == start;
        expect(starts, track->subject, [&] {
            return fmt::format(
                "{} starts at tick {}, in the plan at {}", label, s.first_shown, start);
        });
        if (copied) continue;
        expect(s.duration == borders[i + 1] - borders[i], track->subject, [&] {
            return fmt::format("{} lasts {} ticks, in the plan {}",
                               label,
                               s.duration,
                               borders[i + 1] - borders[i]);
        });
    }
    if (stream->codec) {
        expect(stream->codec->audio.channels == r.channels || r.channels == 0, track->subject, [&] {
            return fmt::format("its sound has {} channels, in the plan {}",
                               stream->codec->audio.channels,
                               r.channels);
        });
    }
}

void PlanChecker::check_unplanned() {
    for (const auto& t : run_.presentation.tracks) {
        if (t.transport_stream) continue;
        const bool planned = std::any_of(plan_.video.renditions.begin(),
                                         plan_.video.renditions.end(),
                                         [&](const auto& r) { return r.name == t.rendition; }) ||
                             std::any_of(plan_.audio.begin(),
                                         plan_.audio.end(),
                                         [&](const auto& r) { return r.name == t.rendition; });
        expect(planned, t.subject, [] {
            return "the presentation has this rendition, the plan does not";
        });
    }
}

void PlanChecker::check() {
    // Transport streams are made from the CMAF segments and may be all that is published.
    const bool has_cmaf = plan_.packaging.hls_cmaf || plan_.packaging.dash;
    if (!has_cmaf) return;
    for (const auto& r : plan_.video.renditions) check_video(r);
    for (const auto& r : plan_.audio) check_audio(r);
    check_unplanned();
}

}  // namespace

void check_alignment(VerifyRun& run, bool planned) {
    struct Group {
        std::vector<Member> video;
        std::vector<Member> audio;
    };
    // Transport streams keep their own clock: they line up among themselves.
    std::map<std::pair<bool, std::int64_t>, Group> groups;
    for (const auto& t : run.presentation.tracks) {
        if (!t.ended) continue;
        auto& group = groups[{t.transport_stream, t.stretch}];
        for (const auto& s : t.streams) {
            if (!s.complete() || s.segments.size() != t.segments.size()) continue;
            if (s.type == StreamType::kVideo) group.video.push_back({&t, &s});
            if (s.type == StreamType::kAudio) group.audio.push_back({&t, &s});
        }
    }
    for (const auto& [key, group] : groups)
        AlignmentChecker(run.checks, planned && !key.first).check(group.video, group.audio);
}

void check_plan(VerifyRun& run, const pipeline::Plan& plan) {
    PlanChecker(run, plan).check();
}

}  // namespace sg::engine
