#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <formats/bmff_reader.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const auto bytes = std::as_bytes(std::span(data, size));
    std::vector<TrackExtends> defaults;
    if (const auto movie = parse_init(bytes)) {
        for (const TrackInfo& track : movie->tracks) {
            defaults.push_back(track.extends);
            (void)codec_config_of(track).has_value();
        }
    }
    if (const auto segment = parse_segment(bytes, defaults)) {
        for (const ParsedFragment& fragment : segment->fragments) {
            for (const ParsedSample& sample : fragment.samples) {
                if (sample.offset + sample.size > size) std::abort();
            }
        }
    }
    return 0;
}
