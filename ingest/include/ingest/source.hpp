#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <ingest/facts.hpp>
#include <ingest/table_stream.hpp>
#include <media/packet.hpp>
#include <pipeline/plan.hpp>

namespace sg::ingest {

/// Bounds of what a source may make us do.
struct InputLimits {
    std::int64_t probe_bytes = std::int64_t{16} << 20;  ///< read to learn the streams
    std::int64_t probe_media_ms = 5000;                 ///< media time looked at for the same
    std::int64_t look_bytes = std::int64_t{8} << 20;    ///< kept in memory for Depth::kFull
    std::int64_t look_packets = 3000;
    std::int64_t look_media_ms = 15000;
    std::chrono::milliseconds open_timeout{20'000};
    std::chrono::milliseconds read_timeout{30'000};  ///< one read_packet() or seek()
    int max_streams = 64;
    std::int64_t max_pixels = std::int64_t{16384} * 8704;
    std::int64_t max_side = 16384;
    std::int64_t max_duration_s = std::int64_t{14} * 24 * 3600;
    /// Of a movie with more samples than this (all tracks), the demuxer may be shown so many of
    /// each track's first.
    std::uint64_t abridge_from_samples = 20'000;
    std::uint32_t abridged_samples = 4096;
    std::int64_t max_packet_bytes = std::int64_t{256} << 20;
};

enum class Depth {
    kFull,   ///< also look at the first packets: key frame spacing, true rate, encryption, warnings
    kBrief,  ///< only what is needed to read packets: for tasks whose plan already knows the rest
};

struct OpenOptions {
    UniqueFd fd;  ///< of a regular file; read with pread, so its offset does not matter
    std::filesystem::path path;  ///< opened when `fd` is not valid
    std::string name;            ///< for messages; empty: the path's file name
    std::string demuxer;  ///< forced short name, so that probing cannot differ; empty: found out
    Depth depth = Depth::kFull;
    bool identify = false;  ///< fill SourceFacts::identity
    /// The source is a progressive MP4 or MOV with these packets: they are read by its sample
    /// tables. Streams that are not among them make libav's demuxer read all.
    std::vector<TableStream> tables;
    /// The demuxer may see only the ends of a long movie's sample tables, so that it needs no
    /// memory for the rest: packets are right only after read_by_tables() or show_whole().
    bool abridge = false;
    InputLimits limits;
    std::stop_token stop;
};

struct DamageCounters {
    std::int64_t corrupt_packets = 0;  ///< marked by the demuxer, handed out all the same
    std::int64_t read_errors = 0;      ///< passed over
    std::int64_t oversized = 0;
    std::int64_t before_zero = 0;  ///< their times lie where the container has none; given back
    bool truncated = false;        ///< the end came before the container's own
};

/// An open media file: a demuxer over a file descriptor. Opens nothing else, whatever the file
/// refers to. One thread at a time.
class MediaInput {
  public:
    /// Errors in one plain line: kNotFound, kPermission, kInvalidArgument (a folder), kBadData
    /// (empty, text, cut off), kUnsupported (encrypted, a format outside the allowed ones), kLimit,
    /// kTimeout, kCancelled.
    [[nodiscard]] static Result<std::unique_ptr<MediaInput>> open(OpenOptions options);
    ~MediaInput();
    MediaInput(const MediaInput&) = delete;
    MediaInput& operator=(const MediaInput&) = delete;

    [[nodiscard]] const SourceFacts& facts() const;
    /// In the stream's timebase. The position is filled in for packets that the container cuts
    /// finer than it addresses. kEndOfStream at the end; kIo after too many read errors; kTimeout;
    /// kCancelled.
    [[nodiscard]] Result<media::Packet> read_packet();
    /// The next packet of the point's stream that matches it comes after at most some that do not:
    /// drop those. `stream` is the one the point was taken from. A point without pts is the start
    /// of the source.
    [[nodiscard]] Status seek(const pipeline::SeekPoint& point,
                              pipeline::SeekMethod method,
                              int stream);
    /// Packets of other streams are not read where the container allows, and never returned.
    void select(const std::vector<int>& streams);
    [[nodiscard]] const DamageCounters& damage() const;
    /// Bytes of the source read so far, roughly: for progress.
    [[nodiscard]] std::int64_t position() const;
    [[nodiscard]] int fd() const;
    void set_stop(std::stop_token stop);

    [[nodiscard]] bool abridged() const;
    /// From here on, and from the start of the source.
    [[nodiscard]] Status read_by_tables(const std::vector<TableStream>& tables);
    [[nodiscard]] Status show_whole();

  private:
    struct State;
    explicit MediaInput(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Whether this packet is the one the point names.
[[nodiscard]] bool matches(const media::Packet& packet,
                           const pipeline::SeekPoint& point,
                           pipeline::SeekMethod method);

}  // namespace sg::ingest
