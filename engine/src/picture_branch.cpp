#include "picture_branch.hpp"

#include <utility>

#include <transcoders/frame_filter_stage.hpp>

namespace sg::engine {

Result<PictureBranch> add_picture_branch(pipeline::GraphBuilder& graph,
                                         pipeline::GraphBuilder::Node grid,
                                         const pipeline::VideoPlan& video,
                                         std::int64_t branch,
                                         pipeline::EdgeOptions edge,
                                         transcoders::ScaleStage::Takes takes) {
    PictureBranch added;
    added.renditions = transcoders::branch_renditions(video, branch);
    if (added.renditions.empty()) return added;
    const auto& described = video.branches[static_cast<std::size_t>(branch)];
    SG_TRY_ASSIGN(auto filter, transcoders::FrameFilterStage::create(described.filters));
    SG_TRY_ASSIGN(auto targets, transcoders::scale_targets(video, branch));
    SG_TRY_ASSIGN(auto scale,
                  transcoders::ScaleStage::create(std::move(targets), std::move(takes)));
    const auto filter_node = graph.add_stage("filter-" + described.name, std::move(filter), 1, 1);
    added.scale = graph.add_stage(
        "scale-" + described.name, std::move(scale), 1, static_cast<int>(added.renditions.size()));
    edge.name = "grid>" + described.name;
    graph.connect(grid, 0, filter_node, 0, std::move(edge));
    graph.connect(filter_node, 0, added.scale, 0);
    return added;
}

std::size_t largest_rendition(const pipeline::VideoPlan& video) {
    std::size_t largest = 0;
    std::int64_t most = -1;
    for (std::size_t i = 0; i < video.renditions.size(); ++i) {
        const auto& r = video.renditions[i];
        if (r.mode != pipeline::RenditionMode::kEncode || r.width * r.height <= most) continue;
        largest = i;
        most = r.width * r.height;
    }
    return largest;
}

}  // namespace sg::engine
