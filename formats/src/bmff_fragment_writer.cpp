#include <algorithm>

#include <fmt/format.h>

#include <formats/bmff_writer.hpp>
#include <formats/byte_writer.hpp>

namespace sg::formats {

namespace {

// sample_flags, ISO/IEC 14496-12 section 8.8.3.1.
constexpr std::uint32_t kKeyFlags = 0x02000000;    // depends on no other
constexpr std::uint32_t kDeltaFlags = 0x01010000;  // depends on others, not a sync sample

constexpr std::uint32_t kDefaultBaseIsMoof = 0x020000;
constexpr std::uint32_t kDefaultDuration = 0x08;
constexpr std::uint32_t kDefaultSize = 0x10;
constexpr std::uint32_t kDefaultFlags = 0x20;

constexpr std::uint32_t kDataOffset = 0x001;
constexpr std::uint32_t kFirstFlags = 0x004;
constexpr std::uint32_t kEachDuration = 0x100;
constexpr std::uint32_t kEachSize = 0x200;
constexpr std::uint32_t kEachFlags = 0x400;
constexpr std::uint32_t kEachOffset = 0x800;

constexpr std::size_t kMaxSamples = 1U << 24;
constexpr std::uint64_t kSmallBox = 0xFFFFFFFFU;

std::uint32_t flags_of(bool key) {
    return key ? kKeyFlags : kDeltaFlags;
}

/// What the samples share decides which columns the run needs.
struct Shape {
    bool same_duration = true;
    bool same_size = true;
    bool same_flags_after_first = true;
    bool any_offset = false;
    std::uint64_t bytes = 0;
};

Shape shape_of(std::span<const FragmentSample> samples) {
    Shape shape;
    const FragmentSample& first = samples.front();
    const bool later_key = samples.size() > 1 ? samples[1].key : first.key;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const FragmentSample& sample = samples[i];
        shape.same_duration &= sample.duration == first.duration;
        shape.same_size &= sample.size == first.size;
        shape.same_flags_after_first &= i == 0 || sample.key == later_key;
        shape.any_offset |= sample.composition_offset != 0;
        shape.bytes += sample.size;
    }
    return shape;
}

std::byte* store_u32(std::byte* to, std::uint32_t value) {
    to[0] = static_cast<std::byte>(value >> 24);
    to[1] = static_cast<std::byte>(value >> 16);
    to[2] = static_cast<std::byte>(value >> 8);
    to[3] = static_cast<std::byte>(value);
    return to + 4;
}

/// Returns where the run's data offset has to be patched in.
std::size_t write_run(ByteWriter& writer,
                      std::span<const FragmentSample> samples,
                      const Shape& shape) {
    const bool first_differs =
        samples.size() > 1 && shape.same_flags_after_first && samples[0].key != samples[1].key;
    std::uint32_t flags = kDataOffset;
    if (first_differs) flags |= kFirstFlags;
    if (!shape.same_duration) flags |= kEachDuration;
    if (!shape.same_size) flags |= kEachSize;
    if (!shape.same_flags_after_first) flags |= kEachFlags;
    if (shape.any_offset) flags |= kEachOffset;
    const std::size_t trun = writer.begin_full_box(fourcc("trun"), 1, flags);
    writer.u32(static_cast<std::uint32_t>(samples.size()));
    const std::size_t offset_at = writer.size();
    writer.u32(0);
    if (first_differs) writer.u32(flags_of(samples[0].key));
    std::size_t columns = 0;
    for (const std::uint32_t column : {kEachDuration, kEachSize, kEachFlags, kEachOffset}) {
        if ((flags & column) != 0) ++columns;
    }
    std::byte* to = writer.grow(samples.size() * columns * 4);
    for (const FragmentSample& sample : samples) {
        if ((flags & kEachDuration) != 0) to = store_u32(to, sample.duration);
        if ((flags & kEachSize) != 0) to = store_u32(to, sample.size);
        if ((flags & kEachFlags) != 0) to = store_u32(to, flags_of(sample.key));
        if ((flags & kEachOffset) != 0) {
            to = store_u32(to, static_cast<std::uint32_t>(sample.composition_offset));
        }
    }
    writer.end_box(trun);
    return offset_at;
}

}  // namespace

void append_segment_type(std::vector<std::byte>& out) {
    ByteWriter writer(out);
    const std::size_t box = writer.begin_box(fourcc("styp"));
    writer.u32(fourcc("msdh"));
    writer.u32(0);
    writer.u32(fourcc("msdh"));
    writer.u32(fourcc("cmfs"));
    writer.end_box(box);
}

Status append_fragment_header(const Fragment& fragment, std::vector<std::byte>& out) {
    if (fragment.samples.empty()) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("write fragment {}: it has no samples", fragment.sequence)};
    }
    if (fragment.samples.size() > kMaxSamples) {
        return Error{Errc::kLimit,
                     fmt::format("write fragment {}: {} samples are too many; cut segments shorter",
                                 fragment.sequence,
                                 fragment.samples.size())};
    }
    const Shape shape = shape_of(fragment.samples);
    ByteWriter writer(out);
    const std::size_t moof = writer.begin_box(fourcc("moof"));
    const std::size_t mfhd = writer.begin_full_box(fourcc("mfhd"), 0, 0);
    writer.u32(fragment.sequence);
    writer.end_box(mfhd);
    const std::size_t traf = writer.begin_box(fourcc("traf"));
    std::uint32_t flags = kDefaultBaseIsMoof;
    if (shape.same_duration) flags |= kDefaultDuration;
    if (shape.same_size) flags |= kDefaultSize;
    if (shape.same_flags_after_first) flags |= kDefaultFlags;
    const std::size_t tfhd = writer.begin_full_box(fourcc("tfhd"), 0, flags);
    writer.u32(fragment.track_id);
    if (shape.same_duration) writer.u32(fragment.samples.front().duration);
    if (shape.same_size) writer.u32(fragment.samples.front().size);
    if (shape.same_flags_after_first) writer.u32(flags_of(fragment.samples.back().key));
    writer.end_box(tfhd);
    const std::size_t tfdt = writer.begin_full_box(fourcc("tfdt"), 1, 0);
    writer.u64(fragment.decode_time);
    writer.end_box(tfdt);
    const std::size_t offset_at = write_run(writer, fragment.samples, shape);
    writer.end_box(traf);
    writer.end_box(moof);
    const bool large = shape.bytes + 8 > kSmallBox;
    writer.patch_u32(offset_at,
                     static_cast<std::uint32_t>(writer.size() - moof + (large ? 16 : 8)));
    writer.u32(large ? 1 : static_cast<std::uint32_t>(shape.bytes + 8));
    writer.u32(fourcc("mdat"));
    if (large) writer.u64(shape.bytes + 16);
    return {};
}

std::size_t segment_index_size(std::size_t references) {
    return 12 + 8 + 16 + 4 + 12 * references;
}

Status append_segment_index(const SegmentIndexBox& index, std::vector<std::byte>& out) {
    constexpr std::uint32_t kMaxReference = 0x7FFFFFFF;
    if (index.references.size() > 0xFFFF) {
        return Error{Errc::kLimit,
                     fmt::format("write segment index: {} segments are over 65535; use longer ones",
                                 index.references.size())};
    }
    ByteWriter writer(out);
    const std::size_t sidx = writer.begin_full_box(fourcc("sidx"), 1, 0);
    writer.u32(index.track_id);
    writer.u32(index.timescale);
    writer.u64(index.earliest_presentation_time);
    writer.u64(0);
    writer.u16(0);
    writer.u16(static_cast<std::uint32_t>(index.references.size()));
    for (const SegmentReference& reference : index.references) {
        if (reference.bytes > kMaxReference) {
            return Error{Errc::kLimit,
                         "write segment index: a segment of 2 GiB or more; cut shorter"};
        }
        writer.u32(reference.bytes);
        writer.u32(reference.duration);
        // SAP type 1: closed, and first in decoding and presentation order.
        writer.u32(reference.starts_with_key ? 0x90000000 : 0);
    }
    writer.end_box(sidx);
    return {};
}

}  // namespace sg::formats
