#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// MPEG-2 transport streams, ISO/IEC 13818-1, one program.

namespace sg::formats::ts {

inline constexpr std::size_t kPacketBytes = 188;

/// stream_type, ISO/IEC 13818-1 Table 2-34; AC-3 and E-AC-3 as in ATSC A/52 Annex A, which is what
/// HLS players expect.
enum class StreamType : std::uint8_t {
    kMpeg1Audio = 0x03,
    kMpeg2Audio = 0x04,  ///< half sampling rates
    kAac = 0x0f,         ///< in ADTS frames
    kH264 = 0x1b,
    kHevc = 0x24,
    kAc3 = 0x81,
    kEac3 = 0x87,
};

struct Stream {
    StreamType type = StreamType::kH264;
    std::string language;  ///< BCP 47; empty or "und": not said
};

/// One PES packet: an access unit of video (Annex B, ITU-T H.264), or one or more whole audio
/// frames.
struct Unit {
    std::size_t stream = 0;
    std::int64_t pts = 0;  ///< 90 kHz, written modulo 2^33; not negative
    std::int64_t dts = 0;  ///< not above pts
    bool random_access = false;
    std::span<const std::byte>
        payload;  ///< audio: under 65000 bytes, so that its length can be written
};

/// Writes packets into the caller's buffer. Each segment starts with PAT and PMT. The clock (PCR)
/// goes with the first video stream, else the first stream, and stands at most 90 ms apart within a
/// segment.
class Writer {
  public:
    explicit Writer(std::vector<Stream> streams);

    void begin_segment(std::vector<std::byte>& out);
    void write(const Unit& unit, std::vector<std::byte>& out);

    /// Continuity counters, PAT and PMT first: the whole state that outlives a segment. A writer
    /// with the same streams that takes them over goes on where this one stands.
    [[nodiscard]] const std::vector<std::uint8_t>& counters() const { return counters_; }
    /// False when there are not as many as this writer has.
    [[nodiscard]] bool set_counters(std::vector<std::uint8_t> counters);

  private:
    void write_section(std::size_t counter,
                       unsigned pid,
                       std::span<const std::byte> section,
                       std::vector<std::byte>& out);
    void write_clock(std::int64_t pcr, std::vector<std::byte>& out);
    [[nodiscard]] std::uint8_t next_counter(std::size_t index);

    std::vector<Stream> streams_;
    std::vector<std::uint8_t> counters_;  ///< the value that the next packet with payload carries
    std::vector<std::byte> pat_;
    std::vector<std::byte> pmt_;
    std::size_t clock_stream_ = 0;
    bool has_clock_ = false;  ///< in this segment
    std::int64_t last_clock_ = 0;
};

/// CRC-32 of PSI sections, ISO/IEC 13818-1 Annex A.
[[nodiscard]] std::uint32_t section_crc(std::span<const std::byte> bytes);

}  // namespace sg::formats::ts
