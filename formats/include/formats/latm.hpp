#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/audio_facts.hpp>

namespace sg::formats {

/// Takes AAC out of LATM as transport streams carry it (AudioSyncStream and AudioMuxElement,
/// ISO/IEC 14496-3 section 1.7): one program with one layer, as broadcasters send. Takes hostile
/// bytes.
class LatmReader {
  public:
    static constexpr std::size_t kSyncBytes = 3;
    /// Bytes of the element that follows the sync word and length at the front; 0 when there is no
    /// sync word. Needs kSyncBytes.
    [[nodiscard]] static std::size_t element_bytes(std::span<const std::byte> bytes);

    /// An AudioMuxElement, without sync word and length. kAgain while no configuration has come,
    /// kUnsupported for layers and codecs that broadcasters do not use. Afterwards frames() has its
    /// raw frames, until the next call.
    [[nodiscard]] Status read(std::span<const std::byte> element);
    [[nodiscard]] const std::vector<std::vector<std::byte>>& frames() const { return frames_; }

    /// AudioSpecificConfig in force; empty before the first one.
    [[nodiscard]] std::span<const std::byte> config() const { return config_; }
    [[nodiscard]] const AudioFacts& facts() const { return facts_; }

  private:
    class Bits;

    Status read_mux_config(Bits& bits);
    Status read_payload(Bits& bits);

    std::vector<std::byte> config_;
    AudioFacts facts_;
    unsigned frames_in_element_ = 1;
    unsigned fixed_bytes_ = 0;  ///< of each frame; 0: told with it
    std::vector<std::vector<std::byte>> frames_;
};

}  // namespace sg::formats
