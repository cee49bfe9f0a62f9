#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <formats/m3u8.hpp>
#include <packagers/hls_presentation.hpp>

#include "audio_groups.hpp"
#include "joined_tracks.hpp"
#include "key_frames.hpp"
#include "uri_path.hpp"
#include "video_groups.hpp"

namespace sg::packagers {
namespace {

using namespace formats;

/// What most connections carry at once: a player begins with the first variant before it has
/// measured anything.
constexpr std::uint64_t kFirstChoiceBandwidth = 3'000'000;

const char* range_name(VideoRange range) {
    switch (range) {
        case VideoRange::kSdr:
            return "SDR";
        case VideoRange::kPq:
            return "PQ";
        case VideoRange::kHlg:
            return "HLG";
    }
    return "SDR";
}

/// Two formats that no member has both of, each filled up from the other, are one group twice.
void drop_equal_groups(std::vector<AudioGroup>& groups) {
    for (std::size_t i = 1; i < groups.size();) {
        const bool repeated =
            groups[i].qualities == 1 &&
            std::any_of(groups.begin(),
                        groups.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const AudioGroup& g) { return g.tracks == groups[i].tracks; });
        if (repeated)
            groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(i));
        else
            ++i;
    }
}

class Multivariant {
  public:
    Multivariant(std::span<const TrackIndex> tracks, const MultivariantOptions& options)
        : tracks_(tracks.begin(), tracks.end()), options_(options) {
        // Without segments it adds no bytes of its own: they are the video's.
        if (options.muxed_audio)
            tracks_.push_back({*options.muxed_audio, {}, 0, std::nullopt, std::nullopt});
        audio_ = audio_groups(tracks_);
        drop_equal_groups(audio_.groups);
        if (options.muxed_audio && audio_.members.size() == 1) audio_.groups.clear();
    }

    m3u8::Multivariant build();

  private:
    [[nodiscard]] std::string playlist_uri(const TrackIndex& track, std::string_view name) const;
    [[nodiscard]] Bitrate bitrate(const TrackIndex& track) const;
    [[nodiscard]] Bitrate group_bitrate(const AudioGroup& group) const;
    void add_renditions();
    void add_variants(const VideoGroup& video, const AudioGroup* audio);
    void add_video(const std::vector<VideoGroup>& groups);
    void add_audio_only();
    void put_first_choice_first(std::size_t count);

    std::vector<TrackIndex> tracks_;
    const MultivariantOptions& options_;
    AudioGroups audio_;
    m3u8::Multivariant list_;
};

std::string Multivariant::playlist_uri(const TrackIndex& track, std::string_view name) const {
    return fmt::format("{}{}/{}", options_.folder, uri_segment(track.description.rendition), name);
}

std::size_t default_member(const AudioGroups& audio) {
    for (std::size_t i = 0; i < audio.members.size(); ++i)
        if (audio.members[i].is_default) return i;
    return 0;
}

/// `codecs` and those of the group's renditions, each once.
std::string with_codecs(std::string codecs, const AudioGroup& group) {
    for (const TrackIndex* t : group.tracks) add_codecs(t->description.codecs, codecs);
    return codecs;
}

/// RESOLUTION is the size to display at: square pixels.
m3u8::Resolution display_size(const TrackDescription& d) {
    const double sar = d.sar_den != 0 && d.sar_num != 0
                           ? static_cast<double>(d.sar_num) / static_cast<double>(d.sar_den)
                           : 1.0;
    return {static_cast<std::uint32_t>(std::lround(d.width * sar)), d.height};
}

m3u8::Variant video_variant(const TrackIndex& track) {
    const TrackDescription& d = track.description;
    m3u8::Variant v;
    v.codecs = d.codecs;
    v.resolution = display_size(d);
    v.video_range = range_name(d.range);
    return v;
}

Bitrate Multivariant::bitrate(const TrackIndex& track) const {
    const auto declared = options_.declared.find(track.description.rendition);
    if (declared != options_.declared.end()) return declared->second;
    return measured_bitrate(track, options_.target_seconds);
}

Bitrate Multivariant::group_bitrate(const AudioGroup& group) const {
    Bitrate out;
    for (const TrackIndex* t : group.tracks) {
        const Bitrate b = bitrate(*t);
        out.peak = std::max(out.peak, b.peak);
        out.average = std::max(out.average, b.average);
    }
    return out;
}

void Multivariant::add_renditions() {
    std::set<std::string_view> used;
    for (const m3u8::Variant& v : list_.variants) used.insert(v.audio);
    for (const AudioGroup& group : audio_.groups) {
        if (!used.contains(group.id)) continue;
        for (std::size_t i = 0; i < audio_.members.size(); ++i) {
            const AudioMember& member = audio_.members[i];
            m3u8::Rendition r;
            r.group_id = group.id;
            r.name = member.name;
            r.language = member.language;
            r.is_default = member.is_default;
            r.autoselect = member.autoselect;
            if (member.describes_video) r.characteristics = "public.accessibility.describes-video";
            r.channels = fmt::format("{}", group.tracks[i]->description.channels);
            const bool muxed = options_.muxed_audio && group.tracks[i]->segments.empty();
            if (!muxed) r.uri = playlist_uri(*group.tracks[i], options_.playlist);
            list_.renditions.push_back(std::move(r));
        }
    }
}

void Multivariant::add_variants(const VideoGroup& video, const AudioGroup* audio) {
    const Bitrate sound = audio != nullptr ? group_bitrate(*audio) : Bitrate{};
    for (std::size_t i = 0; i < video.tracks.size(); ++i) {
        const TrackIndex& track = *video.tracks[i];
        // Several bit rates of one audio format go with the rungs they fit: the best audio with the
        // best video.
        if (audio != nullptr && audio->qualities > 1 &&
            i * audio->qualities / video.tracks.size() != audio->quality)
            continue;
        m3u8::Variant v = video_variant(track);
        const Bitrate picture = bitrate(track);
        v.bandwidth = picture.peak + sound.peak;
        v.average_bandwidth = picture.average + sound.average;
        v.frame_rate_milli = frame_rate_milli(track);
        v.uri = playlist_uri(track, options_.playlist);
        if (audio != nullptr) {
            v.codecs = with_codecs(v.codecs, *audio);
            v.audio = audio->id;
        }
        list_.variants.push_back(std::move(v));
    }
}

void Multivariant::put_first_choice_first(std::size_t count) {
    const auto begin = list_.variants.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    auto best = begin;
    for (auto v = begin; v != end; ++v) {
        const bool fits = v->bandwidth <= kFirstChoiceBandwidth;
        const bool best_fits = best->bandwidth <= kFirstChoiceBandwidth;
        if (fits != best_fits
                ? fits
                : (fits ? v->bandwidth > best->bandwidth : v->bandwidth < best->bandwidth))
            best = v;
    }
    std::rotate(begin, best, best + 1);
}

void Multivariant::add_video(const std::vector<VideoGroup>& groups) {
    std::size_t first = 0;
    for (const VideoGroup& video : groups) {
        if (audio_.groups.empty()) add_variants(video, nullptr);
        for (const AudioGroup& audio : audio_.groups) {
            add_variants(video, &audio);
            // The qualities of one format follow each other: together they are one ladder.
            if (first == 0 && audio.quality + 1 == audio.qualities) first = list_.variants.size();
        }
        if (first == 0) first = list_.variants.size();
    }
    put_first_choice_first(first);
    if (!options_.iframe_playlists) return;
    for (const VideoGroup& video : groups) {
        for (const TrackIndex* t : video.tracks) {
            const Bitrate b = measured_iframe_bitrate(*t, iframe_target_seconds(*t));
            if (b.peak == 0) continue;
            m3u8::Variant v = video_variant(*t);
            v.bandwidth = b.peak;
            v.average_bandwidth = b.average;
            v.uri = playlist_uri(*t, "iframes.m3u8");
            list_.iframe_variants.push_back(std::move(v));
        }
    }
}

void Multivariant::add_audio_only() {
    const std::size_t main = default_member(audio_);
    for (const AudioGroup& group : audio_.groups) {
        m3u8::Variant v;
        const Bitrate own = bitrate(*group.tracks[main]);
        v.bandwidth = own.peak;
        v.average_bandwidth = own.average;
        v.codecs = with_codecs("", group);
        v.uri = playlist_uri(*group.tracks[main], options_.playlist);
        if (audio_.members.size() > 1) {
            // A client may load the variant's own audio beside another rendition of the group.
            AudioGroup others = group;
            others.tracks.erase(others.tracks.begin() + static_cast<std::ptrdiff_t>(main));
            const Bitrate other = group_bitrate(others);
            v.bandwidth += other.peak;
            v.average_bandwidth += other.average;
            v.audio = group.id;
        }
        list_.variants.push_back(std::move(v));
    }
    if (audio_.members.size() > 1) {
        add_renditions();
        // The default is the variant's own media: a rendition without URI says so (RFC 8216
        // §4.3.4.2.1).
        for (m3u8::Rendition& r : list_.renditions)
            if (r.is_default) r.uri.clear();
    }
}

m3u8::Multivariant Multivariant::build() {
    list_.version = tracks_.empty() || tracks_[0].description.init_file.empty() ? 4 : 6;
    list_.independent_segments =
        std::all_of(tracks_.begin(), tracks_.end(), [](const TrackIndex& t) {
            return std::all_of(t.segments.begin(), t.segments.end(), [](const SegmentIndex& s) {
                return s.independent;
            });
        });
    const std::vector<VideoGroup> groups = video_groups(tracks_);
    if (groups.empty()) {
        add_audio_only();
    } else {
        add_video(groups);
        add_renditions();
    }
    return std::move(list_);
}

}  // namespace

std::string multivariant_playlist(std::span<const TrackIndex> tracks,
                                  const MultivariantOptions& options) {
    return m3u8::write(Multivariant(tracks, options).build());
}

std::string multivariant_playlist(std::span<const Stretch> stretches,
                                  const MultivariantOptions& options) {
    return multivariant_playlist(joined_tracks(stretches), options);
}

}  // namespace sg::packagers
