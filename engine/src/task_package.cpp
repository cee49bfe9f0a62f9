#include <nlohmann/json.hpp>

#include <base/file.hpp>

#include "attempt_sink.hpp"
#include "presentation.hpp"
#include "single_file.hpp"
#include "task.hpp"
#include "task_meter.hpp"
#include "ts_presentation.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Status link_segments(const fs::path& from, const fs::path& to, const TrackPart& track) {
    SG_TRY(link_file(from / track.description.init_file, to / track.description.init_file));
    for (const auto& s : track.segments)
        SG_TRY(link_file(from / segment_file(s.number), to / segment_file(s.number)));
    return {};
}

/// The folder itself stays: it is what the sandbox lets us write to.
Status clear(const fs::path& folder) {
    SG_TRY(make_folders(folder));
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator();
         at.increment(failed)) {
        fs::remove_all(at->path(), failed);
        if (failed) break;
    }
    if (failed) return errno_error(failed.value(), "clear " + folder.string());
    return {};
}

}  // namespace

Result<std::string> run_package_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, pipeline::Plan::from_json(request.plan));
    SG_TRY_ASSIGN(const auto document, tracks_from_text(request.tracks));
    const auto& tracks = document.tracks;
    const auto& wanted = plan.packaging;
    SG_TRY(clear(request.folder));

    std::uint64_t total = 0;
    for (const auto& t : tracks) {
        for (const auto& s : t.segments) total += s.bytes;
    }
    TaskMeter meter(context.progress, static_cast<std::int64_t>(total));
    const auto copied = [&](std::uint64_t bytes) -> Status {
        if (context.stop.stop_requested()) return Error{Errc::kCancelled, "package: stopped"};
        return meter.advance(static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(bytes));
    };
    json result;
    result["single_files"] = json::array();
    for (const auto& track : tracks) {
        const auto& name = track.description.rendition;
        const auto to = request.folder / name;
        if (!wanted.hls_cmaf && !wanted.dash) continue;
        SG_TRY(make_folders(to));
        if (!wanted.single_file) {
            SG_TRY(link_segments(request.stage / name, to, track));
            continue;
        }
        SG_TRY_ASSIGN(const auto single, join_segments(request.stage / name, to, track, copied));
        result["single_files"].push_back({{"rendition", name},
                                          {"name", single.name},
                                          {"index_offset", single.index_offset},
                                          {"index_bytes", single.index_bytes},
                                          {"media_offset", single.media_offset}});
    }
    if (wanted.hls_ts)
        SG_TRY(write_ts_presentation(request.stage, request.folder, plan, tracks, copied));
    return result.dump();
}

}  // namespace sg::engine
