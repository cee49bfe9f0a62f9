#include "attempt_sink.hpp"

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>

namespace sg::engine {
namespace {

Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    SG_TRY_ASSIGN(auto fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
    return write_all(fd.get(), bytes, path.string());
}

}  // namespace

std::string segment_file(std::int64_t number) {
    return fmt::format("seg-{}.m4s", number);
}

std::string result_text(const nlohmann::json& rest,
                        const std::vector<std::unique_ptr<AttemptSink>>& sinks) {
    std::vector<const TrackPart*> tracks;
    for (const auto& sink : sinks) {
        if (sink != nullptr) tracks.push_back(&sink->part());
    }
    return tracks_text(rest.is_null() ? nlohmann::json::object() : rest, tracks);
}

AttemptSink::AttemptSink(std::filesystem::path attempt, std::string rendition)
    : folder_(std::move(attempt) / rendition) {}

Status AttemptSink::on_track(const packagers::TrackDescription& track,
                             std::span<const std::byte> init) {
    SG_TRY(make_folders(folder_));
    SG_TRY(write_file(folder_ / track.init_file, init));
    part_.description = track;
    return {};
}

Status AttemptSink::on_segment(const packagers::CmafSegment& segment) {
    SG_TRY(write_file(folder_ / segment_file(segment.index.number), segment.bytes));
    bytes_.fetch_add(static_cast<std::int64_t>(segment.bytes.size()), std::memory_order_relaxed);
    part_.segments.push_back(segment.index);
    return after_segment ? after_segment(part_.description, segment.index) : Status();
}

std::filesystem::path AttemptSink::segment_path(std::int64_t number) const {
    return folder_ / segment_file(number);
}

void AttemptSink::note_segment(const packagers::SegmentIndex& segment) {
    bytes_.fetch_add(static_cast<std::int64_t>(segment.bytes), std::memory_order_relaxed);
    part_.segments.push_back(segment);
}

}  // namespace sg::engine
