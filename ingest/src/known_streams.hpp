#pragma once

struct AVFormatContext;
struct AVStream;

namespace sg::ingest {

/// Fills in what a stream's configuration record says and libav would else decode pictures to find
/// out: for H.264 in MP4 and MOV that is progressive, 8-bit 4:2:0 and reorders as its container
/// says. True when nothing is left to find by decoding. To be called before
/// avformat_find_stream_info().
[[nodiscard]] bool describe_known_stream(const AVFormatContext& context, AVStream& stream);

}  // namespace sg::ingest
