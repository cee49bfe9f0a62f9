#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <base/result.hpp>
#include <ingest/picture_parser.hpp>
#include <ingest/source.hpp>
#include <media/packet.hpp>
#include <pipeline/plan.hpp>

namespace sg::ingest {

/// Packets of a source that all have a presentation time: what a container leaves out (AVI, program
/// streams, raw streams) is worked out from decoding times and the order of display, the same way
/// wherever reading starts.
class TimedReader {
  public:
    /// The input stays the caller's and must outlive this.
    explicit TimedReader(MediaInput& input);

    struct TimedPacket {
        media::Packet packet;
        bool filled = false;        ///< its pts was not in the source
        bool second_field = false;  ///< completes the picture of the packet before it
        bool idr = false;           ///< meaningful for key packets
    };
    /// Errors: those of MediaInput::read_packet().
    [[nodiscard]] Result<TimedPacket> read();
    [[nodiscard]] Status seek(const pipeline::SeekPoint& point,
                              pipeline::SeekMethod method,
                              int stream);

    /// Times of this stream are counted from the start of the source: reading must begin there.
    [[nodiscard]] bool counted(int stream) const;
    [[nodiscard]] MediaInput& input() { return input_; }

  private:
    struct Stream {
        explicit Stream(const StreamFacts& facts, bool every_picture);
        media::MediaType type;
        media::Timebase timebase;
        bool h264 = false;
        bool reorders =
            false;  ///< MPEG-1, 2, 4: a reference picture is shown when the next one is decoded
        bool every_picture = false;  ///< parse all packets, not only key packets
        PictureParser parser;
        std::int64_t frame_ticks = 0;
        std::int64_t audio_ticks = 0;
        std::int64_t next = 0;  ///< counted time of the next picture or run of samples
        bool counted = false;
        bool half_picture = false;
        std::int64_t last_pts = media::kNoTime;
        struct Waiting {
            TimedPacket packet;
            std::int64_t order = 0;
        };
        std::deque<Waiting> gop;  ///< pictures whose times follow from those after them
    };

    void take(Stream& s, media::Packet packet);
    void give_dts(Stream& s, TimedPacket timed);
    void settle(Stream& s);
    void settle_gop(Stream& s);
    void settle_reference(Stream& s, std::int64_t next_dts);
    void fill_audio(Stream& s, TimedPacket& timed);

    MediaInput& input_;
    std::vector<Stream> streams_;
    std::deque<TimedPacket> ready_;
    bool at_end_ = false;
};

}  // namespace sg::ingest
