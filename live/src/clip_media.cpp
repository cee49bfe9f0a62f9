#include "clip_media.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <packagers/live_hls.hpp>

namespace sg::live {
namespace {

constexpr std::uint64_t kMaxSegment = std::uint64_t{1} << 30;

Error bad(const ClipSource& source, const char* why) {
    return {Errc::kBadData, fmt::format("clip: {} {}", source.file->media.string(), why)};
}

/// Where the showing ends when nothing follows: decode times and what is shown add up alike.
void mark_ends(ClipSegment& segment, const std::vector<std::int64_t>& durations) {
    auto& samples = segment.samples;
    auto end = segment.first_shown;
    std::size_t latest = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (samples[i].shown > samples[latest].shown) latest = i;
        end += durations[i];
        samples[i].ends = end;
        // A publisher that was cut off may owe pictures that are shown before its last one.
        const auto shown_until = samples[latest].shown + durations[latest];
        samples[i].whole = std::abs(shown_until - end) <= durations[latest] / 2;
    }
}

void list_samples(const packagers::TrackDescription& description, ClipSegment& segment) {
    auto& samples = segment.samples;
    std::vector<std::int64_t> durations;
    for (const auto& f : segment.parsed.fragments) {
        auto time = static_cast<std::int64_t>(f.decode_time) - description.offset;
        if (samples.empty()) segment.first_decoded = time;
        for (const auto& s : f.samples) {
            samples.push_back({time + s.composition_offset, 0, false, false});
            time += s.duration;
            durations.push_back(s.duration);
        }
    }
    if (samples.empty()) return;
    segment.first_shown = std::min_element(samples.begin(), samples.end(), [](auto& a, auto& b) {
                              return a.shown < b.shown;
                          })->shown;
    mark_ends(segment, durations);
    std::vector<std::int64_t> latest;  // shown so far
    for (const auto& s : samples)
        latest.push_back(latest.empty() ? s.shown : std::max(latest.back(), s.shown));
    auto earliest = std::numeric_limits<std::int64_t>::max();  // of those behind
    for (std::size_t i = samples.size(); i-- > 0;) {
        samples[i].closed = earliest > latest[i];
        samples[i].whole &= samples[i].closed;
        earliest = std::min(earliest, samples[i].shown);
    }
}

/// The latest end of pictures at or before the limit; nothing when not even the first one is.
std::optional<std::int64_t> cut_us(const ClipSegment& segment,
                                   const packagers::TrackDescription& description,
                                   std::int64_t limit_us) {
    const auto count = samples_until(segment, description, limit_us);
    if (count == 0) return std::nullopt;
    return packagers::live_micros(segment.samples[count - 1].ends, description.timescale);
}

/// Where the last segments of a stretch end together; nothing when one of them has nothing there.
Result<std::optional<std::int64_t>> common_end(const ClipFiles& files, const ClipStretch& stretch) {
    struct Last {
        ClipSegment segment;
        const packagers::TrackDescription* description = nullptr;
        bool video = false;
    };
    std::vector<Last> all;
    auto limit = std::numeric_limits<std::int64_t>::max();
    for (const auto* rendition : stretch.present) {
        const ClipSource& source = *rendition->find(stretch.keys.back());
        SG_TRY_ASSIGN(auto segment, files.read(source));
        const auto& d = source.init().description;
        limit = std::min(limit, packagers::live_micros(segment.samples.back().ends, d.timescale));
        all.push_back({std::move(segment), &d, rendition->video});
    }
    // Rungs may have been cut off at different pictures.
    for (int pass = 0; pass < 2; ++pass) {
        for (const auto& last : all) {
            if (!last.video) continue;
            const auto end = cut_us(last.segment, *last.description, limit);
            if (!end) return std::optional<std::int64_t>();
            limit = *end;
        }
    }
    for (const auto& last : all) {
        const auto first =
            packagers::live_micros(last.segment.first_shown, last.description->timescale);
        if (first >= limit) return std::optional<std::int64_t>();
    }
    return std::optional(limit);
}

}  // namespace

Status ClipFiles::open(const std::vector<ClipStretch>& stretches) {
    for (const auto& stretch : stretches) {
        for (const auto& key : stretch.keys) {
            for (const auto* rendition : stretch.present) {
                const DvrFile* file = rendition->find(key)->file;
                if (files_.contains(file)) continue;
                SG_TRY_ASSIGN(auto fd, open_file(file->media, O_RDONLY));
                files_.emplace(file, std::move(fd));
            }
        }
    }
    return {};
}

Result<ClipSegment> ClipFiles::read(const ClipSource& source) const {
    const DvrSegment& segment = *source.segment;
    if (segment.bytes > kMaxSegment) return bad(source, "has a segment of over 1 GiB");
    ClipSegment out;
    out.bytes.resize(segment.bytes);
    SG_TRY_ASSIGN(
        const std::size_t got,
        read_at(
            files_.at(source.file).get(), segment.offset, out.bytes, source.file->media.string()));
    if (got != out.bytes.size()) return bad(source, "is shorter than its index");
    SG_TRY_ASSIGN(const auto movie, formats::parse_init(*source.init().bytes));
    for (const auto& t : movie.tracks) out.defaults.push_back(t.extends);
    SG_TRY_ASSIGN(out.parsed, formats::parse_segment(out.bytes, out.defaults));
    list_samples(source.init().description, out);
    if (out.samples.empty()) return bad(source, "has an empty segment");
    return out;
}

std::size_t samples_until(const ClipSegment& segment,
                          const packagers::TrackDescription& description,
                          std::int64_t until_us) {
    const auto& samples = segment.samples;
    const auto end_us = [&](std::size_t i) {
        return packagers::live_micros(samples[i].ends, description.timescale);
    };
    if (description.type == packagers::TrackType::kVideo) {
        for (const auto wanted : {&ClipSegment::Sample::whole, &ClipSegment::Sample::closed})
            for (std::size_t n = samples.size(); n > 0; --n)
                if (samples[n - 1].*wanted && end_us(n - 1) <= until_us) return n;
        return 0;
    }
    for (std::size_t n = 1; n < samples.size(); ++n)
        if (end_us(n - 1) >= until_us) return n;
    return samples.size();
}

Status settle_ends(const ClipFiles& files, std::vector<ClipStretch>& stretches) {
    if (stretches.size() < 2) return {};
    for (ClipStretch& stretch : stretches) {
        while (!stretch.keys.empty()) {
            SG_TRY_ASSIGN(stretch.until_us, common_end(files, stretch));
            if (stretch.until_us) break;
            stretch.keys.pop_back();
        }
    }
    std::erase_if(stretches, [](const ClipStretch& s) { return s.keys.empty(); });
    return {};
}

}  // namespace sg::live
