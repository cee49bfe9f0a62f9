#include "fragment_rewrite.hpp"

#include <algorithm>

#include <formats/bmff_writer.hpp>

namespace sg::live {
namespace {

using formats::Box;
using formats::fourcc;

Error broken(const char* why) {
    return {Errc::kBadData, std::string("copy a fragment: ") + why};
}

/// The payload of a box, to be changed: `bytes` is what was walked.
std::span<std::byte> writable(std::span<std::byte> bytes, const Box& box) {
    const auto offset = static_cast<std::size_t>(box.payload.data() - bytes.data());
    return bytes.subspan(offset, box.payload.size());
}

std::uint64_t load(std::span<const std::byte> from) {
    std::uint64_t value = 0;
    for (const std::byte each : from) value = value << 8 | std::to_integer<std::uint64_t>(each);
    return value;
}

void store(std::span<std::byte> to, std::uint64_t value) {
    for (std::size_t i = to.size(); i > 0; --i, value >>= 8)
        to[i - 1] = static_cast<std::byte>(value);
}

Status rewrite_track(std::span<std::byte> traf, const FragmentEdit& edit) {
    formats::Boxes boxes(traf);
    for (Box box; boxes.next(box);) {
        const auto payload = writable(traf, box);
        if (box.type == fourcc("tfhd")) {
            if (payload.size() < 8) return broken("its tfhd is cut off");
            store(payload.subspan(4, 4), edit.track_id);
        } else if (box.type == fourcc("tfdt")) {
            const std::size_t size = !payload.empty() && payload[0] == std::byte{1} ? 8 : 4;
            if (payload.size() < 4 + size) return broken("its tfdt is cut off");
            const auto field = payload.subspan(4, size);
            const std::int64_t time = static_cast<std::int64_t>(load(field)) - edit.earlier;
            if (time < 0) return broken("it lies before the beginning");
            store(field, static_cast<std::uint64_t>(time));
        }
    }
    return boxes.damaged() ? Status(broken("its traf is cut off")) : Status();
}

}  // namespace

Status rewrite_fragments(std::span<std::byte> bytes,
                         const FragmentEdit& edit,
                         std::uint32_t& sequence) {
    formats::Boxes boxes(bytes);
    for (Box box; boxes.next(box);) {
        if (box.type != fourcc("moof")) continue;
        const auto moof = writable(bytes, box);
        formats::Boxes inner(moof);
        for (Box child; inner.next(child);) {
            const auto payload = writable(moof, child);
            if (child.type == fourcc("mfhd")) {
                if (payload.size() < 8) return broken("its mfhd is cut off");
                store(payload.subspan(4, 4), ++sequence);
            } else if (child.type == fourcc("traf")) {
                SG_TRY(rewrite_track(payload, edit));
            }
        }
        if (inner.damaged()) return broken("its moof is cut off");
    }
    return boxes.damaged() ? Status(broken("a box is cut off")) : Status();
}

Result<std::vector<std::byte>> remake_fragments(std::span<const std::byte> segment,
                                                const formats::ParsedSegment& parsed,
                                                const SampleEdit& edit) {
    std::vector<std::byte> out;
    out.reserve(segment.size());
    auto fragment = parsed.fragments.begin();
    std::size_t left = edit.samples;
    formats::Boxes boxes(segment);
    for (Box box; boxes.next(box);) {
        // Samples go with the header that says where they are.
        if (box.type == fourcc("mdat")) continue;
        if (box.type != fourcc("moof")) {
            out.insert(out.end(), box.whole.begin(), box.whole.end());
            continue;
        }
        if (left == 0 || fragment == parsed.fragments.end()) break;
        const auto& f = *fragment++;
        const std::size_t count = std::min(left, f.samples.size());
        left -= count;
        std::vector<formats::FragmentSample> kept;
        for (std::size_t i = 0; i < count; ++i) {
            const auto& s = f.samples[i];
            kept.push_back({s.size,
                            s.duration,
                            static_cast<std::int32_t>(s.composition_offset - edit.decode_later),
                            s.key});
        }
        const auto time = static_cast<std::int64_t>(f.decode_time) + edit.decode_later;
        SG_TRY(formats::append_fragment_header(
            {f.sequence, f.track_id, static_cast<std::uint64_t>(time), kept}, out));
        for (std::size_t i = 0; i < count; ++i) {
            const auto bytes =
                segment.subspan(static_cast<std::size_t>(f.samples[i].offset), f.samples[i].size);
            out.insert(out.end(), bytes.begin(), bytes.end());
        }
    }
    return out;
}

}  // namespace sg::live
