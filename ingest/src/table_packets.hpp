#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_sample_table.hpp>
#include <ingest/facts.hpp>
#include <ingest/source.hpp>
#include <ingest/table_stream.hpp>
#include <media/packet.hpp>

namespace sg::ingest {

/// The packets of a progressive MP4 or MOV by its sample tables, as libav's demuxer gives them, in
/// memory that does not grow with the movie's length.
class TablePackets {
  public:
    /// kMismatch when the file does not have these tracks. `fd` outlives this.
    [[nodiscard]] static Result<std::unique_ptr<TablePackets>> open(
        int fd, const SourceFacts& facts, const std::vector<TableStream>& streams);

    /// Whether all these streams can be read.
    [[nodiscard]] bool has(const std::vector<bool>& wanted) const;
    /// kEndOfStream at the end, and where the file is cut off.
    [[nodiscard]] Result<media::Packet> next(const std::vector<bool>& wanted,
                                             std::int64_t max_bytes,
                                             DamageCounters& damage);
    void rewind();
    /// To the stream's last key packet decoded at or before this time; other streams to what is
    /// decoded at that one's time.
    [[nodiscard]] Status seek(int stream, std::int64_t dts);
    /// In the file, of the last packet read.
    [[nodiscard]] std::int64_t position() const { return position_; }

  private:
    struct Track {
        Track(TableStream stream, media::Timebase base, bool sound, formats::SampleTable samples)
            : about(stream),
              timebase(base),
              audio(sound),
              table(std::move(samples)),
              cursor(table) {}
        TableStream about;
        media::Timebase timebase;
        bool audio;
        std::int64_t sample_rate = 0;
        std::int64_t first_dts = 0;  ///< of the first packet
        formats::SampleTable table;
        formats::SampleCursor cursor;
        formats::Sample ahead;
        bool has_ahead = false;
        std::int64_t skip = 0;          ///< samples to be cut off from the next packet on
        std::vector<std::byte> window;  ///< of the file, for small samples
        std::uint64_t window_at = 0;
    };

    TablePackets(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    [[nodiscard]] Status go(Track& track, std::uint32_t sample);
    void step(Track& track);
    [[nodiscard]] Track* earliest(const std::vector<bool>& wanted);
    [[nodiscard]] Result<bool> fetch(Track& track, const formats::Sample& sample, std::byte* into);
    [[nodiscard]] Result<media::Packet> packet(Track& track, DamageCounters& damage);

    int fd_;
    std::string name_;
    std::vector<std::unique_ptr<Track>> tracks_;
    std::int64_t position_ = 0;
};

}  // namespace sg::ingest
