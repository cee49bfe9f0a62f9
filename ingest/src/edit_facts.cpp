#include "edit_facts.hpp"

#include <algorithm>
#include <limits>

#include <base/file.hpp>
#include <formats/bmff_sample_table.hpp>

namespace sg::ingest {
namespace {

/// A larger movie header would make looking slow, and edit lists are for information here: the
/// demuxer applies them.
constexpr std::size_t kMaxMovieHeader = std::size_t{8} << 20;

std::int64_t to_ns(std::uint64_t ticks, std::uint32_t timescale) {
    if (timescale == 0 ||
        ticks > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return 0;
    return media::mul_div(
        static_cast<std::int64_t>(ticks), 1'000'000'000, timescale, media::Rounding::kNearest);
}

}  // namespace

void read_edit_facts(int fd, SourceFacts& facts) {
    const formats::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
        return read_at(fd, offset, into, facts.name);
    };
    formats::SampleTableLimits limits;
    limits.moov_bytes = kMaxMovieHeader;
    const auto movie = formats::MovieFile::open(read, limits);
    if (!movie) return;
    for (auto& stream : facts.streams) {
        for (const auto& track : movie->info().tracks) {
            if (static_cast<std::int64_t>(track.id) != stream.id || track.edits.empty()) continue;
            auto& edits = stream.edits;
            edits.present = true;
            edits.entries = static_cast<int>(std::min<std::size_t>(track.edits.size(), 1'000'000));
            bool begun = false;
            for (const auto& edit : track.edits) {
                if (begun) break;
                if (edit.media_time < 0) {
                    edits.empty_ns += to_ns(edit.duration, movie->info().timescale);
                } else {
                    edits.skip_ns =
                        to_ns(static_cast<std::uint64_t>(edit.media_time), track.timescale);
                    begun = true;
                }
            }
        }
    }
}

}  // namespace sg::ingest
