#include <algorithm>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include <formats/bmff_writer.hpp>
#include <packagers/cmaf_segment_layout.hpp>

#include "decode_times.hpp"

namespace sg::packagers {

namespace {

using formats::FragmentSample;

/// Fragments of one segment count up from here, so that a segment's bytes follow from its number
/// alone.
constexpr std::int64_t kSequenceStride = 1024;

/// Far from overflow in every sum below.
constexpr std::int64_t kMaxTime = std::int64_t{1} << 60;

Error mismatch(std::int64_t number, std::string_view why) {
    return Error{Errc::kMismatch, fmt::format("write segment {}: {}", number, why)};
}

struct Times {
    std::vector<std::int64_t> shown;  ///< presentation times, ascending
    DecodeTimes decode;
    std::int64_t end = 0;
};

Result<Times> times_of(std::int64_t lead,
                       std::int64_t number,
                       std::span<const LayoutSample> samples,
                       std::optional<std::int64_t> end) {
    Times times;
    times.shown.reserve(samples.size());
    bool ascending = true;
    const LayoutSample* last = &samples.front();
    for (const LayoutSample& sample : samples) {
        if (sample.pts > kMaxTime || sample.pts < -kMaxTime) {
            return mismatch(number, "a sample's time is out of range");
        }
        ascending &= times.shown.empty() || sample.pts > times.shown.back();
        times.shown.push_back(sample.pts);
        if (sample.pts >= last->pts) last = &sample;
    }
    if (!ascending) {
        std::ranges::sort(times.shown);
        if (const auto twice = std::ranges::adjacent_find(times.shown);
            twice != times.shown.end()) {
            return mismatch(number, fmt::format("two samples are shown at {}", *twice));
        }
    }
    std::int64_t duration = last->duration;
    // Some sources do not say how long their last picture stays: as long as the one before.
    if (duration == 0 && samples.size() > 1) duration = last->pts - *(times.shown.end() - 2);
    times.end = end.value_or(last->pts + duration);
    if (times.end <= times.shown.back()) {
        return mismatch(
            number,
            fmt::format(
                "it ends at {}, before its last sample at {}", times.end, times.shown.back()));
    }
    if (times.shown.front() == 0 && times.end <= lead) {
        return Error{Errc::kInternal,
                     fmt::format("write segment {}: its decode lead {} outlasts it", number, lead)};
    }
    times.decode = decode_times(samples, times.shown, times.end, lead);
    return times;
}

Status check_start(const LayoutConfig& config,
                   std::int64_t number,
                   const LayoutSample& first,
                   std::int64_t earliest,
                   std::int64_t decoded) {
    if (!first.key && !config.allow_delta_start) {
        return mismatch(number, "it does not start with a key frame");
    }
    if (first.key && first.pts != earliest && !config.allow_leading_pictures) {
        return mismatch(number,
                        fmt::format("a picture at {} comes before its key frame at {} (open GOP); "
                                    "encode this stream instead of copying it",
                                    earliest,
                                    first.pts));
    }
    if (decoded + config.offset < 0) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("write segment {}: it starts at {}, which the offset {} does not lift "
                        "above zero",
                        number,
                        decoded,
                        config.offset)};
    }
    return {};
}

Status fill_samples(std::int64_t number,
                    std::span<const LayoutSample> samples,
                    const Times& times,
                    std::vector<FragmentSample>& out) {
    out.reserve(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto& starts = times.decode.starts;
        const std::int64_t next = i + 1 < samples.size() ? starts[i + 1] : times.decode.end;
        const std::int64_t duration = next - starts[i];
        const std::int64_t offset = samples[i].pts - starts[i];
        if (duration > std::numeric_limits<std::uint32_t>::max() ||
            offset > std::numeric_limits<std::int32_t>::max() ||
            offset < std::numeric_limits<std::int32_t>::min()) {
            return mismatch(number, "its samples are too far apart for this timescale");
        }
        out.push_back(FragmentSample{samples[i].size,
                                     static_cast<std::uint32_t>(duration),
                                     static_cast<std::int32_t>(offset),
                                     samples[i].key});
    }
    return {};
}

}  // namespace

Result<SegmentLayout> lay_out_segment(const LayoutConfig& config,
                                      std::int64_t number,
                                      std::span<const LayoutSample> samples,
                                      std::span<const std::size_t> fragment_starts,
                                      std::optional<std::int64_t> end) {
    if (samples.empty()) return mismatch(number, "it has no samples");
    if (fragment_starts.empty() || fragment_starts.front() != 0 ||
        fragment_starts.back() >= samples.size() ||
        !std::ranges::is_sorted(fragment_starts, std::ranges::less_equal{})) {
        return Error{Errc::kInternal,
                     fmt::format("write segment {}: its fragments are out of order", number)};
    }
    SG_TRY_ASSIGN(const Times times, times_of(config.decode_lead, number, samples, end));
    SG_TRY(check_start(
        config, number, samples.front(), times.shown.front(), times.decode.starts.front()));
    std::vector<FragmentSample> table;
    SG_TRY(fill_samples(number, samples, times, table));

    SegmentLayout layout;
    SegmentIndex& index = layout.index;
    index.number = number;
    index.start = times.shown.front();
    index.duration = times.end - times.shown.front();
    index.samples = static_cast<std::uint32_t>(samples.size());
    index.independent = samples.front().key;
    // Most runs have sizes, and offsets or nothing: 8 bytes a sample.
    layout.headers.reserve(64 + 128 * fragment_starts.size() + 8 * samples.size());
    if (config.segment_type_box) formats::append_segment_type(layout.headers);
    std::uint64_t bytes = layout.headers.size();
    for (std::size_t f = 0; f < fragment_starts.size(); ++f) {
        const std::size_t first = fragment_starts[f];
        const bool is_last = f + 1 == fragment_starts.size();
        const std::size_t next = is_last ? samples.size() : fragment_starts[f + 1];
        formats::Fragment fragment;
        fragment.sequence = static_cast<std::uint32_t>((number - 1) * kSequenceStride +
                                                       static_cast<std::int64_t>(f) + 1);
        fragment.track_id = config.track_id;
        fragment.decode_time =
            static_cast<std::uint64_t>(times.decode.starts[first] + config.offset);
        fragment.samples = std::span(table).subspan(first, next - first);
        LayoutPiece piece;
        // The first piece also carries what stands before the fragment.
        piece.header_at = f == 0 ? 0 : layout.headers.size();
        const std::size_t moof_at = layout.headers.size();
        SG_TRY(formats::append_fragment_header(fragment, layout.headers));
        piece.header_bytes = layout.headers.size() - piece.header_at;
        piece.first_sample = first;
        piece.samples = next - first;
        for (const FragmentSample& sample : fragment.samples) piece.payload_bytes += sample.size;
        const std::uint64_t moof_bytes = layout.headers.size() - moof_at;
        FragmentIndex entry;
        entry.offset = bytes;
        entry.bytes = moof_bytes + piece.payload_bytes;
        if (samples[first].key) entry.key_bytes = moof_bytes + table[first].size;
        // Pictures shown before a key frame may follow it (open GOPs): its own time counts for
        // I-frame playlists.
        entry.start = samples[first].key ? samples[first].pts : times.shown[first];
        if (!index.fragments.empty()) {
            FragmentIndex& before = index.fragments.back();
            entry.start = std::max(entry.start, before.start);
            before.duration = entry.start - before.start;
        }
        if (is_last) entry.duration = times.end - entry.start;
        bytes += entry.bytes;
        index.fragments.push_back(entry);
        layout.pieces.push_back(piece);
    }
    index.bytes = bytes;
    return layout;
}

}  // namespace sg::packagers
