#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include <formats/mpd.hpp>
#include <media/timestamp.hpp>
#include <packagers/bandwidth.hpp>
#include <packagers/dash_presentation.hpp>

#include "audio_groups.hpp"
#include "dash_period.hpp"
#include "uri_path.hpp"
#include "video_groups.hpp"

namespace sg::packagers {
namespace {

using namespace formats;

/// A client's start-up buffer; with a shorter one @bandwidth would have to rise above what a
/// segment needs.
constexpr std::int64_t kMinBufferFloorMs = 1000;

std::int64_t micros_up(std::int64_t ticks, std::uint32_t timescale) {
    if (ticks <= 0 || timescale == 0) return 0;
    const std::int64_t scale = timescale;
    return ticks / scale * 1'000'000 + ((ticks % scale) * 1'000'000 + scale - 1) / scale;
}

/// A period must be covered to its end: with the time that a last sample is held.
std::int64_t covered(const SegmentIndex& s) {
    if (s.fragments.empty()) return s.duration;
    const auto& last = s.fragments.back();
    return std::max(s.duration, last.start + last.duration - s.start);
}

std::int64_t longest_segment_us(std::span<const TrackIndex> tracks) {
    std::int64_t longest = 0;
    for (const TrackIndex& t : tracks)
        for (const SegmentIndex& s : t.segments)
            longest = std::max(longest, micros_up(covered(s), t.description.timescale));
    return longest;
}

std::int64_t end_us(std::span<const TrackIndex> tracks) {
    std::int64_t end = 0;
    for (const TrackIndex& t : tracks)
        if (!t.segments.empty())
            end = std::max(end,
                           micros_up(t.segments.back().start + t.segments.back().duration,
                                     t.description.timescale));
    return end;
}

std::string ratio(std::uint64_t num, std::uint64_t den, char separator) {
    const std::uint64_t divisor = std::gcd(num, den);
    if (divisor == 0) return {};
    num /= divisor;
    den /= divisor;
    if (separator == '/' && den == 1) return fmt::format("{}", num);
    return fmt::format("{}{}{}", num, separator, den);
}

std::string frame_rate(const TrackIndex& track) {
    const TrackDescription& d = track.description;
    if (d.frame_rate_num != 0 && d.frame_rate_den != 0)
        return ratio(d.frame_rate_num, d.frame_rate_den, '/');
    const std::uint32_t milli = mean_frame_rate_milli(track);
    return milli == 0 ? std::string() : ratio(milli, 1000, '/');
}

/// ISO/IEC 23091-3 ChannelConfiguration for the usual loudspeaker layout of a channel count.
std::string channel_configuration(std::uint32_t channels) {
    if (channels == 7) return "11";
    if (channels == 8) return "12";
    return fmt::format("{}", channels);
}

/// Runs of equal durations become one S with @r; @t stands only where time does not go on by
/// itself.
std::vector<mpd::TimelineEntry> timeline(const TrackIndex& track) {
    std::vector<mpd::TimelineEntry> out;
    std::optional<std::int64_t> next;
    for (const SegmentIndex& s : track.segments) {
        const std::int64_t t = s.start + track.description.offset;
        // Only a last sample is held: before a border decode times may have run ahead of it.
        const std::int64_t d = &s == &track.segments.back() ? covered(s) : s.duration;
        if (next == t && out.back().d == d)
            ++out.back().r;
        else
            out.push_back({next == t ? std::nullopt : std::optional(t), d, 0});
        next = t + d;
    }
    return out;
}

/// What a Period's representations have in common.
struct PeriodFrame {
    std::int64_t start_us = 0;  ///< on the presentation's timeline
    std::int64_t min_buffer_ms = 0;
};

void add_segments(const TrackIndex& track, std::int64_t start_us, mpd::Representation& r) {
    const TrackDescription& d = track.description;
    const std::string folder = uri_segment(d.rendition);
    if (track.single_file) {
        const SingleFile& file = *track.single_file;
        r.base_url = fmt::format("{}/{}", folder, uri_segment(file.name));
        r.segment_base = mpd::SegmentBase{
            d.timescale,
            d.offset,
            mpd::ByteRange{file.index_offset,
                           file.index_offset + std::max<std::uint64_t>(1, file.index_bytes) - 1},
            mpd::ByteRange{0, std::max<std::uint64_t>(1, d.init_bytes) - 1}};
        return;
    }
    mpd::SegmentTemplate t;
    t.timescale = d.timescale;
    t.presentation_time_offset =
        d.offset + media::mul_div(start_us, d.timescale, 1'000'000, media::Rounding::kNearest);
    t.start_number = track.segments.empty() ? 1 : track.segments.front().number;
    t.initialization = fmt::format("{}/{}", folder, uri_segment(d.init_file));
    t.media = folder + "/seg-$Number$.m4s";
    t.timeline = timeline(track);
    r.segment_template = std::move(t);
}

mpd::Representation representation(const TrackIndex& track, const PeriodFrame& frame) {
    const TrackDescription& d = track.description;
    mpd::Representation r;
    r.id = uri_segment(d.rendition);
    r.bandwidth = sustained_bandwidth(track, frame.min_buffer_ms);
    r.codecs = d.codecs;
    if (d.type == TrackType::kVideo) {
        r.width = d.width;
        r.height = d.height;
        r.sar = ratio(d.sar_num, d.sar_den, ':');
        r.frame_rate = frame_rate(track);
    } else {
        r.audio_sampling_rate = fmt::format("{}", d.sample_rate);
        r.audio_channels = {
            {"urn:mpeg:mpegB:cicp:ChannelConfiguration", channel_configuration(d.channels)}};
    }
    add_segments(track, frame.start_us, r);
    return r;
}

/// Sets the attributes that promise switching points; without them a client may not switch inside
/// the set.
void declare_alignment(const std::vector<const TrackIndex*>& tracks, mpd::AdaptationSet& set) {
    const bool independent = std::all_of(tracks.begin(), tracks.end(), [](const TrackIndex* t) {
        return std::all_of(t->segments.begin(), t->segments.end(), [](const SegmentIndex& s) {
            return s.independent;
        });
    });
    if (tracks.front()->single_file) {
        set.subsegment_alignment = true;
        set.subsegment_starts_with_sap = independent ? 1 : 0;
    } else {
        set.segment_alignment = true;
        set.start_with_sap = independent ? 1 : 0;
    }
}

/// Colour as code points (ISO/IEC 23091-2). An HDR set is marked essential only beside an SDR one:
/// a player that cannot judge it then leaves it out, but still has something to show.
void declare_colour(const TrackDescription& d, bool has_sdr, mpd::AdaptationSet& set) {
    auto& list = d.range != VideoRange::kSdr && has_sdr ? set.essential : set.supplemental;
    const auto add = [&](const char* name, int value) {
        if (value != 2)
            list.push_back({fmt::format("urn:mpeg:mpegB:cicp:{}", name), fmt::format("{}", value)});
    };
    add("ColourPrimaries", d.colour_primaries);
    add("TransferCharacteristics", d.transfer);
    add("MatrixCoefficients", d.matrix);
}

class PeriodBuilder {
  public:
    PeriodBuilder(std::span<const TrackIndex> tracks, const PeriodFrame& frame)
        : tracks_(tracks), frame_(frame) {}
    mpd::Period build();

  private:
    void add_video(const VideoGroup& group, bool has_sdr);
    void add_audio();

    std::span<const TrackIndex> tracks_;
    PeriodFrame frame_;
    mpd::Period period_;
};

void PeriodBuilder::add_video(const VideoGroup& group, bool has_sdr) {
    mpd::AdaptationSet set;
    set.id = static_cast<std::uint32_t>(period_.adaptation_sets.size());
    set.content_type = "video";
    set.mime_type = "video/mp4";
    declare_alignment(group.tracks, set);
    const TrackDescription& best = group.tracks.front()->description;
    set.par = ratio(
        std::uint64_t{best.width} * best.sar_num, std::uint64_t{best.height} * best.sar_den, ':');
    for (const TrackIndex* t : group.tracks) {
        set.max_width = std::max(set.max_width, t->description.width);
        set.max_height = std::max(set.max_height, t->description.height);
        set.representations.push_back(representation(*t, frame_));
    }
    declare_colour(best, has_sdr, set);
    set.roles = {{mpd::kRoleScheme, "main"}};
    period_.adaptation_sets.push_back(std::move(set));
}

void PeriodBuilder::add_audio() {
    const AudioGroups audio = audio_groups(tracks_);
    for (std::size_t i = 0; i < audio.members.size(); ++i) {
        const AudioMember& member = audio.members[i];
        for (std::size_t g = 0; g < audio.groups.size(); g += audio.groups[g].qualities) {
            if (!audio.groups[g].own[i]) continue;
            std::vector<const TrackIndex*> qualities;
            for (std::size_t q = 0; q < audio.groups[g].qualities; ++q) {
                const TrackIndex* track = audio.groups[g + q].tracks[i];
                if (std::find(qualities.begin(), qualities.end(), track) == qualities.end())
                    qualities.push_back(track);
            }
            mpd::AdaptationSet set;
            set.id = static_cast<std::uint32_t>(period_.adaptation_sets.size());
            set.content_type = "audio";
            set.mime_type = "audio/mp4";
            set.lang = member.language.empty() ? "und" : member.language;
            set.label = member.name;
            declare_alignment(qualities, set);
            for (const TrackIndex* t : qualities)
                set.representations.push_back(representation(*t, frame_));
            if (member.describes_video)
                set.accessibility = {{"urn:tva:metadata:cs:AudioPurposeCS:2007", "1"}};
            set.roles = {{mpd::kRoleScheme, member.is_default ? "main" : "alternate"}};
            period_.adaptation_sets.push_back(std::move(set));
        }
    }
}

mpd::Period PeriodBuilder::build() {
    const std::vector<VideoGroup> groups = video_groups(tracks_);
    const bool has_sdr = std::any_of(groups.begin(), groups.end(), [](const VideoGroup& g) {
        return g.tracks.front()->description.range == VideoRange::kSdr;
    });
    for (const VideoGroup& group : groups) add_video(group, has_sdr);
    add_audio();
    return std::move(period_);
}

bool same_representations(const mpd::AdaptationSet& a, const mpd::AdaptationSet& b) {
    return std::equal(a.representations.begin(),
                      a.representations.end(),
                      b.representations.begin(),
                      b.representations.end(),
                      [](const mpd::Representation& x, const mpd::Representation& y) {
                          return x.id == y.id && x.segment_template && y.segment_template &&
                                 x.segment_template->initialization ==
                                     y.segment_template->initialization;
                      });
}

/// A client need not initialise again what goes on with the same init segments. (It is no
/// continuity: time goes on, the content does not.)
void connect(const mpd::Period& before, mpd::Period& period) {
    constexpr const char* kConnectivity = "urn:mpeg:dash:period-connectivity:2015";
    for (mpd::AdaptationSet& set : period.adaptation_sets) {
        const auto same = std::find_if(
            before.adaptation_sets.begin(),
            before.adaptation_sets.end(),
            [&](const mpd::AdaptationSet& other) {
                return other.id == set.id && other.content_type == set.content_type &&
                       other.lang == set.lang && other.roles == set.roles &&
                       other.accessibility == set.accessibility && same_representations(other, set);
            });
        if (same == before.adaptation_sets.end()) continue;
        const auto known = std::find_if(
            same->supplemental.begin(), same->supplemental.end(), [&](const mpd::Descriptor& d) {
                return d.scheme == kConnectivity;
            });
        set.supplemental.push_back(
            {kConnectivity, known == same->supplemental.end() ? before.id : known->value});
    }
}

/// A Period that is yet to be built; borrows its tracks.
struct Section {
    std::int64_t start_us = 0;
    std::span<const TrackIndex> tracks;
};

mpd::Mpd manifest(std::span<const Section> sections) {
    std::int64_t longest_us = 0;
    bool single = false;
    for (const Section& s : sections) {
        longest_us = std::max(longest_us, longest_segment_us(s.tracks));
        single |= std::any_of(s.tracks.begin(), s.tracks.end(), [](const TrackIndex& t) {
            return t.single_file.has_value();
        });
    }
    const std::int64_t min_buffer_ms = std::max(kMinBufferFloorMs, (longest_us + 999) / 1000);
    mpd::Mpd out;
    out.profiles = single ? mpd::kOnDemandProfile : mpd::kLiveProfile;
    out.presentation_duration_us = sections.empty() ? 0 : end_us(sections.back().tracks);
    out.max_segment_duration_us = longest_us;
    out.min_buffer_us = min_buffer_ms * 1000;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const Section& section = sections[i];
        mpd::Period period =
            PeriodBuilder(section.tracks, {section.start_us, min_buffer_ms}).build();
        period.id = fmt::format("{}", i);
        period.start_us = section.start_us;
        if (sections.size() > 1)
            period.duration_us = (i + 1 < sections.size() ? sections[i + 1].start_us
                                                          : *out.presentation_duration_us) -
                                 section.start_us;
        if (i > 0) connect(out.periods.back(), period);
        out.periods.push_back(std::move(period));
    }
    return out;
}

}  // namespace

formats::mpd::Period dash_period(std::span<const TrackIndex> tracks) {
    return PeriodBuilder(tracks, {}).build();
}

std::string dash_manifest(std::span<const TrackIndex> tracks) {
    const Section whole{0, tracks};
    return mpd::write(manifest(std::span(&whole, 1)));
}

std::string dash_manifest(std::span<const Stretch> stretches) {
    std::vector<Section> sections;
    for (const Stretch& s : stretches) sections.push_back({s.start_us, s.tracks});
    return mpd::write(manifest(sections));
}

}  // namespace sg::packagers
