#include "single_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <formats/bmff_writer.hpp>

#include "attempt_sink.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "media.mp4";

Status append_file(int to, const fs::path& from, std::uint64_t bytes) {
    SG_TRY_ASSIGN(auto fd, open_file(from, O_RDONLY));
    std::uint64_t left = bytes;
    while (left > 0) {
        const ssize_t n = ::copy_file_range(fd.get(), nullptr, to, nullptr, left, 0);
        if (n > 0) {
            left -= static_cast<std::uint64_t>(n);
            continue;
        }
        if (n == 0)
            return Error{
                Errc::kMismatch,
                fmt::format("join {}: it has fewer bytes than its task wrote", from.string())};
        if (errno == EINTR) continue;
        if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
            return errno_error(errno, "join " + from.string());
        // A file system without the call.
        SG_TRY_ASSIGN(const auto text, read_file(from, bytes));
        return write_all(to, std::as_bytes(std::span(text)).subspan(bytes - left), from.string());
    }
    return {};
}

}  // namespace

Result<packagers::SingleFile> join_segments(const fs::path& from,
                                            const fs::path& to,
                                            const TrackPart& track,
                                            const std::function<Status(std::uint64_t)>& copied) {
    const auto& d = track.description;
    std::vector<formats::SegmentReference> references;
    for (const auto& s : track.segments) {
        references.push_back({static_cast<std::uint32_t>(s.bytes),
                              static_cast<std::uint32_t>(s.duration),
                              s.independent});
    }
    formats::SegmentIndexBox index;
    index.timescale = d.timescale;
    index.earliest_presentation_time =
        static_cast<std::uint64_t>(track.segments.front().start + d.offset);
    index.references = references;
    std::vector<std::byte> sidx;
    SG_TRY(formats::append_segment_index(index, sidx));

    const auto path = to / kName;
    SG_TRY_ASSIGN(auto out, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
    SG_TRY(append_file(out.get(), from / d.init_file, d.init_bytes));
    SG_TRY(write_all(out.get(), sidx, path.string()));
    for (const auto& s : track.segments) {
        SG_TRY(append_file(out.get(), from / segment_file(s.number), s.bytes));
        SG_TRY(copied(s.bytes));
    }

    packagers::SingleFile single;
    single.name = kName;
    single.index_offset = d.init_bytes;
    single.index_bytes = sidx.size();
    single.media_offset = d.init_bytes + sidx.size();
    return single;
}

}  // namespace sg::engine
