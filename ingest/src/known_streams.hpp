#pragma once

struct AVFormatContext;

namespace sg::ingest {

/// Gives libav what a stream's configuration record says and it would else decode pictures to find
/// out: for H.264 in MP4 and MOV that is progressive, 8-bit 4:2:0 and tells its reordering. To be
/// called before avformat_find_stream_info(), which then finds the same as with decoding.
void describe_known_streams(AVFormatContext* context);

}  // namespace sg::ingest
