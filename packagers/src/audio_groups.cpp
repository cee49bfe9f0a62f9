#include "audio_groups.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include <packagers/bandwidth.hpp>

namespace sg::packagers {
namespace {

using MemberKey = std::tuple<int, std::string, std::string, bool>;
using FormatKey = std::pair<std::string, std::uint32_t>;

MemberKey member_key(const TrackDescription& d) {
    return {d.source_track, d.language, d.label, d.describes_video};
}

FormatKey format_key(const TrackDescription& d) {
    return {audio_codec_name(d.codecs), d.channels};
}

std::uint64_t average_of(const TrackIndex& track) {
    return measured_bitrate(track, 1).average;
}

/// Renditions of one member; for each codec and channel count the best quality first.
using Qualities = std::map<FormatKey, std::vector<const TrackIndex*>>;

struct Members {
    std::vector<AudioMember> list;
    std::vector<Qualities> renditions;  ///< beside `list`
    std::vector<FormatKey> formats;
};

std::string member_name(const TrackDescription& d) {
    if (!d.label.empty()) return d.label;
    if (!d.language.empty() && d.language != "und") return d.language;
    return "Audio";
}

AudioMember new_member(const TrackDescription& d, std::set<std::string>& names) {
    AudioMember member;
    member.name = member_name(d);
    for (int n = 2; !names.insert(member.name).second; ++n)
        member.name = fmt::format("{} ({})", member_name(d), n);
    if (d.language != "und") member.language = d.language;
    member.describes_video = d.describes_video;
    return member;
}

Members collect(std::span<const TrackIndex> tracks) {
    Members out;
    std::vector<MemberKey> keys;
    std::set<std::string> names;
    std::size_t chosen = 0;
    bool has_default = false;
    for (const TrackIndex& track : tracks) {
        const TrackDescription& d = track.description;
        if (d.type != TrackType::kAudio) continue;
        const MemberKey key = member_key(d);
        const auto at =
            static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
        if (at == keys.size()) {
            keys.push_back(key);
            out.list.push_back(new_member(d, names));
            out.renditions.emplace_back();
        }
        if (d.is_default && !has_default) {
            chosen = at;
            has_default = true;
        }
        const FormatKey format = format_key(d);
        if (std::find(out.formats.begin(), out.formats.end(), format) == out.formats.end())
            out.formats.push_back(format);
        out.renditions[at][format].push_back(&track);
    }
    if (!out.list.empty()) out.list[chosen].is_default = true;
    for (Qualities& member : out.renditions)
        for (auto& [format, list] : member)
            std::stable_sort(list.begin(), list.end(), [](const auto* a, const auto* b) {
                return average_of(*a) > average_of(*b);
            });
    return out;
}

/// Members of one language and role are told apart only by a person: just one of them may be chosen
/// by a machine.
void set_autoselect(std::vector<AudioMember>& members) {
    std::set<std::pair<std::string, bool>> taken;
    for (AudioMember& m : members)
        if (m.is_default) taken.insert({m.language, m.describes_video});
    for (AudioMember& m : members)
        m.autoselect = m.is_default || taken.insert({m.language, m.describes_video}).second;
}

/// Same codec in other channels, else the most widely playable format that the member has.
const TrackIndex* stand_in(const Qualities& member,
                           const FormatKey& format,
                           const std::vector<FormatKey>& order) {
    for (const auto& [key, list] : member)
        if (key.first == format.first) return list.front();
    for (const FormatKey& key : order)
        if (const auto found = member.find(key); found != member.end())
            return found->second.front();
    return nullptr;
}

std::ptrdiff_t codec_rank(const std::string& codec) {
    constexpr std::array<std::string_view, 6> kOrder{"aac", "mp3", "ac3", "eac3", "opus", "flac"};
    return std::find(kOrder.begin(), kOrder.end(), codec) - kOrder.begin();
}

/// Stereo first; then by codec.
auto format_rank(const FormatKey& key) {
    return std::tuple{key.second > 2, codec_rank(key.first), key.second};
}

}  // namespace

std::string audio_codec_name(std::string_view codecs) {
    codecs = codecs.substr(0, codecs.find(','));
    for (const std::string_view mp3 : {"mp4a.40.34", "mp4a.6B", "mp4a.6b", "mp4a.69"})
        if (codecs == mp3) return "mp3";
    const std::string_view fourcc = codecs.substr(0, codecs.find('.'));
    if (fourcc == "mp4a") return "aac";
    if (fourcc == "ac-3") return "ac3";
    if (fourcc == "ec-3") return "eac3";
    if (fourcc == "Opus" || fourcc == "opus") return "opus";
    if (fourcc == "fLaC" || fourcc == "flac") return "flac";
    return std::string(fourcc);
}

AudioGroups audio_groups(std::span<const TrackIndex> tracks) {
    Members members = collect(tracks);
    set_autoselect(members.list);
    std::stable_sort(
        members.formats.begin(), members.formats.end(), [](const FormatKey& a, const FormatKey& b) {
            return format_rank(a) < format_rank(b);
        });
    AudioGroups out;
    for (const FormatKey& format : members.formats) {
        std::size_t qualities = 0;
        for (const Qualities& member : members.renditions)
            if (const auto found = member.find(format); found != member.end())
                qualities = std::max(qualities, found->second.size());
        for (std::size_t q = 0; q < qualities; ++q) {
            AudioGroup group;
            group.codec = format.first;
            group.channels = format.second;
            group.quality = q;
            group.qualities = qualities;
            const TrackIndex* first_own = nullptr;
            for (const Qualities& member : members.renditions) {
                const auto found = member.find(format);
                group.own.push_back(found != member.end());
                if (found == member.end()) {
                    group.tracks.push_back(stand_in(member, format, members.formats));
                    continue;
                }
                group.tracks.push_back(found->second[std::min(q, found->second.size() - 1)]);
                if (first_own == nullptr && q < found->second.size())
                    first_own = group.tracks.back();
            }
            group.id = fmt::format("{}-{}", group.codec, group.channels);
            if (q > 0) group.id += fmt::format("-{}k", (average_of(*first_own) + 500) / 1000);
            const auto same = [&](const AudioGroup& g) { return g.id == group.id; };
            while (std::any_of(out.groups.begin(), out.groups.end(), same)) group.id += "-b";
            out.groups.push_back(std::move(group));
        }
    }
    out.members = std::move(members.list);
    return out;
}

}  // namespace sg::packagers
