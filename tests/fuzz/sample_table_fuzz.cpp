#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include <formats/bmff_sample_table.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const ReadAt read = [&](std::uint64_t offset,
                            std::span<std::byte> into) -> sg::Result<std::size_t> {
        if (offset >= size) return std::size_t{0};
        const std::size_t count = std::min<std::size_t>(into.size(), size - offset);
        std::memcpy(into.data(), data + offset, count);
        return count;
    };
    SampleTableLimits limits;
    limits.moov_bytes = std::size_t{1} << 20;
    limits.samples = 1U << 16;
    const auto file = MovieFile::open(read, limits);
    if (!file) return 0;
    for (std::size_t track = 0; track < std::min<std::size_t>(file->info().tracks.size(), 8);
         ++track) {
        const auto table = file->samples(track);
        if (!table) continue;
        SampleCursor cursor(*table);
        Sample sample;
        Sample middle;
        const std::uint32_t half = table->samples() / 2;
        while (cursor.next(sample)) {
            if (sample.index == half) middle = sample;
        }
        if (cursor.damaged()) continue;
        // A cursor that jumped must agree with one that walked.
        if (!cursor.seek(half)) std::abort();
        if (cursor.next(sample) && (sample.offset != middle.offset || sample.dts != middle.dts ||
                                    sample.key != middle.key)) {
            std::abort();
        }
    }
    return 0;
}
