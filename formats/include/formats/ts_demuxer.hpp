#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <formats/nal.hpp>

// Demultiplexer for transport streams as they arrive (ISO/IEC 13818-1): bytes are pushed in any
// split, whole pictures and audio frames come out.

namespace sg::formats::ts {

enum class TrackFormat {
    kH264,
    kHevc,
    kAac,      ///< in ADTS frames
    kAacLatm,  ///< in LATM and LOAS
    kAc3,
    kEac3,
    kOpus,
    kMpegAudio,  ///< layers I to III
    kScte35,     ///< sections, ANSI/SCTE 35
    kOther,      ///< told in the tables, but not taken apart; `name` says what it is
};

struct Track {
    unsigned pid = 0;
    TrackFormat format = TrackFormat::kOther;
    std::uint8_t stream_type = 0;  ///< as in the PMT
    std::string name;              ///< for people: "MPEG-2 video", "stream type 0x42"
    std::string language;          ///< ISO 639-2, lower case; empty when not said
    std::uint8_t audio_type = 0;   ///< ISO/IEC 13818-1 Table 2-60: 2 hearing, 3 visual impaired
    /// channel_config_code of Opus (ETSI TS 103 491 style); 255 when not said.
    std::uint8_t opus_channels = 255;

    bool operator==(const Track&) const = default;
};

struct Program {
    unsigned number = 0;
    unsigned pmt_pid = 0;
    unsigned clock_pid = 0;  ///< 0x1fff: none
    bool described = false;  ///< its PMT has come
    std::vector<Track> tracks;

    bool operator==(const Program&) const = default;
};

/// Times are of 90 kHz modulo 2^33, as transmitted.
struct AccessUnit {
    unsigned pid = 0;
    std::optional<std::int64_t> pts;
    std::optional<std::int64_t> dts;  ///< equals pts when only that was sent
    bool estimated = false;           ///< times follow from the units before, none was sent
    bool damaged = false;             ///< bytes of it were lost
    bool discontinuity = false;       ///< bytes were lost before it, or the sender announced a jump
    RandomAccess random_access = RandomAccess::kNone;  ///< from the bitstream; audio: kClosed
    std::uint32_t samples = 0;                         ///< audio: per channel, at `sample_rate`
    std::uint32_t sample_rate = 0;                     ///< audio: of the core coder
    std::uint32_t trim_start = 0;                      ///< Opus: samples at 48 kHz to drop
    std::uint32_t trim_end = 0;
    /// Video in Annex B; ADTS frame with its header (formats/adts.hpp); raw frame of AAC in LATM;
    /// frames of AC-3, E-AC-3 (all substreams, six blocks) and MPEG audio; an Opus packet without
    /// its control header. Valid during the call.
    std::span<const std::byte> bytes;
    std::span<const std::byte> config;  ///< AAC in LATM: AudioSpecificConfig, as long as `bytes`
};

struct Section {
    unsigned pid = 0;
    /// Last of the program's video (else of its first track), and its last clock, both 90 kHz.
    std::optional<std::int64_t> pts;
    std::optional<std::int64_t> clock;
    std::span<const std::byte> bytes;  ///< whole, CRC checked
};

/// Called from within push() and flush().
class DemuxSink {
  public:
    virtual ~DemuxSink() = default;
    /// All programs there are now. Tracks that keep PID and format go on undisturbed.
    virtual void on_programs(std::span<const Program> programs) = 0;
    virtual void on_unit(const AccessUnit& unit) = 0;
    virtual void on_section(const Section& section) = 0;
    /// Program clock reference, 27 MHz modulo 300 * 2^33.
    virtual void on_clock(unsigned pid, std::int64_t clock, bool discontinuity) = 0;
};

struct DemuxLimits {
    std::size_t programs = 32;
    std::size_t tracks = 64;                  ///< of all programs
    std::size_t video_unit_bytes = 8U << 20;  ///< larger pictures are dropped
    std::size_t buffered_bytes = 24U << 20;   ///< of all tracks
};

/// What was wrong with the bytes so far.
struct DemuxCounters {
    std::uint64_t packets = 0;
    std::uint64_t sync_losses = 0;
    std::uint64_t skipped_bytes = 0;      ///< between packets, while out of sync
    std::uint64_t transport_errors = 0;   ///< packets flagged as damaged
    std::uint64_t continuity_errors = 0;  ///< counter breaks
    std::uint64_t duplicates = 0;
    std::uint64_t scrambled = 0;
    std::uint64_t bad_sections = 0;  ///< wrong CRC or length
    std::uint64_t bad_pes = 0;       ///< damaged headers
    std::uint64_t damaged_units = 0;
    std::uint64_t dropped_units = 0;  ///< too large
    std::uint64_t audio_resyncs = 0;  ///< bytes that were no audio frame were skipped
};

/// Takes hostile bytes; memory stays within the limits. Not thread-safe; must not be destroyed or
/// pushed to from within the sink.
class TsDemuxer {
  public:
    explicit TsDemuxer(DemuxSink& sink, const DemuxLimits& limits = {});
    ~TsDemuxer();
    TsDemuxer(TsDemuxer&&) noexcept;
    TsDemuxer& operator=(TsDemuxer&&) noexcept;

    /// Packets of 188 bytes, or 188 within 192 or 204.
    void push(std::span<const std::byte> bytes);
    /// Delivers what is still gathered: the stream ends here. More may be pushed afterwards.
    void flush();

    [[nodiscard]] const DemuxCounters& counters() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::formats::ts
