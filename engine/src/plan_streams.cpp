#include "plan_parts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace sg::engine {
namespace {

using ingest::StreamFacts;
using media::MediaType;

std::string stream_subject(const StreamFacts& s) { return fmt::format("stream {}", s.index); }

const StreamFacts* choose_video(Planning& p) {
    const StreamFacts* best = p.facts.best_video();
    if (best != nullptr && (p.index.video_stream(best->index) == nullptr || p.index.video_stream(best->index)->frames == 0)) {
        p.note("stream_skipped", stream_subject(*best), "it holds no picture that can be shown");
        best = nullptr;
        for (const auto& s : p.facts.streams) {
            const auto* known = p.index.video_stream(s.index);
            if (s.is_playable_video() && s.decodable && known != nullptr && known->frames > 0) {
                best = &s;
                break;
            }
        }
    }
    return best;
}

bool language_wanted(const Planning& p, const StreamFacts& s) {
    const auto& wanted = p.preset.audio.languages;
    if (wanted.empty()) return true;
    return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& l) {
        return ingest::language_tag(l) == s.language_tag;
    });
}

/// Of the tracks of one language the one to show: default first, then not a commentary, then most channels.
bool better_track(const StreamFacts& a, const StreamFacts& b) {
    const auto rank = [](const StreamFacts& s) {
        const bool special = s.disposition.comment || s.disposition.visual_impaired || s.disposition.hearing_impaired;
        return std::tuple(!special, s.disposition.is_default, s.audio.channels, -s.index);
    };
    return rank(a) > rank(b);
}

void choose_audio(Planning& p) {
    const StreamFacts* fallback = nullptr;
    for (const auto& s : p.facts.streams) {
        if (s.type != MediaType::kAudio) continue;
        const auto* known = p.index.audio_stream(s.index);
        if (known == nullptr || known->packets == 0) {
            p.note("stream_skipped", stream_subject(s), "it holds no sound");
            continue;
        }
        if (!s.decodable && !can_copy_audio(s.codec)) {
            p.note("stream_skipped", stream_subject(s), fmt::format("no decoder for {}", s.codec_detail));
            continue;
        }
        if (fallback == nullptr) fallback = &s;
        if (!language_wanted(p, s)) {
            p.note("stream_skipped", stream_subject(s), fmt::format("the preset does not ask for language {}", s.language_tag));
            continue;
        }
        if (p.preset.audio.tracks == presets::AudioTracks::kDefault) {
            const auto same = std::find_if(p.audio.begin(), p.audio.end(), [&](const StreamFacts* other) {
                return other->language_tag == s.language_tag;
            });
            if (same != p.audio.end()) {
                const StreamFacts* loser = &s;
                if (better_track(s, **same)) std::swap(*same, loser);
                p.note("stream_skipped",
                       stream_subject(*loser),
                       fmt::format("another track of language {} is shown (audio.tracks: all keeps both)", s.language_tag));
                continue;
            }
        }
        p.audio.push_back(&s);
    }
    if (p.audio.empty() && fallback != nullptr) {
        p.note("language_missing", stream_subject(*fallback), "no track has a language that the preset asks for, so the first is taken");
        p.audio.push_back(fallback);
    }
}

}  // namespace

Status choose_streams(Planning& p) {
    const bool wants_video = p.preset.video.codec == presets::VideoCodec::kCopy ||
                             (p.preset.video.codec != presets::VideoCodec::kNone && !p.preset.video.ladder.empty());
    if (wants_video) {
        p.video = choose_video(p);
        if (p.video != nullptr) p.video_index = p.index.video_stream(p.video->index);
    }
    if (!p.preset.audio.renditions.empty()) choose_audio(p);

    for (const auto& s : p.facts.streams) {
        switch (s.type) {
            case MediaType::kVideo:
                if (s.disposition.attached_picture || s.disposition.still_image) {
                    p.note("stream_skipped", stream_subject(s), "a cover picture, not a film");
                } else if (!wants_video) {
                    p.note("stream_skipped", stream_subject(s), "the preset makes no video");
                } else if (&s != p.video && p.preset.video.codec != presets::VideoCodec::kCopy) {
                    p.note("stream_skipped", stream_subject(s), "another video stream is shown");
                }
                break;
            case MediaType::kAudio:
                if (p.preset.audio.renditions.empty()) {
                    p.note("stream_skipped", stream_subject(s), "the preset makes no audio");
                }
                break;
            default:
                p.note("stream_skipped",
                       stream_subject(s),
                       fmt::format("{} tracks are not packaged", media::media_type_name(s.type)));
                break;
        }
    }
    if (p.video == nullptr && p.audio.empty()) {
        return Error{Errc::kUnsupported,
                     fmt::format("plan {}: it has nothing that preset {} makes use of (no playable {})",
                                 p.facts.name,
                                 p.preset.name,
                                 wants_video ? "video or audio" : "audio")};
    }
    if (p.video != nullptr && p.audio.empty() && !p.preset.audio.renditions.empty()) {
        p.note("no_audio", p.facts.name, "the source has no sound, so the stream has none");
    }
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

void set_origin(Planning& p, std::int64_t origin_ns) {
    p.origin_ns = origin_ns;
    auto epochs = p.index.timeline.epochs();
    for (auto& e : epochs) e.shift_ns -= origin_ns;
    p.plan.source.timeline = pipeline::TimelineMap(std::move(epochs));
}

std::string unique_name(const Planning& p, const std::string& wanted) {
    const auto taken = [&](const std::string& name) {
        return std::any_of(p.plan.video.renditions.begin(),
                           p.plan.video.renditions.end(),
                           [&](const auto& r) { return r.name == name; }) ||
               std::any_of(p.plan.audio.begin(), p.plan.audio.end(), [&](const auto& r) { return r.name == name; });
    };
    std::string name = wanted;
    for (int n = 2; taken(name); ++n) name = fmt::format("{}-{}", wanted, n);
    return name;
}

bool can_copy_video(media::CodecId codec) {
    using media::CodecId;
    return codec == CodecId::kH264 || codec == CodecId::kHevc || codec == CodecId::kAv1 || codec == CodecId::kVp9;
}

bool can_copy_audio(media::CodecId codec) {
    using media::CodecId;
    switch (codec) {
        case CodecId::kAac:
        case CodecId::kOpus:
        case CodecId::kAc3:
        case CodecId::kEac3:
        case CodecId::kFlac:
        case CodecId::kMp3: return true;
        default: return false;
    }
}

std::string language_name(const std::string& tag) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 42> kNames{{
        {"ar", "Arabic"},     {"bg", "Bulgarian"},  {"bn", "Bengali"},   {"ca", "Catalan"},   {"cs", "Czech"},
        {"da", "Danish"},     {"de", "German"},     {"el", "Greek"},     {"en", "English"},   {"es", "Spanish"},
        {"et", "Estonian"},   {"fa", "Persian"},    {"fi", "Finnish"},   {"fr", "French"},    {"ga", "Irish"},
        {"he", "Hebrew"},     {"hi", "Hindi"},      {"hr", "Croatian"},  {"hu", "Hungarian"}, {"id", "Indonesian"},
        {"is", "Icelandic"},  {"it", "Italian"},    {"ja", "Japanese"},  {"ko", "Korean"},    {"lt", "Lithuanian"},
        {"lv", "Latvian"},    {"ms", "Malay"},      {"nl", "Dutch"},     {"no", "Norwegian"}, {"pl", "Polish"},
        {"pt", "Portuguese"}, {"ro", "Romanian"},   {"ru", "Russian"},   {"sk", "Slovak"},    {"sl", "Slovenian"},
        {"sr", "Serbian"},    {"sv", "Swedish"},    {"th", "Thai"},      {"tr", "Turkish"},   {"uk", "Ukrainian"},
        {"vi", "Vietnamese"}, {"zh", "Chinese"},
    }};
    for (const auto& [code, name] : kNames) {
        if (code == tag) return std::string(name);
    }
    return tag == "und" ? "Audio" : tag;
}

}  // namespace sg::engine
