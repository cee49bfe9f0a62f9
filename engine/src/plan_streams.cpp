#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "plan_parts.hpp"

namespace sg::engine {
namespace {

using ingest::StreamFacts;
using media::MediaType;

std::string subject_of(const StreamFacts& s) {
    return fmt::format("stream {}", s.index);
}

bool copies_video(const Planning& p) {
    const auto& video = p.preset.video;
    return video.codec == presets::VideoCodec::kCopy ||
           std::any_of(video.ladder.begin(), video.ladder.end(), [](const presets::Rung& r) {
               return r.codec == presets::VideoCodec::kCopy;
           });
}

/// Why a video stream cannot be shown; empty when it can.
std::string video_obstacle(const Planning& p, const StreamFacts& s) {
    const auto* known = p.index.video_stream(s.index);
    if (s.encrypted) return "it is encrypted";
    if (known == nullptr || known->frames == 0) return "it holds no picture that can be shown";
    if (s.video.width <= 0 || s.video.height <= 0) return "its picture size is not known";
    if (!s.decodable && !(copies_video(p) && can_copy_video(s.codec)))
        return fmt::format("there is no decoder for {}", s.codec_detail);
    return {};
}

std::string audio_obstacle(const Planning& p, const StreamFacts& s) {
    const auto* known = p.index.audio_stream(s.index);
    if (s.encrypted) return "it is encrypted";
    if (known == nullptr || known->packets == 0) return "it holds no sound";
    if (s.audio.channels <= 0 || s.audio.sample_rate <= 0)
        return "its sample rate or channels are not known";
    if (!s.decodable && !can_copy_audio(s.codec))
        return fmt::format("there is no decoder for {}", s.codec_detail);
    return {};
}

bool special(const StreamFacts& s) {
    return s.disposition.comment || s.disposition.visual_impaired || s.disposition.hearing_impaired;
}

/// Default first, then the largest picture, then the first.
void choose_video(Planning& p) {
    const auto rank = [](const StreamFacts& s) {
        return std::tuple(s.disposition.is_default && !s.disposition.comment,
                          static_cast<std::int64_t>(s.video.width) * s.video.height,
                          -s.index);
    };
    for (const auto& s : p.facts.streams) {
        if (!s.is_playable_video() || !video_obstacle(p, s).empty()) continue;
        if (p.video == nullptr || rank(s) > rank(*p.video)) p.video = &s;
    }
    if (p.video != nullptr) p.video_index = p.index.video_stream(p.video->index);
}

/// Position in the preset's list of languages; past its end when it does not ask for this one.
std::size_t language_rank(const Planning& p, const StreamFacts& s) {
    const auto& wanted = p.preset.audio.languages;
    return static_cast<std::size_t>(std::find_if(wanted.begin(),
                                                 wanted.end(),
                                                 [&](const std::string& l) {
                                                     return ingest::language_tag(l) ==
                                                            s.language_tag;
                                                 }) -
                                    wanted.begin());
}

/// Of the tracks of one language the one to play: not a commentary, then the default, then most
/// channels, then the first.
bool better_track(const StreamFacts& a, const StreamFacts& b) {
    const auto rank = [](const StreamFacts& s) {
        return std::tuple(!special(s), s.disposition.is_default, s.audio.channels, -s.index);
    };
    return rank(a) > rank(b);
}

void choose_audio(Planning& p) {
    const StreamFacts* fallback = nullptr;
    const auto skip = [&](const StreamFacts& s, std::string why) {
        p.note("stream_skipped", subject_of(s), std::move(why));
    };
    for (const auto& s : p.facts.streams) {
        if (s.type != MediaType::kAudio) continue;
        if (auto why = audio_obstacle(p, s); !why.empty()) {
            skip(s, std::move(why));
            continue;
        }
        if (fallback == nullptr || better_track(s, *fallback)) fallback = &s;
        if (!p.preset.audio.languages.empty() &&
            language_rank(p, s) == p.preset.audio.languages.size()) {
            skip(s, fmt::format("the preset does not ask for language {}", s.language_tag));
            continue;
        }
        if (p.preset.audio.tracks == presets::AudioTracks::kDefault) {
            const auto same =
                std::find_if(p.audio.begin(), p.audio.end(), [&](const StreamFacts* other) {
                    return other->language_tag == s.language_tag;
                });
            if (same != p.audio.end()) {
                const StreamFacts* loser = &s;
                if (better_track(s, **same)) std::swap(*same, loser);
                skip(*loser,
                     fmt::format(
                         "another track of language {} is taken (audio.tracks: all keeps both)",
                         s.language_tag));
                continue;
            }
        }
        p.audio.push_back(&s);
    }
    if (p.audio.empty() && fallback != nullptr) {
        p.note("language_missing",
               subject_of(*fallback),
               "no track has a language that the preset asks for, so this one is taken");
        p.audio.push_back(fallback);
    }
    // What plays when the viewer chooses nothing stands in front.
    const auto main = std::min_element(
        p.audio.begin(), p.audio.end(), [&](const StreamFacts* a, const StreamFacts* b) {
            const auto rank = [&](const StreamFacts& s) {
                return std::tuple(
                    special(s), language_rank(p, s), !s.disposition.is_default, s.index);
            };
            return rank(*a) < rank(*b);
        });
    if (main != p.audio.end()) std::rotate(p.audio.begin(), main, main + 1);
}

std::string language_name(const std::string& tag) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 42> kNames{{
        {"ar", "Arabic"},     {"bg", "Bulgarian"}, {"bn", "Bengali"},    {"ca", "Catalan"},
        {"cs", "Czech"},      {"da", "Danish"},    {"de", "German"},     {"el", "Greek"},
        {"en", "English"},    {"es", "Spanish"},   {"et", "Estonian"},   {"fa", "Persian"},
        {"fi", "Finnish"},    {"fr", "French"},    {"ga", "Irish"},      {"he", "Hebrew"},
        {"hi", "Hindi"},      {"hr", "Croatian"},  {"hu", "Hungarian"},  {"id", "Indonesian"},
        {"is", "Icelandic"},  {"it", "Italian"},   {"ja", "Japanese"},   {"ko", "Korean"},
        {"lt", "Lithuanian"}, {"lv", "Latvian"},   {"ms", "Malay"},      {"nl", "Dutch"},
        {"no", "Norwegian"},  {"pl", "Polish"},    {"pt", "Portuguese"}, {"ro", "Romanian"},
        {"ru", "Russian"},    {"sk", "Slovak"},    {"sl", "Slovenian"},  {"sr", "Serbian"},
        {"sv", "Swedish"},    {"th", "Thai"},      {"tr", "Turkish"},    {"uk", "Ukrainian"},
        {"vi", "Vietnamese"}, {"zh", "Chinese"},
    }};
    for (const auto& [code, name] : kNames) {
        if (code == tag) return std::string(name);
    }
    return tag.empty() || tag == "und" ? "Audio" : tag;
}

/// RFC 8216 section 4.3.4.1: names are unique within a group.
void name_tracks(Planning& p) {
    constexpr std::size_t kLongestLabel = 100;
    std::set<std::string> taken;
    for (const auto* s : p.audio) {
        std::string label = s->title;
        const bool odd = label.empty() || label.size() > kLongestLabel ||
                         label.find_first_of("\"\r\n") != std::string::npos;
        if (odd) {
            label = language_name(s->language_tag);
            if (s->disposition.comment) label += " (commentary)";
            if (s->disposition.visual_impaired) label += " (described)";
        }
        const auto base = label;
        for (int n = 2; !taken.insert(label).second; ++n) label = fmt::format("{} {}", base, n);
        p.audio_labels.push_back(std::move(label));
    }
}

void note_others(Planning& p, bool wants_video) {
    const auto skip = [&](const StreamFacts& s, std::string why) {
        p.note("stream_skipped", subject_of(s), std::move(why));
    };
    for (const auto& s : p.facts.streams) {
        if (s.type == MediaType::kVideo) {
            if (!s.is_playable_video()) {
                skip(s, "a cover picture, not a film");
            } else if (!wants_video) {
                skip(s, "the preset makes no video");
            } else if (auto why = video_obstacle(p, s); !why.empty()) {
                skip(s, std::move(why));
            } else if (&s != p.video && p.preset.video.codec != presets::VideoCodec::kCopy) {
                skip(s, "another video stream is shown");
            }
        } else if (s.type == MediaType::kAudio) {
            if (p.preset.audio.renditions.empty()) skip(s, "the preset makes no audio");
        } else {
            skip(s, fmt::format("{} tracks are not packaged", media::media_type_name(s.type)));
        }
    }
}

}  // namespace

Status choose_streams(Planning& p) {
    const bool wants_video =
        p.preset.video.codec != presets::VideoCodec::kNone && !p.preset.video.ladder.empty();
    const bool wants_audio = !p.preset.audio.renditions.empty();
    if (wants_video) choose_video(p);
    if (wants_audio) choose_audio(p);
    name_tracks(p);
    note_others(p, wants_video);

    if (p.video == nullptr && p.audio.empty()) {
        const bool locked = std::any_of(p.facts.streams.begin(),
                                        p.facts.streams.end(),
                                        [](const StreamFacts& s) { return s.encrypted; });
        if (locked) {
            return Error{
                Errc::kUnsupported,
                fmt::format("plan {}: its streams are encrypted; decrypt it first", p.facts.name)};
        }
        return Error{Errc::kUnsupported,
                     fmt::format("plan {}: it has no playable {}, and preset {} makes nothing else",
                                 p.facts.name,
                                 wants_video && wants_audio ? "video or audio"
                                                            : (wants_video ? "video" : "audio"),
                                 p.preset.name)};
    }
    if (p.video == nullptr && wants_video)
        p.note("no_video", kSource, "the source has no pictures, so the stream has none");
    if (p.audio.empty() && wants_audio)
        p.note("no_audio", kSource, "the source has no sound, so the stream has none");
    return {};
}

std::int64_t first_audio_ns(const Planning& p) {
    std::int64_t first = media::kNoTime;
    for (const auto* s : p.audio) {
        const auto at = p.index.audio_stream(s->index)->first_ns;
        if (first == media::kNoTime || at < first) first = at;
    }
    return first;
}

std::int64_t last_audio_ns(const Planning& p) {
    std::int64_t last = media::kNoTime;
    for (const auto* s : p.audio) last = std::max(last, p.index.audio_stream(s->index)->end_ns);
    return last;
}

std::string unique_name(const Planning& p, const std::string& wanted) {
    const auto taken = [&](const std::string& name) {
        const auto same = [&](const auto& r) { return r.name == name; };
        return std::any_of(p.plan.video.renditions.begin(), p.plan.video.renditions.end(), same) ||
               std::any_of(p.plan.audio.begin(), p.plan.audio.end(), same);
    };
    std::string name = wanted;
    for (int n = 2; taken(name); ++n) name = fmt::format("{}-{}", wanted, n);
    return name;
}

bool can_copy_video(media::CodecId codec) {
    using media::CodecId;
    return codec == CodecId::kH264 || codec == CodecId::kHevc || codec == CodecId::kAv1 ||
           codec == CodecId::kVp9;
}

bool can_copy_audio(media::CodecId codec) {
    using media::CodecId;
    switch (codec) {
        case CodecId::kAac:
        case CodecId::kOpus:
        case CodecId::kAc3:
        case CodecId::kEac3:
        case CodecId::kFlac:
        case CodecId::kMp3:
            return true;
        default:
            return false;
    }
}

}  // namespace sg::engine
