#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <formats/ts_demuxer.hpp>

#include "ts_sections.hpp"

namespace {

using namespace sg::formats::ts;

class Sink final : public DemuxSink {
  public:
    void on_programs(std::span<const Program> programs) override {
        if (programs.size() > 4) __builtin_trap();
    }
    void on_unit(const AccessUnit& unit) override {
        if (unit.bytes.empty() || unit.bytes.size() > kUnitBytes) __builtin_trap();
        if (unit.pts && (*unit.pts < 0 || *unit.pts >> 33 != 0)) __builtin_trap();
        last_ = unit.bytes.back();
    }
    void on_section(const Section& section) override { last_ = section.bytes.back(); }
    void on_clock(unsigned, std::int64_t, bool) override {}

    static constexpr std::size_t kUnitBytes = 1U << 20;
    volatile std::byte last_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t step = 1 + data[0];
    const bool repair = (data[1] & 1) != 0;
    const auto bytes = std::as_bytes(std::span(data + 2, size - 2));
    std::vector<std::byte> stream(bytes.begin(), bytes.end());
    if (repair) sg::tests::repair_sections(stream);
    DemuxLimits limits;
    limits.programs = 4;
    limits.tracks = 8;
    limits.video_unit_bytes = Sink::kUnitBytes;
    limits.buffered_bytes = 2 * Sink::kUnitBytes;
    Sink sink;
    TsDemuxer demuxer(sink, limits);
    for (std::size_t at = 0; at < stream.size(); at += step)
        demuxer.push(std::span(stream).subspan(at, std::min(step, stream.size() - at)));
    demuxer.flush();
    return 0;
}
