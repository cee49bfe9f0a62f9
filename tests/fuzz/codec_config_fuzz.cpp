#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <formats/av1.hpp>
#include <formats/codec_config.hpp>
#include <formats/hdr_metadata.hpp>
#include <formats/nal.hpp>

// The first byte chooses the codec, the rest is its extradata.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    if (size == 0) return 0;
    const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
    const auto codec = static_cast<Codec>(data[0] % 10);
    const auto config = make_codec_config(codec, bytes);
    // What was accepted must be accepted again in the form that is stored.
    if (config && (codec == Codec::kH264 || codec == Codec::kHevc || codec == Codec::kAv1)) {
        const auto again = make_codec_config(codec, config->payload);
        if (!again || again->payload != config->payload) std::abort();
    }
    for (const unsigned length_size : {0U, 1U, 2U, 4U}) {
        (void)access_unit_random_access(NalCodec::kH264, bytes, length_size);
        (void)access_unit_random_access(NalCodec::kHevc, bytes, length_size);
        VideoFacts facts;
        read_hdr_metadata(codec, bytes, length_size, facts);
    }
    (void)av1_random_access(bytes);
    return 0;
}
