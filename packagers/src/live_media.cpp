#include <fmt/format.h>

#include <packagers/live_media.hpp>

namespace sg::packagers {

std::uint64_t LiveSegment::bytes() const {
    std::uint64_t sum = 0;
    for (const LivePart& p : parts) sum += p.bytes->size();
    return sum;
}

std::uint32_t LiveSegment::samples() const {
    std::uint32_t sum = 0;
    for (const LivePart& p : parts) sum += p.samples;
    return sum;
}

std::string live_segment_name(const LiveSegment& segment) {
    return fmt::format("{}-{}.m4s", segment.epoch, segment.number);
}

std::string live_part_name(const std::string& epoch, std::int64_t number, std::size_t part) {
    return fmt::format("{}-{}.{}.m4s", epoch, number, part);
}

std::string live_ts_name(const LiveSegment& segment) {
    return fmt::format("{}-{}.ts", segment.epoch, segment.number);
}

}  // namespace sg::packagers
