#include "live_segments.hpp"

#include <algorithm>

#include <formats/bmff_reader.hpp>
#include <support/catch.hpp>

namespace sg::test {

std::vector<Decoded> decode(const packagers::LiveSegment& segment) {
    std::vector<Decoded> out;
    for (const packagers::LivePart& part : segment.parts) {
        const auto parsed = formats::parse_segment(*part.bytes, {});
        REQUIRE(parsed);
        REQUIRE(parsed->fragments.size() == 1);
        auto dts = static_cast<std::int64_t>(parsed->fragments[0].decode_time) -
                   segment.init->description.offset;
        for (const auto& s : parsed->fragments[0].samples) {
            CHECK(s.composition_offset >= 0);
            out.push_back({dts, dts + s.composition_offset, s.duration, s.size, s.key});
            dts += s.duration;
        }
    }
    return out;
}

std::vector<Decoded> decode(const LiveRecorder::Track& track) {
    std::vector<Decoded> out;
    for (const auto& s : track.segments) {
        const auto more = decode(*s);
        out.insert(out.end(), more.begin(), more.end());
    }
    return out;
}

std::pair<std::int64_t, std::int64_t> shown(const packagers::LiveSegment& segment) {
    const auto samples = decode(segment);
    const auto [first, last] =
        std::minmax_element(samples.begin(), samples.end(), [](const Decoded& a, const Decoded& b) {
            return a.pts < b.pts;
        });
    return {first->pts, last->pts};
}

void check_contiguous(const LiveRecorder::Track& track) {
    for (std::size_t i = 1; i < track.segments.size(); ++i) {
        CHECK(track.segments[i]->number == track.segments[i - 1]->number + 1);
        if (track.segments[i]->discontinuity) continue;
        CHECK(track.segments[i]->start ==
              track.segments[i - 1]->start + track.segments[i - 1]->duration);
    }
}

void check_parts(const LiveRecorder::Track& track, std::int64_t target) {
    for (const auto& s : track.segments) {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < s->parts.size(); ++i) {
            CHECK(s->parts[i].duration <= target);
            if (i + 1 < s->parts.size()) CHECK(s->parts[i].duration * 100 >= target * 85);
            CHECK(s->parts[i].start == s->start + sum);
            sum += s->parts[i].duration;
        }
        if (!s->gap) CHECK(sum == s->duration);
    }
}

}  // namespace sg::test
