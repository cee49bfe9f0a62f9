#include "open_task_source.hpp"

#include <nlohmann/json.hpp>

namespace sg::engine {
namespace {

using nlohmann::json;

Result<std::vector<ingest::TableStream>> table_streams_from(const std::string& text) {
    std::vector<ingest::TableStream> streams;
    if (text.empty()) return streams;
    try {
        for (const auto& j : json::parse(text)) {
            ingest::TableStream s;
            j.at(0).get_to(s.stream);
            j.at(1).get_to(s.track_id);
            j.at(2).get_to(s.first);
            j.at(3).get_to(s.end);
            j.at(4).get_to(s.pts_offset);
            j.at(5).get_to(s.dts_offset);
            j.at(6).get_to(s.discarded);
            j.at(7).get_to(s.last_duration);
            j.at(8).get_to(s.skip_samples);
            streams.push_back(s);
        }
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a task's sample tables: ") + e.what()};
    }
    return streams;
}

}  // namespace

std::string table_streams_json(const std::vector<ingest::TableStream>& streams) {
    if (streams.empty()) return {};
    json all = json::array();
    for (const auto& s : streams)
        all.push_back({s.stream,
                       s.track_id,
                       s.first,
                       s.end,
                       s.pts_offset,
                       s.dts_offset,
                       s.discarded,
                       s.last_duration,
                       s.skip_samples});
    return all.dump();
}

Result<std::unique_ptr<ingest::MediaInput>> open_task_source(const TaskRequest& request,
                                                             const pipeline::Plan& plan,
                                                             TaskContext& context) {
    ingest::OpenOptions open;
    open.fd = std::move(context.fds.front());
    open.name = request.source_name;
    open.demuxer = plan.source.demuxer;
    open.depth = ingest::Depth::kBrief;
    SG_TRY_ASSIGN(open.tables, table_streams_from(request.sample_tables));
    open.stop = context.stop;
    return ingest::MediaInput::open(std::move(open));
}

}  // namespace sg::engine
