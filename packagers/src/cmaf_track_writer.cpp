#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <base/digest.hpp>
#include <packagers/cmaf_track_writer.hpp>

#include "sample_cleaner.hpp"

namespace sg::packagers {

using formats::Codec;

Result<CmafTrackWriter> CmafTrackWriter::create(CmafTrackConfig config) {
    const Codec codec = config.codec.codec;
    const bool has_nals = codec == Codec::kH264 || codec == Codec::kHevc;
    if (has_nals && config.codec.nal_length_size == 0) {
        return Error{Errc::kInvalidArgument, "write track: its codec configuration is empty"};
    }
    if (config.annex_b && (!has_nals || !config.clean)) {
        return Error{Errc::kInvalidArgument,
                     "write track: start codes can only be replaced in H.264 and HEVC samples, and "
                     "only when samples are taken apart"};
    }
    return CmafTrackWriter(std::move(config));
}

Status CmafTrackWriter::append_payload(std::span<const std::byte> data) {
    if (config_.clean) return append_clean_sample(config_.codec, config_.annex_b, data, payload_);
    payload_.insert(payload_.end(), data.begin(), data.end());
    return {};
}

Status CmafTrackWriter::add_sample(const SampleView& sample) {
    const std::size_t before = payload_.size();
    if (Status status = append_payload(sample.data); !status) {
        payload_.resize(before);
        return status;
    }
    const std::size_t size = payload_.size() - before;
    if (size > std::numeric_limits<std::uint32_t>::max()) {
        payload_.resize(before);
        return Error{Errc::kLimit, "write sample: it is 4 GiB or larger"};
    }
    const bool at_key =
        sample.key && config_.fragment_at_keys && formats::is_video(config_.codec.codec);
    if (samples_.empty() || border_pending_ || at_key) fragment_starts_.push_back(samples_.size());
    // Alone in its fragment, an I-frame is a whole moof and mdat for I-frame playlists.
    border_pending_ = at_key;
    samples_.push_back({sample.pts, sample.duration, static_cast<std::uint32_t>(size), sample.key});
    return {};
}

Result<CmafSegment> CmafTrackWriter::end_segment(std::int64_t number,
                                                 std::optional<std::int64_t> end) {
    SG_TRY_ASSIGN(SegmentLayout layout,
                  lay_out_segment(config_.layout, number, samples_, fragment_starts_, end));
    if (last_number_ && *last_number_ + 1 == number && layout.index.start != last_end_) {
        return Error{Errc::kMismatch,
                     fmt::format("write segment {}: it starts at {}, but segment {} ended at {}",
                                 number,
                                 layout.index.start,
                                 *last_number_,
                                 last_end_)};
    }
    CmafSegment segment;
    segment.bytes.reserve(layout.index.bytes);
    std::size_t from = 0;
    for (const LayoutPiece& piece : layout.pieces) {
        const auto header = layout.headers.begin() + static_cast<std::ptrdiff_t>(piece.header_at);
        segment.bytes.insert(
            segment.bytes.end(), header, header + static_cast<std::ptrdiff_t>(piece.header_bytes));
        const auto payload = payload_.begin() + static_cast<std::ptrdiff_t>(from);
        const std::size_t size = piece.payload_bytes;
        segment.bytes.insert(
            segment.bytes.end(), payload, payload + static_cast<std::ptrdiff_t>(size));
        from += size;
    }
    segment.index = std::move(layout.index);
    if (config_.digests) segment.index.sha256 = sha256_hex(segment.bytes);
    last_number_ = number;
    last_end_ = segment.index.start + segment.index.duration;
    clear();
    return segment;
}

void CmafTrackWriter::clear() {
    samples_.clear();
    fragment_starts_.clear();
    payload_.clear();
    border_pending_ = false;
}

}  // namespace sg::packagers
