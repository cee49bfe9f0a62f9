#include <algorithm>
#include <tuple>

#include <ingest/facts.hpp>

namespace sg::ingest {

const StreamFacts* SourceFacts::best_video() const {
    const StreamFacts* best = nullptr;
    const auto rank = [](const StreamFacts& s) {
        return std::tuple(s.decodable,
                          s.disposition.is_default && !s.disposition.comment,
                          static_cast<std::int64_t>(s.video.width) * s.video.height,
                          -s.index);
    };
    for (const auto& s : streams) {
        if (!s.is_playable_video() || s.video.width <= 0) continue;
        if (best == nullptr || rank(s) > rank(*best)) best = &s;
    }
    return best;
}

const StreamFacts* SourceFacts::best_audio() const {
    const auto* video = best_video();
    const StreamFacts* best = nullptr;
    const auto rank = [&](const StreamFacts& s) {
        return std::tuple(s.decodable,
                          video == nullptr || s.program == video->program,
                          !s.disposition.visual_impaired && !s.disposition.comment,
                          s.disposition.is_default,
                          std::min(s.audio.channels, 8),
                          -s.index);
    };
    for (const auto& s : streams) {
        if (s.type != media::MediaType::kAudio || s.audio.sample_rate <= 0) continue;
        if (best == nullptr || rank(s) > rank(*best)) best = &s;
    }
    return best;
}

const StreamFacts* SourceFacts::stream(int index) const {
    return index >= 0 && index < std::ssize(streams) ? &streams[static_cast<std::size_t>(index)]
                                                     : nullptr;
}

}  // namespace sg::ingest
