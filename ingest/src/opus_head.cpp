#include "opus_head.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace sg::ingest {

std::vector<std::byte> opus_head(unsigned channels, unsigned pre_skip) {
    struct Layout {
        std::uint8_t streams;
        std::uint8_t coupled;
        std::array<std::uint8_t, 8> order;
    };
    static constexpr std::array<Layout, 9> kLayouts{{{0, 0, {}},
                                                     {1, 0, {0}},
                                                     {1, 1, {0, 1}},
                                                     {2, 1, {0, 2, 1}},
                                                     {2, 2, {0, 1, 2, 3}},
                                                     {3, 2, {0, 4, 1, 2, 3}},
                                                     {4, 2, {0, 4, 1, 2, 3, 5}},
                                                     {4, 3, {0, 4, 1, 2, 3, 5, 6}},
                                                     {5, 3, {0, 6, 1, 2, 3, 4, 5, 7}}}};
    if (channels < 1 || channels > 8) return {};
    static constexpr std::string_view kMagic = "OpusHead";
    std::vector<std::byte> head;
    for (const char letter : kMagic) head.push_back(static_cast<std::byte>(letter));
    const auto put = [&](unsigned value) { head.push_back(static_cast<std::byte>(value & 0xFFU)); };
    put(1);
    put(channels);
    put(pre_skip);
    put(pre_skip >> 8U);
    for (const unsigned byte : {0x80U, 0xBBU, 0U, 0U, 0U, 0U}) put(byte);  // 48 kHz, no gain
    put(channels > 2 ? 1 : 0);
    if (channels > 2) {
        const Layout& layout = kLayouts[channels];
        put(layout.streams);
        put(layout.coupled);
        for (unsigned i = 0; i < channels; ++i) put(layout.order[i]);
    }
    return head;
}

}  // namespace sg::ingest
